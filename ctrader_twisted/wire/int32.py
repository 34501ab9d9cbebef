"""The TCP wire of port 5035: length-prefixed ProtoMessages, behind the verbs every wire has (`wire.verbs`)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ctrader_twisted.wire import codec
from ctrader_twisted.wire.frames import MAX_FRAME, FrameCutter, pack_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctrader_twisted.errors import ConnectionFailed, ProtocolError
    from ctrader_twisted.wire.envelope import Burst, Envelope
    from ctrader_twisted.wire.runs import SpotRun


class Int32Wire:
    """One connection's framing and coding, in both directions."""

    news = False
    open = True
    over: ConnectionFailed | None = None

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._cutter = FrameCutter(max_frame)
        self._problems: list[ProtocolError] = []
        self._outgoing: list[bytes] = []
        self._failed = False
        self._in_runs = max_frame >= codec.SHORT_FRAME
        self._uncut: Callable[[bytes, int], SpotRun | None] | None = None

    def begin(self) -> None:
        """Say nothing: the first envelope begins the conversation."""

    def leave_spots_uncut(self, uncut: bool) -> None:
        """Give runs of spot events as a `SpotRun`, not cut apart, from now on, if numpy is there; or cut them."""
        self._uncut = None
        if uncut and self._in_runs:
            with suppress(ImportError):
                from ctrader_twisted.wire.runs import take  # here: it needs numpy

                self._uncut = take

    def receive(self, data: bytes) -> list[Envelope | Burst | SpotRun]:
        """Take bytes from the peer and give every whole envelope they complete, runs kept together. Never raises:
        see `problems`.
        """
        cutter = self._cutter
        arrived: list[Envelope | Burst | SpotRun] = []
        data = cutter.join(data)
        start = 0
        uncut = self._uncut
        while True:
            if uncut is not None:
                run = uncut(data, start)
                if run is None:
                    uncut = None  # each look goes over the whole read: it is not worth another
                else:
                    arrived.append(run)
                    start = run.end
            if self._in_runs:
                start = codec.take_runs(data, start, arrived)
            stop = cutter.stop(data, start)
            if not stop:
                break
            codec.take_one(data[start + 4 : stop], arrived, self._problems)
            start = stop
        cutter.hold(data, start)
        if cutter.failure is not None and not self._failed:
            self._failed = True
            self._problems.append(cutter.failure)
        return arrived

    def problems(self) -> list[ProtocolError]:
        """Give what could not be read since last asked; after one that is ``fatal`` nothing more will be."""
        if not self._problems:
            return []
        problems, self._problems = self._problems, []
        return problems

    def close(self, code: int = 1000, reason: str = "") -> bool:
        """Say nothing: there is no goodbye on this wire, so none of the peer's is to be waited for."""
        return False

    def end(self) -> ProtocolError | None:
        """Say what is missing if the stream ends now, or None if it ends cleanly."""
        return self._cutter.end()

    def send(self, envelope: Envelope) -> None:
        """Queue an envelope for `data_to_send`."""
        data = codec.encode(envelope)
        self._outgoing.append(pack_prefix(len(data)))
        self._outgoing.append(data)

    def data_to_send(self) -> bytes:
        """Give every byte queued since last asked, in one piece."""
        if not self._outgoing:
            return b""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data
