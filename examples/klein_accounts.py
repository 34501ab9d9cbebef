"""Several users' accounts over one connection, served by Klein: positions, bars, orders, and a stream of quotes.

As it is, it serves itself from a simulated venue, asks as two users, and ends. To serve it for real, on port 8080 of
this machine alone, behind what does TLS::

    python klein_accounts.py ctrader.toml users.json

``users.json`` says whose token opens which account: ``{"SHA-256 of the token, in hex": 1000001}``. A token is long and
random (``python -c "import secrets; print(secrets.token_urlsafe(32))"``), and only its user has it.

To try it by hand give it a simulated venue: the ``practice.toml`` of docs/tutorial.md in place of ``ctrader.toml``.
With the token ``secret``::

    python -c 'import hashlib, json; print(json.dumps({hashlib.sha256(b"secret").hexdigest(): 1000001}))' > users.json
    python klein_accounts.py practice.toml users.json
    curl -H "Authorization: Bearer secret" http://127.0.0.1:8080/account
    curl -H "Authorization: Bearer secret" http://127.0.0.1:8080/orders \
        -d '{"side": "buy", "symbol": "EURUSD", "lots": "0.1", "stop_loss_pips": "20"}'
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import treq
from klein import Klein
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, succeed
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.internet.task import react
from twisted.web.http_headers import Headers
from twisted.web.server import Site
from zope.interface import implementer

from ctrader_twisted import entry
from ctrader_twisted.errors import (
    ClientClosed,
    EventsDropped,
    LocalError,
    NeverArrived,
    OpenApiError,
    OrderEnded,
    OrderRefused,
    SafetyRefused,
    TradingHalted,
    UnknownSymbol,
)
from ctrader_twisted.market import Lots, Pips

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.python.failure import Failure
    from twisted.web.iweb import IRequest

    from ctrader_twisted.account import Account, Feed, Order
    from ctrader_twisted.market import Quote

PATIENCE = 10.0
"""Seconds that an answer waits for an order. It may take longer: then the answer says where it stands."""


class Unauthorised(Exception):
    """Whoever asks has no token of a user."""


class Accounts:
    """The application.

    :param accounts: the accounts that are served, ready, by ctidTraderAccountId.
    :param users: which of them a token opens, by the token's SHA-256 in hex.
    """

    app = Klein()

    def __init__(self, reactor: Any, accounts: Mapping[int, Account], users: Mapping[str, int]) -> None:
        self._reactor = reactor
        self._accounts = accounts
        self._users = users

    def account_of(self, request: IRequest) -> Account:
        """Give the account of whoever asks: the only way to one here, so that nobody reaches another's."""
        kind, _, token = (request.getHeader(b"authorization") or b"").partition(b" ")
        account_id = self._users.get(sha256(token).hexdigest())
        if kind.lower() != b"bearer" or account_id is None:
            raise Unauthorised
        return self._accounts[account_id]

    @app.handle_errors(Unauthorised)
    def unauthorised(self, request: IRequest, failure: Failure) -> bytes:
        request.setHeader(b"www-authenticate", b"Bearer")
        return answer(request, {"error": "no such token"}, 401)

    @app.handle_errors(OpenApiError)
    def refused(self, request: IRequest, failure: Failure) -> bytes:
        error = failure.value
        assert isinstance(error, OpenApiError)
        return answer(request, {"error": type(error).__name__, "detail": str(error)}, status_of(error))

    @app.handle_errors(ValueError, KeyError, TypeError, InvalidOperation)
    def not_understood(self, request: IRequest, failure: Failure) -> bytes:
        return answer(request, {"error": "not understood", "detail": repr(failure.value)}, 400)

    @app.route("/account", methods=["GET"])
    async def account(self, request: IRequest) -> bytes:
        mine = self.account_of(request)
        await mine.priced()
        said = {"account_id": mine.account_id, "balance": str(mine.balance), "equity": str(mine.equity)}
        return answer(request, said)

    @app.route("/positions", methods=["GET"])
    def positions(self, request: IRequest) -> bytes:
        positions = self.account_of(request).positions.values()
        return answer(
            request,
            [
                {
                    "position_id": one.position_id,
                    "symbol_id": one.symbol_id,
                    "side": one.side.name,
                    "volume": one.volume,
                    "price": str(one.price),
                }
                for one in positions
            ],
        )

    @app.route("/bars/<symbol>", methods=["GET"])
    async def bars(self, request: IRequest, symbol: str) -> bytes:
        mine = self.account_of(request)
        start, end = (datetime.fromisoformat(request.args[name][0].decode()) for name in (b"start", b"end"))
        period = request.args.get(b"period", [b"H1"])[0].decode()
        table = await mine.bars(symbol, period, start, end).whole()
        return answer(request, [{"opened_ms": bar.opened, "close": str(bar.close)} for bar in table.rows()])

    @app.route("/orders", methods=["POST"])
    async def place(self, request: IRequest) -> bytes:
        mine, asked = self.account_of(request), json.load(request.content, parse_float=Decimal)
        if not isinstance(asked, dict) or any(isinstance(one, bool) for one in asked.values()):
            raise ValueError("an object of strings and numbers is asked for")
        distance = asked.get("stop_loss_pips")
        stop_loss = None if distance is None else Pips(Decimal(distance))
        order = mine.market(asked["side"], asked["symbol"], Lots(Decimal(asked["lots"])), stop_loss=stop_loss)
        try:
            await order.filled().addTimeout(PATIENCE, self._reactor)
        except TimeoutError:  # it goes on, and must not be placed again: GET /orders/… says what becomes of it
            return answer(request, shown(order), 202)
        return answer(request, shown(order), 201)

    @app.route("/orders/<client_order_id>", methods=["GET"])
    async def order(self, request: IRequest, client_order_id: str) -> bytes:
        try:
            return answer(request, shown(await self.account_of(request).find(client_order_id)))
        except NeverArrived as error:
            return answer(request, {"error": type(error).__name__, "detail": str(error)}, 404)

    @app.route("/quotes/<symbol>", methods=["GET"])
    async def quotes(self, request: IRequest, symbol: str) -> None:
        feed = await self.account_of(request).live.quotes(symbol)
        request.setHeader(b"content-type", b"text/event-stream")
        pace = Pace()
        consumer = IConsumer(request)
        consumer.registerProducer(pace, True)
        try:
            await copy(feed, request, pace)
        except CancelledError:  # by Klein, since the listener has gone
            return
        except OpenApiError as error:
            said = json.dumps({"error": type(error).__name__})
            request.write(f"event: error\ndata: {said}\n\n".encode())
        finally:
            feed.close()
        consumer.unregisterProducer()


