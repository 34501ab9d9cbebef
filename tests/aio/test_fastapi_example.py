"""The FastAPI example through its application: who asks reaches his own account and nothing of anybody else's."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted import errors
from ctrader_twisted.account import account
from ctrader_twisted.account.feeds import Feed
from ctrader_twisted.aio import Client, Opening, connect
from tests.paths import ROOT

pytest.importorskip("fastapi", reason="fastapi is not installed")
httpx = pytest.importorskip("httpx", reason="httpx is not installed")

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from types import ModuleType

    Running = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]

ORDER = {"side": "buy", "symbol": "EURUSD", "lots": "0.1", "stop_loss_pips": "20"}
SPAN = {"start": "2026-03-02T09:00Z", "end": "2026-03-02T12:00Z"}
USERS = {sha256(token.encode()).hexdigest(): number for token, number in (("ann", 1000001), ("bob", 1000002))}
ANN, BOB = ({"Authorization": f"Bearer {token}"} for token in ("ann", "bob"))


@pytest.fixture
def example() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("fastapi_accounts", ROOT / "examples" / "fastapi_accounts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fastapi_accounts"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["fastapi_accounts"]


@asynccontextmanager
async def served(example: ModuleType) -> AsyncIterator[Any]:
    app = example.accounts_app(connect(simulator=True), USERS)
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://here") as web:
        yield web


def test_each_user_has_the_account_that_the_token_opens(
    run: Running, example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "SETTLE_AFTER", 0.5)

    async def main() -> None:
        async with served(example) as web:
            placed = await web.post("/orders", json=ORDER, headers=ANN)
            assert placed.status_code == 201
            assert placed.json()["state"] == "filled"
            (position,) = (await web.get("/positions", headers=ANN)).json()
            assert (position["side"], position["volume"]) == ("BUY", 1_000_000)
            assert (await web.get("/positions", headers=BOB)).json() == []
            path = f"/orders/{placed.json()['client_order_id']}"
            assert (await web.get(path, headers=ANN)).json() == placed.json()
            assert (await web.get(path, headers=BOB)).status_code == 404
            accounts = [(await web.get("/account", headers=who)).json()["account_id"] for who in (ANN, BOB)]
            assert accounts == [1000001, 1000002]

    run(main)


def test_users_who_ask_at_once_are_not_mixed_up(run: Running, example: ModuleType) -> None:
    async def main() -> None:
        async with served(example) as web:
            who = [ANN, BOB] * 6
            asked = [
                web.post("/orders", json={**ORDER, "side": "buy" if one is ANN else "sell"}, headers=one) for one in who
            ]
            assert {answer.status_code for answer in await asyncio.gather(*asked)} == {201}
            for one, side in ((ANN, "BUY"), (BOB, "SELL")):
                assert [each["side"] for each in (await web.get("/positions", headers=one)).json()] == [side] * 6

    run(main)


def test_nobody_is_answered_without_a_token_of_a_user(run: Running, example: ModuleType) -> None:
    async def main() -> None:
        async with served(example) as web:
            for path in ("/account", "/positions", "/bars/EURUSD", "/orders/1", "/quotes/EURUSD"):
                for headers in ({}, {"Authorization": "Bearer eve"}, {"Authorization": f"Bearer {next(iter(USERS))}"}):
                    assert (await web.get(path, headers=headers)).status_code in (401, 403), path
            assert (await web.post("/orders", json=ORDER)).status_code in (401, 403)
            assert (await web.get("/positions", headers=ANN)).json() == []

    run(main)


def test_bars_and_what_is_refused(run: Running, example: ModuleType) -> None:
    async def main() -> None:
        async with served(example) as web:
            assert len((await web.get("/bars/EURUSD", params=SPAN, headers=ANN)).json()) == 3
            refusals = {
                "unknown": await web.get("/bars/NOTHING", params=SPAN, headers=ANN),
                "no such period": await web.get("/bars/EURUSD", params={**SPAN, "period": "M8"}, headers=ANN),
                "unknown in a stream": await web.get("/quotes/NOTHING", headers=ANN),
                "of no size": await web.post("/orders", json={**ORDER, "lots": "-1"}, headers=ANN),
                "too fine": await web.post("/orders", json={**ORDER, "lots": "0.00001"}, headers=ANN),
                "too large": await web.post("/orders", json={**ORDER, "lots": "900"}, headers=ANN),
            }
            statuses = {what: answer.status_code for what, answer in refusals.items()}
            assert list(statuses.values()) == [404, 400, 404, 422, 400, 409], statuses
            assert refusals["unknown"].json()["error"] == "UnknownSymbol"

    run(main)


class Browser:
    """Asks an application for a stream as a browser does, and goes away."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},  # as uvicorn says
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": named,
        }
        self.gone = asyncio.Event()
        self.heard: list[bytes] = []
        self.some = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message.get("body"):
            self.heard.append(message["body"])
        if len(self.heard) > 2:
            self.some.set()

    async def listen(self, app: Any) -> None:
        await app(self._scope, self.receive, self.send)


