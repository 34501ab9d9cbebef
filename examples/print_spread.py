"""A user service of the daemon: says in the log whenever a spread becomes wide, and when it is narrow again.

::

    [[service]]
    factory = "print_spread:make"
    settings = { widest = "0.00020" }

The module has to be importable: ``PYTHONPATH=examples twistd --nodaemon ctrader --config my.toml``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.logger import Logger

from ctrader_twisted import Disconnected
from ctrader_twisted.market import Quotes
from ctrader_twisted.messages import ProtoOASpotEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctrader_twisted import OpenApiClient


class SpreadWatch(Service):
    """Watches every quote of a client.

    :param widest: the widest spread that is not worth a word.
    """

    log = Logger()

    def __init__(self, client: OpenApiClient, widest: Decimal) -> None:
        self._client = client
        self._widest = widest
        self._quotes = Quotes()
        self._wide: set[int] = set()

    def startService(self) -> None:
        """Begin to listen. The daemon subscribes; this only listens along."""
        Service.startService(self)
        self._client.on(ProtoOASpotEvent, self._spot)
        self._client.on(Disconnected, self._disconnected)

    def stopService(self) -> None:
        """Stop listening."""
        Service.stopService(self)
        self._client.off(ProtoOASpotEvent, self._spot)
        self._client.off(Disconnected, self._disconnected)

    def _spot(self, event: ProtoOASpotEvent) -> None:
        spread = self._quotes.feed(event).spread
        if spread is None:
            return
        symbol = event.symbolId
        if spread > self._widest and symbol not in self._wide:
            self._wide.add(symbol)
            self.log.info("symbol {symbol}: a spread of {spread}", symbol=symbol, spread=spread)
        elif spread <= self._widest and symbol in self._wide:
            self._wide.remove(symbol)
            self.log.info("symbol {symbol}: narrow again, {spread}", symbol=symbol, spread=spread)

    def _disconnected(self, event: Disconnected) -> None:
        self._quotes.forget()


def make(client: OpenApiClient, settings: Mapping[str, Any]) -> SpreadWatch:
    """Make the service; the daemon calls this with a client and the table ``settings``."""
    return SpreadWatch(client, Decimal(settings.get("widest", "0.00010")))