async def copy(feed: Feed[Quote], request: IRequest, pace: Pace) -> None:
    """Write quotes as they come, until the feed is closed."""
    while not feed.closed:
        try:
            async for quote in feed:
                said = json.dumps({"bid": str(quote.bid), "ask": str(quote.ask)})
                request.write(f"data: {said}\n\n".encode())
                await pace.ready()
        except EventsDropped:  # a slow listener misses the oldest
            continue


@implementer(IPushProducer)
class Pace:
    """Holds up who writes while the other side does not read."""

    def __init__(self) -> None:
        self._resumed: Deferred[None] = succeed(None)

    def ready(self) -> Deferred[None]:
        """Give a Deferred that fires when more may be written."""
        return self._resumed

    def pauseProducing(self) -> None:
        self._resumed = Deferred()

    def resumeProducing(self) -> None:
        resumed, self._resumed = self._resumed, succeed(None)
        if not resumed.called:
            resumed.callback(None)

    def stopProducing(self) -> None:
        self.resumeProducing()


def answer(request: IRequest, what: object, status: int = 200) -> bytes:
    """Answer with JSON."""
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(what).encode()


def status_of(error: OpenApiError) -> int:
    """Say whose fault an error is: the request's, the account's, or nobody's here (503: it may be repeated)."""
    if isinstance(error, UnknownSymbol):
        return 404
    if isinstance(error, OrderRefused | OrderEnded | SafetyRefused | TradingHalted):
        return 409  # an order that has ended otherwise may be executed in part
    return 400 if isinstance(error, LocalError) and not isinstance(error, ClientClosed) else 503


def shown(order: Order) -> dict[str, Any]:
    """Say where an order stands."""
    return {
        "client_order_id": order.client_order_id,
        "state": order.state.value,
        "executed": order.executed,
        "price": None if order.average_price is None else str(order.average_price),
    }


async def serve(reactor: Any, config: str | None, users: Mapping[str, int], port: int) -> tuple[entry.Access, Any]:
    """Connect, serve the accounts on a port of this machine, and say where that is.

    :param config: a configuration file; None for a simulated venue.
    :return: what was opened, and the listening port, to be closed and stopped at the end.
    """
    access = await entry.find(config, simulator=config is None).open(reactor, timeout=60)
    accounts = {account_id: await access.account(account_id) for account_id in set(users.values())}
    site = Site(Accounts(reactor, accounts, users).app.resource())
    listening = reactor.listenTCP(port, site, interface="127.0.0.1")
    print(f"serving on http://127.0.0.1:{listening.getHost().port}", flush=True)
    return access, listening


async def for_real(reactor: Any, config: str, users: str) -> None:
    """Serve until the program is ended."""
    access, _ = await serve(reactor, config, json.loads(Path(users).read_text("utf-8")), 8080)
    reactor.addSystemEventTrigger("before", "shutdown", access.close)
    await Deferred()


async def demonstration(reactor: Any) -> None:
    """Serve a simulated venue's two accounts on a free port, and ask as their users."""
    ann, bob = (Headers({"Authorization": [f"Bearer {name}'s token"]}) for name in ("ann", "bob"))
    users = {
        sha256(f"{name}'s token".encode()).hexdigest(): number for name, number in (("ann", 1000001), ("bob", 1000002))
    }
    access, port = await serve(reactor, None, users, 0)
    url = f"http://127.0.0.1:{port.getHost().port}"

    order = {"side": "buy", "symbol": "EURUSD", "lots": "0.1", "stop_loss_pips": "20"}
    print(await (await treq.post(f"{url}/orders", json=order, headers=ann, persistent=False)).json())
    for name, headers in (("ann", ann), ("bob", bob)):
        print(name, "has", await (await treq.get(f"{url}/positions", headers=headers, persistent=False)).json())
    print("nobody:", (await treq.get(f"{url}/positions", persistent=False)).code)
    span = "start=2026-03-02T09:00Z&end=2026-03-02T12:00Z"
    print(await (await treq.get(f"{url}/bars/EURUSD?{span}", headers=ann, persistent=False)).json())
    lines: list[bytes] = []
    heard = Deferred[None]()

    def hear(data: bytes) -> None:
        lines.extend(filter(None, data.split(b"\n\n")))
        if len(lines) > 3 and not heard.called:
            heard.callback(None)

    stream = await treq.get(f"{url}/quotes/EURUSD", headers=ann, unbuffered=True, persistent=False)
    collected = stream.collect(hear)
    await heard
    print(lines[:3])

    await port.stopListening()
    await access.close()
    await collected


if __name__ == "__main__":
    react(for_real if len(sys.argv) > 1 else demonstration, sys.argv[1:])