def test_a_stream_ends_for_the_server_when_its_browser_goes(run: Running, example: ModuleType) -> None:
    async def main() -> None:
        kept: list[Client] = []

        async def connected() -> Client:
            kept.append(await connect(simulator=True))
            return kept[0]

        app = example.accounts_app(Opening(connected()), USERS)
        async with app.router.lifespan_context(app):
            client = kept[0]
            browsers = [Browser("/quotes/EURUSD", ANN) for _ in range(2)]
            listening = [asyncio.create_task(each.listen(app)) for each in browsers]
            await asyncio.gather(*(each.some.wait() for each in browsers))
            assert browsers[0].heard[0].startswith(b'data: {"bid": "1.')
            browsers[0].gone.set()
            await listening[0]
            assert client.subscriptions(1000001)
            browsers[1].gone.set()
            await listening[1]
            while client.subscriptions(1000001):
                await asyncio.sleep(0.01)

    run(main)


def test_a_stream_whose_feed_fails_says_so_and_ends(
    run: Running, example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        app = example.accounts_app(connect(simulator=True), USERS)
        async with app.router.lifespan_context(app):
            feeds: list[Any] = []
            init = Feed.__init__

            def kept(feed: Any, *args: Any, **kwargs: Any) -> None:
                init(feed, *args, **kwargs)
                feeds.append(feed)

            monkeypatch.setattr(Feed, "__init__", kept)
            browser = Browser("/quotes/EURUSD", ANN)
            listening = asyncio.create_task(browser.listen(app))
            await browser.some.wait()
            feeds[0].fail(errors.RequestNotSent("renewing", "no connection"))
            await listening
            assert browser.heard[-1] == b'event: error\ndata: {"error": "RequestNotSent"}\n\n'

    run(main)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UnknownSymbol("X", ()), 404),
        (errors.ValueRefused("volume", "0", "too little"), 400),
        (errors.OrderNotPlaced("it expires", "leave it out"), 400),
        (errors.SafetyRefused("max_volume", "too much", "less"), 409),
        (errors.TradingHalted("a stop"), 409),
        (errors.NotFilled("an order", "cancelled", 1, 2), 409),
        (errors.NeverArrived("an order", 10.0), 503),
        (errors.SendTimeout("an order", "no turn"), 503),
        (errors.ClientClosed(), 503),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_status_says_whose_fault_it_is(example: ModuleType, error: errors.OpenApiError, status: int) -> None:
    assert example.status_of(error) == status


def test_an_order_that_takes_long_is_told_as_one_that_goes_on(
    run: Running, example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example, "PATIENCE", 0.0)

    async def main() -> None:
        async with served(example) as web:
            placed = await web.post("/orders", json=ORDER, headers=ANN)
            assert placed.status_code == 202
            path = f"/orders/{placed.json()['client_order_id']}"
            while (now := (await web.get(path, headers=ANN)).json())["state"] != "filled":
                await asyncio.sleep(0.02)
            assert now["executed"] == 1_000_000

    run(main)
