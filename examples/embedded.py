"""Embedded in an application: a web page of live quotes, with the client as one service among others.

It serves http://127.0.0.1:PORT/ from a simulated venue of its own, fetches the page once itself, and ends.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Site

from ctrader_twisted import Application, Disconnected, Environment, OpenApiClient, Resynchronised
from ctrader_twisted.market import Quotes
from ctrader_twisted.messages import ProtoOASpotEvent
from ctrader_twisted.sim import Venue
from ctrader_twisted.sim.accounts import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT
from ctrader_twisted.sim.venue import DEFAULT_START

if TYPE_CHECKING:
    from twisted.web.server import Request

NAMES = {1: "EURUSD", 2: "GBPUSD"}


class QuoteBoard(Service):
    """Keeps the last quote of each symbol. After a loss the client heals itself; the board forgets what is stale."""

    def __init__(self, client: OpenApiClient) -> None:
        self.client = client
        self.quotes = Quotes()
        client.on(ProtoOASpotEvent, self.quotes.feed)
        client.on(Disconnected, lambda event: self.quotes.forget())
        client.on(Resynchronised, lambda event: print(f"missed {event.restored_at - event.lost_at:.1f} s"))

    def startService(self) -> None:
        super().startService()
        self.client.start()
        Deferred.fromCoroutine(self._subscribe())

    async def _subscribe(self) -> None:
        await self.client.when_ready()
        await self.client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN)
        await self.client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=list(NAMES))

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self.client.close()


class Page(Resource):
    """The board as JSON."""

    isLeaf = True

    def __init__(self, board: QuoteBoard) -> None:
        super().__init__()
        self._board = board

    def render_GET(self, request: Request) -> bytes:
        quotes = {name: self._board.quotes.get(symbol) for symbol, name in NAMES.items()}
        shown = {name: [str(quote.bid), str(quote.ask)] for name, quote in quotes.items() if quote is not None}
        request.setHeader(b"content-type", b"application/json")
        return json.dumps(shown).encode()


def read(url: str) -> str:
    """Fetch a page, as a browser would."""
    with urlopen(url) as response:
        text: str = response.read().decode()
    return text


async def main(reactor: Any) -> None:
    venue = Venue(reactor, start=DEFAULT_START)
    port = venue.listen(reactor).getHost().port  # type: ignore[attr-defined]
    here = Environment("simulator", "localhost", port, trust_root=venue.trust_root_pem)
    board = QuoteBoard(OpenApiClient(reactor, Application(CLIENT_ID, CLIENT_SECRET), here))

    application = MultiService()
    board.setServiceParent(application)
    application.startService()
    web = reactor.listenTCP(0, Site(Page(board)), interface="127.0.0.1")

    await deferLater(reactor, 2)
    print(await deferToThread(read, f"http://127.0.0.1:{web.getHost().port}/"))

    await application.stopService()
    await web.stopListening()
    await venue.close()


if __name__ == "__main__":
    react(main)
