"""The same client and account for asyncio and uvloop. Nothing of Twisted to know or to run.

::

    import asyncio

    from ctrader_twisted.aio import connect
    from ctrader_twisted.market import Lots


    async def main() -> None:
        async with connect("ctrader.toml") as client:
            account = await client.account(1000001)
            await account.buy("EURUSD", Lots("0.1")).filled()
            async with account.live.quotes("EURUSD") as quotes:
                async for quote in quotes:
                    print(quote)


    asyncio.run(main())

`connect` gives a `Client`, which works as `ctrader_twisted.OpenApiClient` does, but that what waits is a coroutine of
asyncio. Each client has a reactor of its own on the loop that runs; nothing is installed, and
``twisted.internet.reactor`` and signals are left alone.

For the Deferred API itself under an installed ``asyncioreactor``: `future` awaits a Deferred, `iterate` iterates.

* `client`, `account`, `order`, `live`, `streams`, `series`, `requests` the faces of the Deferred API.
* `calls` how a method of that becomes one of asyncio; `opening` what is closed at the end of an ``async with``.
* `link` what the faces of a client share, listeners among it; `loop` the reactor; `futures` Deferreds and Futures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted import entry
from ctrader_twisted.aio.account import Account, Valuation
from ctrader_twisted.aio.client import Client, LatestQuotes, opened
from ctrader_twisted.aio.futures import future, iterate
from ctrader_twisted.aio.live import Feed, Latest, Live, LiveBook
from ctrader_twisted.aio.opening import Opening
from ctrader_twisted.aio.order import Order
from ctrader_twisted.aio.streams import EventStream

if TYPE_CHECKING:
    from pathlib import Path

    from ctrader_twisted.aio.series import Series
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
    "Opening",
    "Order",
    "Series",
    "Valuation",
    "connect",
    "future",
    "iterate",
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
) -> Opening[Client]:
    """Connect, for a client that is ready: its application is authorised, its accounts are known::

        async with connect("ctrader.toml") as client:
            ...

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
    :param timeout: seconds that connecting waits at most, and then each account that is opened; None for as long as it
        takes. Everything else has time-outs of its own or ``asyncio.timeout``.
    :return: what is entered with ``async with``, which closes the client at its end, or awaited for a client which is
        to be closed.
    :raises CannotWait: if the loop can't watch sockets, as Windows' own does not.
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
    return Opening(opened(found, settings, timeout))


def __getattr__(name: str) -> object:
    """Import what needs numpy when it is asked for."""
    if name == "Series":
        from ctrader_twisted.aio.series import Series

        return Series
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
