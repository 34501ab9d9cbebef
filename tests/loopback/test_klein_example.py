"""The Klein example over real sockets: who asks reaches his own account and nothing of anybody else's."""

from __future__ import annotations

import importlib.util
import json
import sys
from decimal import Decimal
from hashlib import sha256
from runpy import run_path
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from ctrader_twisted import errors
from ctrader_twisted.account import account
from tests.loopback.servers import over_sockets
from tests.paths import ROOT

pytest.importorskip("klein", reason="klein is not installed")
treq = pytest.importorskip("treq", reason="treq is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ORDER = {"side": "buy", "symbol": "EURUSD", "lots": "0.1"}
USERS = {sha256(token).hexdigest(): number for token, number in ((b"ann", 1000001), (b"bob", 1000002))}
ANN, BOB = ({"authorization": f"Bearer {token}"} for token in ("ann", "bob"))


@pytest.fixture
def example() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("klein_accounts", ROOT / "examples" / "klein_accounts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["klein_accounts"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["klein_accounts"]


class Served:
    """The example, served from a simulated venue on a free port."""

    def __init__(self, example: ModuleType) -> None:
        self._example = example

    async def __aenter__(self) -> Served:
        from twisted.internet import reactor

        self.access, self._port = await self._example.serve(reactor, None, USERS, 0)
        self.url = f"http://127.0.0.1:{self._port.getHost().port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._port.stopListening()
        await self.access.close()

    def ask(self, path: str, headers: dict[str, str], order: dict[str, Any] | None = None) -> Deferred[Any]:
        """Give the status and what was answered."""
        return Deferred.fromCoroutine(self._ask(path, headers, order))

    async def _ask(self, path: str, headers: dict[str, str], order: dict[str, Any] | None) -> tuple[int, Any]:
        if order is None:
            answer = await treq.get(self.url + path, headers=headers, persistent=False)
        else:
            answer = await treq.post(self.url + path, json=order, headers=headers, persistent=False)
        return answer.code, json.loads(await answer.content())

    def listen(self, path: str, headers: dict[str, str]) -> Deferred[Any]:
        """Begin to read a stream."""
        return treq.get(self.url + path, headers=headers, unbuffered=True, persistent=False)  # type: ignore[no-any-return]


@over_sockets
async def test_each_user_has_the_account_that_the_token_opens(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "SETTLE_AFTER", 0.5)
    async with Served(example) as served:
        status, placed = await served.ask("/orders", ANN, {**ORDER, "stop_loss_pips": "20"})
        assert (status, placed["state"], placed["executed"]) == (201, "filled", 1_000_000)
        _, (position,) = await served.ask("/positions", ANN)
        assert position["side"] == "BUY"
        assert await served.ask("/positions", BOB) == (200, [])
        path = f"/orders/{placed['client_order_id']}"
        assert await served.ask(path, ANN) == (200, placed)
        assert (await served.ask(path, BOB))[0] == 404
        span = "start=2026-03-02T09:00Z&end=2026-03-02T12:00Z"
        assert len((await served.ask(f"/bars/EURUSD?{span}", BOB))[1]) == 3
        assert len((await served.ask(f"/bars/EURUSD?{span}&period=M15", BOB))[1]) == 12
        for who, number in ((ANN, 1000001), (BOB, 1000002)):
            status, mine = await served.ask("/account", who)
            assert (status, mine["account_id"], set(mine)) == (200, number, {"account_id", "balance", "equity"})
            assert (Decimal(mine["equity"]) != Decimal(mine["balance"])) == (who is ANN)  # who has a position


@over_sockets
async def test_it_says_where_it_listens(example: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    async with Served(example) as served:
        assert capsys.readouterr().out == f"serving on {served.url}\n"


def test_it_has_the_routes_of_the_fastapi_example(example: ModuleType) -> None:
    pytest.importorskip("fastapi", reason="fastapi is not installed")
    pytest.importorskip("httpx", reason="httpx is not installed")
    other = run_path(str(ROOT / "examples" / "fastapi_accounts.py"))
    paths = other["accounts_app"](None, USERS).openapi()["paths"]
    theirs = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    rules = list(example.Accounts.app.url_map.iter_rules())
    mine = {(str(rule).replace("<", "{").replace(">", "}"), each) for rule in rules for each in rule.methods - {"HEAD"}}
    assert mine == theirs


@over_sockets
async def test_users_who_ask_at_once_are_not_mixed_up(example: ModuleType) -> None:
    async with Served(example) as served:
        sides = [(ANN, "buy"), (BOB, "sell")]
        asked = [served.ask("/orders", who, {**ORDER, "side": side}) for who, side in sides * 5]
        assert {status for status, _ in await gatherResults(asked)} == {201}
        for who, side in sides:
            assert [each["side"] for each in (await served.ask("/positions", who))[1]] == [side.upper()] * 5


@over_sockets
async def test_nobody_is_answered_without_a_token_of_a_user(example: ModuleType) -> None:
    async with Served(example) as served:
        for path in ("/account", "/positions", "/bars/EURUSD", "/orders/1", "/quotes/EURUSD"):
            for headers in ({}, {"authorization": "Bearer eve"}, {"authorization": f"Bearer {next(iter(USERS))}"}):
                assert await served.ask(path, headers) == (401, {"error": "no such token"}), path
        assert (await served.ask("/orders", {"authorization": "Basic ann"}, ORDER))[0] == 401
        assert await served.ask("/positions", ANN) == (200, [])


@over_sockets
async def test_what_is_refused_says_whose_fault_it_is(example: ModuleType) -> None:
    async with Served(example) as served:
        assert (await served.ask("/quotes/NOTHING", ANN))[0] == 404
        assert (await served.ask("/bars/EURUSD", ANN))[0] == 400
        assert (await served.ask("/orders", ANN, {"side": "buy"}))[0] == 400
        for lots in ("much", True, "NaN", "Infinity", None):
            assert (await served.ask("/orders", ANN, {**ORDER, "lots": lots}))[0] == 400, lots
        assert (await served.ask("/orders", ANN, [ORDER]))[0] == 400  # type: ignore[arg-type]
        assert (await served.ask("/positions", ANN))[1] == []
        assert (await served.ask("/orders", ANN, {**ORDER, "lots": 0.1}))[0] == 201
        status, said = await served.ask("/orders", ANN, {**ORDER, "lots": "900"})
        assert status == 409
        assert said["error"]


def test_only_what_may_be_repeated_is_said_to_be_nobodys_fault(example: ModuleType) -> None:
    said = {
        errors.NotFilled("an order", "cancelled", 1, 2): 409,
        errors.TradingHalted("a stop"): 409,
        errors.NeverArrived("an order", 10.0): 503,
        errors.ClientClosed(): 503,
    }
    assert {error: example.status_of(error) for error in said} == said


@over_sockets
async def test_an_order_that_takes_long_is_told_as_one_that_goes_on(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example, "PATIENCE", 0)
    async with Served(example) as served:
        status, placed = await served.ask("/orders", ANN, ORDER)
        assert status == 202
        ann = await served.access.account(1000001)
        order = await ann.find(placed["client_order_id"])
        await order.filled()
        assert len((await served.ask("/positions", ANN))[1]) == 1


@over_sockets
async def test_a_stream_of_quotes_ends_for_the_server_when_its_listener_goes(example: ModuleType) -> None:
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    async with Served(example) as served:
        stream = await served.listen("/quotes/EURUSD", ANN)
        heard, some = [], Deferred[None]()

        def hear(data: bytes) -> None:
            heard.append(data)
            if len(heard) == 2:
                some.callback(None)

        collected = stream.collect(hear)
        collected.addErrback(lambda failure: None)  # it is cut
        await some
        assert heard[0].startswith(b'data: {"bid": "1.')
        assert served.access.client.subscriptions(1000001)
        stream.original._transport.loseConnection()
        while served.access.client.subscriptions(1000001):
            await deferLater(reactor, 0.02)
        await collected


def test_what_writes_waits_while_the_other_side_does_not_read(example: ModuleType) -> None:
    pace = example.Pace()
    assert pace.ready().called
    pace.pauseProducing()
    waiting = pace.ready()
    assert not waiting.called
    pace.resumeProducing()
    pace.resumeProducing()
    assert waiting.called
    assert pace.ready().called
