"""Runs of messages taken apart: most tests care for what arrived, not for what was kept together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.wire.envelope import Burst, Envelope

if TYPE_CHECKING:
    from collections.abc import Iterable


def flattened(arrived: Iterable[Envelope | Burst]) -> list[Envelope]:
    envelopes: list[Envelope] = []
    for item in arrived:
        if isinstance(item, Burst):
            assert item.payloads, "a run holds at least one"
            envelopes.extend(item.envelopes())
        else:
            envelopes.append(item)
    return envelopes
