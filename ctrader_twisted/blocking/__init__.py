"""The same client and account with plain return values, for scripts, notebooks and threads. No reactor to run.

::

    from ctrader_twisted.blocking import connect
    from ctrader_twisted.market import Lots

    with connect("ctrader.toml") as client:
        account = client.account(1000001)
        order = account.buy("EURUSD", Lots("0.1"))
        order.filled()

`connect` gives a `Client`, which works as `ctrader_twisted.OpenApiClient` does, but that each call returns when it is
done, or raises. The reactor runs in a thread that is begun once and looked after; signals, other event loops and
``twisted.internet.reactor`` are left alone. Any number of threads may ask at once.

* `client`, `account`, `order`, `live`, `streams`, `series`, `requests` the faces of the Deferred API.
* `calls` how a method of that becomes one that waits; `link` what the faces of a client share.
* `thread` the reactor's thread; `callbacks` that of listeners.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted import entry
from ctrader_twisted.blocking.account import Account, Valuation
from ctrader_twisted.blocking.calls import MARGIN
from ctrader_twisted.blocking.client import Client, LatestQuotes, client_of
from ctrader_twisted.blocking.link import Link, bound_said, timeout
from ctrader_twisted.blocking.live import Feed, Latest, Live, LiveBook
from ctrader_twisted.blocking.order import Order
from ctrader_twisted.blocking.streams import EventStream
from ctrader_twisted.blocking.thread import reactor_thread
from ctrader_twisted.entry.logs import Telling

if TYPE_CHECKING:
    from pathlib import Path

    from ctrader_twisted.blocking.series import Series
    from ctrader_twisted.credentials import Environment
    from ctrader_twisted.settings import Settings

__all__ = [
    "Account",
    "Client",
    "EventStream",
    "Feed",
    "Latest",
    "LatestQuotes",
    "Live",
    "LiveBook",
    "Order",
    "Series",
    "Valuation",
    "connect",
    "timeout",
]


def connect(
    config: str | Path | None = None,
    *,
    simulator: bool = False,
    environment: str | Environment | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    access_token: str | None = None,
    tokens: str | Path | None = None,
    settings: Settings | None = None,
    timeout: float | None = 60.0,
) -> Client:
    """Connect, and give the client when it is ready: the application is authorised, and the accounts are known.

    :param config: a configuration file as the daemon has it; what is given besides counts before it. Its limits and
        aliases hold.
    :param simulator: connect to a simulated venue that runs in this process and ends with the client; nothing else is
        needed. Its market is that of Tuesday 2026-03-03, 09:00 UTC, unless the file's ``[simulator]`` says otherwise.
    :param environment: ``"demo"``, ``"live"``, the name of one of the file's, or an `Environment`. By default the one
        that the file's accounts are on, else the demo environment.
    :param client_id: of the application; by default ``CTRADER_CLIENT_ID``, else the file's.
    :param client_secret: of the application; by default ``CTRADER_CLIENT_SECRET``, else the file's.
    :param access_token: opens accounts, and is never refreshed; by default the tokens that are kept, else
        ``CTRADER_ACCESS_TOKEN``.
    :param tokens: the file in which tokens are kept; by default the configuration's, or that of ``ctrader login``.
    :param settings: limits and times of the client, in place of the configuration's.
    :param timeout: seconds that each call waits at most, this one included; None for as long as it takes. A ``with
        timeout(…)`` counts before it.
    :return: the client, which is to be closed: use it with ``with``. One that is not is closed when nobody has it any
        more, or at the interpreter's end.
    :raises ConfigurationError: naming file or argument, and remedy.
    :raises NotReadyInTime: which is a TimeoutError, and says why.
    :raises ApplicationRefused: if client id or secret are wrong.
    """
    found = entry.find(
        config,
        simulator=simulator,
        environment=environment,
        client_id=client_id,
        client_secret=client_secret,
        access_token=access_token,
        tokens=tokens,
    )
    thread = reactor_thread()
    said, seconds = bound_said()
    bound = seconds if said else timeout
    with Telling():
        access = thread.wait(
            "connect()",
            lambda: found.open(thread.reactor, settings=settings, timeout=bound),
            None if bound is None else bound + MARGIN,
            undo=lambda opened: opened.close(),
        )
        return client_of(Link(thread, access, timeout))


def __getattr__(name: str) -> object:
    """Import what needs numpy when it is asked for."""
    if name == "Series":
        from ctrader_twisted.blocking.series import Series

        return Series
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
