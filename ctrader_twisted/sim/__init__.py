"""A simulated cTrader venue, for developing and testing clients of the Open API.

* `venue` the venue itself; `options`, `limits` and `accounts` are what it can be told.
* `server` side: `conversation` is one connection, `answers` what each request gets, `ticker` what is pushed, `dialect`
  how it is written where it is written in JSON.
* `feed` the prices: a seeded model, or a file replayed; `books` the depth around them, `rates` between assets.
* `trading` what the accounts hold: orders are filled, money is reckoned; `trading.state` saves it and loads it.
* `script` misbehaviour at set times, `troubles` what is refused for a while, `weather` schedules drawn at random.
* `oauth` the consent page and the token endpoint.
* `authority` the certificate authority whose trust root is handed out.
* `testing` the kit for one's own tests: a clock, a venue, and clients joined to it in memory.
* `config` and `service` the venue from a table of a configuration file, and as ``twistd ctrader-sim``.
"""

from ctrader_twisted.sim.accounts import Application, Grant, TradingAccount
from ctrader_twisted.sim.authority import Authority
from ctrader_twisted.sim.limits import Limits
from ctrader_twisted.sim.options import Options
from ctrader_twisted.sim.venue import Venue

__all__ = ["Application", "Authority", "Grant", "Limits", "Options", "TradingAccount", "Venue"]
