"""Runs of spot events, found in what was read and not cut apart: for whoever takes them by the column.

Cutting a frame out of a read costs as much as reading its prices by the column, so nothing is cut as long as nobody
asks for single payloads. Needs numpy, which is imported with this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.codec import short_head
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.schema import ProtoOASpotEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SPOT: Final = catalogue.TYPES[ProtoOASpotEvent]
_HEAD: Final = short_head(SPOT)
_BEFORE: Final = 9
"""Bytes before a payload: four of the length, four of the head, one of the payload's size."""
_BEGINNING: Final = np.uint64(int.from_bytes(bytes(4) + _HEAD, "little"))
"""The first eight of them, without the last byte of the length, which is the only one of it that is not 0."""
_LENGTH: Final = np.uint64(0xFF << 24)
"""Where that is."""
_LOOKED_FOR: Final = 5
"""Which of them is looked for: the second of the head, which is rare otherwise."""

WORTH_IT: Final = 64
"""Events that a run must have: for fewer, numpy's calls take longer than to cut and parse each event."""

_SHORTEST: Final = 15
"""Bytes that the frame of a spot event has at least: account, symbol and one side."""

PADDING: Final = bytes(64)
"""Stands behind the data of a run, so that whole words can be read from wherever a payload begins."""


class SpotRun:
    """Spot events without message id that arrived one behind the other; the events of a `Burst`, whole.

    :ivar data: the read that they came in, `PADDING` behind it.
    :ivar starts: where each payload begins in it.
    :ivar stops: where each ends.
    """

    __slots__ = ("_payloads", "data", "starts", "stops")

    payload_type = SPOT

    def __init__(self, data: bytes, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> None:
        self.data: bytes = data
        self.starts: NDArray[np.int64] = starts
        self.stops: NDArray[np.int64] = stops
        self._payloads: list[bytes] | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def __repr__(self) -> str:
        return f"<SpotRun of {len(self)}>"

    @property
    def end(self) -> int:
        """Where the last frame ends."""
        return int(self.stops[-1])

    @property
    def payloads(self) -> list[bytes]:
        """The payloads, cut apart when they are first asked for."""
        if self._payloads is None:
            data = self.data
            pairs = zip(self.starts.tolist(), self.stops.tolist(), strict=True)
            self._payloads = [data[start:stop] for start, stop in pairs]
        return self._payloads

    def burst(self) -> Burst:
        """Give the same events as a `Burst`."""
        return Burst(SPOT, self.payloads)

    def envelopes(self) -> Iterator[Envelope]:
        """Give them one by one."""
        return self.burst().envelopes()


def take(data: bytes, start: int) -> SpotRun | None:
    """Find the run of spot events that begins here; None if none does, or too short a one to be worth it.

    It holds whole frames only, each of which begins where the one before it ends, has the short form of
    `ctrader_twisted.wire.codec`, and carries no id: just what `take_runs` would cut.
    """
    if len(data) - start < WORTH_IT * _SHORTEST or data[start + 4 : start + 8] != _HEAD:
        return None
    padded = data + PADDING
    octets = np.frombuffer(padded, np.uint8)
    eights = np.ndarray((len(padded) - 7,), "<u8", padded, 0, (1,))  # eight bytes from wherever one begins
    frames = np.flatnonzero(octets[start + _LOOKED_FOR : len(data)] == _HEAD[1]) + start
    words = eights[frames]
    plain = (words & ~_LENGTH) == _BEGINNING
    if not plain.all():
        frames, words = frames[plain], words[plain]
    sizes = octets[frames + (_BEFORE - 1)]
    starts = frames + _BEFORE
    stops = starts + sizes
    # A beginning may stand in a payload as well: the first that is no neighbour's neighbour ends the run.
    fits = (sizes < 0x80) & (words - _BEGINNING == (sizes.astype(np.uint64) + 5) << 24) & (stops <= len(data))
    fits[1:] &= frames[1:] == stops[:-1]
    if not len(fits) or frames[0] != start:
        return None
    count = len(fits) if fits.all() else int(np.argmin(fits))
    if count < WORTH_IT:
        return None
    return SpotRun(padded, starts[:count], stops[:count])
