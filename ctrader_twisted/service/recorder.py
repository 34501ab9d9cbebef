"""Hands each event to the outputs and recordings that want it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ctrader_twisted.documents import head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from twisted.internet.interfaces import IReactorTime

    from ctrader_twisted.outputs import JsonLinesWriter
    from ctrader_twisted.recording import MarketRecorder


class Output(NamedTuple):
    """A writer, and the kinds of events it is for.

    :ivar path: the file; None for stdout.
    :ivar open: makes a writer of that file, anew.
    """

    writer: JsonLinesWriter
    events: frozenset[str]
    path: Path | None = None
    open: Callable[[], JsonLinesWriter] | None = None

    @property
    def is_in_place(self) -> bool:
        """Whether what is written still goes to the file of this name: it may have been renamed or removed."""
        if self.path is None:
            return True
        try:
            return not self.writer.ended and os.path.samestat(os.stat(self.path), os.fstat(self.writer.fileno()))
        except OSError:
            return False


class Recorder:
    """All outputs of the daemon, and its recordings.

    :param clock: tells when an event is recorded.

    :ivar recordings: record market data; quotes come to them by themselves.
    """

    def __init__(self, clock: IReactorTime, outputs: Iterable[Output] = ()) -> None:
        self._clock = clock
        self.outputs: list[Output] = list(outputs)
        self.recordings: list[MarketRecorder] = []

    def wants(self, event: str) -> bool:
        """Say whether any output or recording is for this kind of events."""
        return any(event in output.events for output in self.outputs) or any(
            recording.wants(event) for recording in self.recordings
        )

    def record(self, event: str, environment: str, account: int | None, body: Mapping[str, object]) -> None:
        """Give one event to every output and recording that is for its kind."""
        document = None
        for output in self.outputs:
            if event in output.events:
                document = document or self._document(event, environment, account, body)
                output.writer.write(document)
        for recording in self.recordings:
            if recording.wants(event):
                document = document or self._document(event, environment, account, body)
                recording.take(event, environment, account, document)

    def _document(
        self, event: str, environment: str, account: int | None, body: Mapping[str, object]
    ) -> dict[str, object]:
        return {**head(event, self._clock.seconds(), environment, account), **body}
