"""Where a program's own client comes from: what there is to connect with, found, and a client opened with it.

This is what `ctrader_twisted.blocking` and `ctrader_twisted.aio` have in common; it knows neither threads nor asyncio.

* `finding` arguments, a configuration file and the environment's variables, brought together: `find` gives an `Entry`.
* `opening` an `Entry` opened: a client that is ready, and its accounts, an `Access`.
* `hosts` where a configuration's environments are, the simulated venue among them.
* `logs` warnings and errors, told to Python's `logging` while somebody has such a client.
* `limits` the limits that a configuration sets for an account.
"""

from ctrader_twisted.entry.finding import Entry, find
from ctrader_twisted.entry.opening import Access

__all__ = ["Access", "Entry", "find"]
