"""Hands each event to the outputs that want it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ctrader_twisted.service.documents import head

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twisted.internet.interfaces import IReactorTime

    from ctrader_twisted.outputs import JsonLinesWriter


class Output(NamedTuple):
    """A writer, and the kinds of events it is for."""

    writer: JsonLinesWriter
    events: frozenset[str]


class Recorder:
    """All outputs of the daemon.

    :param clock: tells when an event is recorded.
    """

    def __init__(self, clock: IReactorTime, outputs: Iterable[Output] = ()) -> None:
        self._clock = clock
        self.outputs = list(outputs)

    def wants(self, event: str) -> bool:
        """Say whether any output is for this kind of events."""
        return any(event in output.events for output in self.outputs)

    def record(self, event: str, environment: str, account: int | None, body: Mapping[str, object]) -> None:
        """Write one event to every output that is for its kind."""
        document = None
        for writer, events in self.outputs:
            if event in events:
                if document is None:
                    document = {**head(event, self._clock.seconds(), environment, account), **body}
                writer.write(document)
