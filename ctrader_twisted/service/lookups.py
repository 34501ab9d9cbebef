"""Lookups of names that nobody waits for."""

from __future__ import annotations

from functools import partial
from threading import Thread
from typing import Any

from twisted.internet._resolver import GAIResolver
from twisted.python.threadpool import ThreadPool


def wait_for_no_lookup(reactor: Any) -> None:
    """Look names up in threads that nobody waits for at the end: the system may take half a minute to give up.

    :param reactor: an ``IReactorPluggableNameResolver`` and ``IReactorFromThreads``.
    """
    lookups = ThreadPool(0, 10, "lookups")
    lookups.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]
    lookups.start()
    reactor.installNameResolver(GAIResolver(reactor, lambda: lookups))
