"""A script: authorise, ask for yesterday's bars, print ten live quotes, end.

It talks to a simulated venue of its own, so that it runs anywhere. For the real one leave the first two lines of
``main`` out, connect to ``DEMO`` with the id and secret of your application, and authorise your account with its token.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import react

from ctrader_twisted import Application, Environment, OpenApiClient
from ctrader_twisted.market import Quotes, historical_bar
from ctrader_twisted.messages import ProtoOASpotEvent, ProtoOATrendbarPeriod
from ctrader_twisted.sim import Venue
from ctrader_twisted.sim.accounts import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT
from ctrader_twisted.sim.venue import DEFAULT_START

EURUSD = 1


async def main(reactor: Any) -> None:
    venue = Venue(reactor, start=DEFAULT_START)  # a Tuesday morning: markets are open
    port = venue.listen(reactor).getHost().port  # type: ignore[attr-defined]  # an address with a port
    here = Environment("simulator", "localhost", port, trust_root=venue.trust_root_pem)

    client = OpenApiClient(reactor, Application(CLIENT_ID, CLIENT_SECRET), here)
    await client.authorise(EUR_ACCOUNT, ACCESS_TOKEN, timeout=30)

    history = await client.get_trendbars(
        ctidTraderAccountId=EUR_ACCOUNT, symbolId=EURUSD, period="H1", count=5, toTimestamp=DEFAULT_START
    )
    for trendbar in history.trendbar:
        print(historical_bar(EURUSD, ProtoOATrendbarPeriod.H1, trendbar))

    quotes = Quotes()
    spots = client.events(ProtoOASpotEvent)  # before subscribing: the first event may overtake the answer
    await client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[EURUSD])
    for _ in range(10):
        quote = quotes.feed(await anext(spots))
        print(quote.bid, quote.ask, quote.spread)

    await client.close()
    await venue.close()


if __name__ == "__main__":
    react(main)
