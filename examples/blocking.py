"""A plain script: yesterday's bars, ten live quotes, one order. No reactor to run, nothing to await.

It talks to a simulated venue; ``connect("ctrader.toml")`` in place of ``connect(simulator=True)`` is the real thing.
"""

from datetime import UTC, datetime
from itertools import islice

from ctrader_twisted.blocking import connect
from ctrader_twisted.market import Lots, Pips

with connect(simulator=True) as client:
    account = client.account(client.account_ids[0])
    print(account.bars("EURUSD", "H1", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)))
    with account.live.quotes("EURUSD") as quotes:
        for quote in islice(quotes, 10):
            print(quote.bid, quote.ask, quote.spread)
    position = account.buy("EURUSD", Lots("0.1"), stop_loss=Pips(20)).protected()
    print(position.price, position.stop_loss, account.close(position).filled().profit, account.balance)
