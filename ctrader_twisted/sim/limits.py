"""How often a connection may ask, and what happens when it asks more often."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from ctrader_twisted.messages import (
    ProtoOACashFlowHistoryListReq,
    ProtoOADealListByPositionIdReq,
    ProtoOADealListReq,
    ProtoOADealOffsetListReq,
    ProtoOAGetTickDataReq,
    ProtoOAGetTrendbarsReq,
    ProtoOAOrderListByPositionIdReq,
    ProtoOAOrderListReq,
)
from ctrader_twisted.wire import catalogue

HISTORICAL: Final = frozenset(
    catalogue.payload_type(cls)
    for cls in (
        ProtoOAGetTrendbarsReq,
        ProtoOAGetTickDataReq,
        ProtoOADealListReq,
        # Documented are the three above; third parties count these too (protocol notes, 1.6).
        ProtoOADealListByPositionIdReq,
        ProtoOADealOffsetListReq,
        ProtoOAOrderListReq,
        ProtoOAOrderListByPositionIdReq,
        ProtoOACashFlowHistoryListReq,
    )
)
"""Payload types that count towards the limit on historical requests, and towards no other."""

_ULPS: Final = 1e-6  # seconds: sums of floats miss one another by less

BLOCKED: Final = "BLOCKED_PAYLOAD_TYPE"
FREQUENCY_EXCEEDED: Final = "REQUEST_FREQUENCY_EXCEEDED"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may ask.

    :ivar general: requests a second, historical ones not counted; 0 for no limit.
    :ivar historical: historical requests a second; 0 for no limit.
    :ivar window: the length of that second, seconds: every span of it is looked at.
    :ivar block: seconds for which a payload type stays blocked after a breach; it is the answer's ``retryAfter``.
    :ivar code: the error code of a breach: ``"BLOCKED_PAYLOAD_TYPE"``, or ``"REQUEST_FREQUENCY_EXCEEDED"``, which
        blocks nothing beyond the window.
    :ivar quota: historical requests in ``quota_window`` seconds, besides the limit of a second; 0 for no such quota.
        A breach is answered with ``block`` seconds to wait, which is not enough.
    :ivar quota_window: seconds.
    """

    general: int = 50
    historical: int = 5
    window: float = 1.0
    block: float = 1.0
    code: str = BLOCKED
    quota: int = 0
    quota_window: float = 600.0


class Budget:
    """What one connection has asked lately. Times are arguments, in seconds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._general: deque[float] = deque()
        self._historical: deque[float] = deque()
        self._quota: deque[float] = deque()
        self._blocked: dict[int, float] = {}

    def spend(self, payload_type: int, now: float) -> float | None:
        """Count a request.

        :return: None if it may be answered, else the seconds for which its payload type stays blocked.
        """
        limits = self._limits
        until = self._blocked.get(payload_type)
        if until is not None:
            if now < until - _ULPS:
                return min(limits.block, until - now)
            del self._blocked[payload_type]
        historical = payload_type in HISTORICAL
        if historical and limits.quota:
            while self._quota and self._quota[0] <= now - limits.quota_window + _ULPS:
                self._quota.popleft()
            if len(self._quota) >= limits.quota:
                return limits.block
        spent, allowed = (self._historical, limits.historical) if historical else (self._general, limits.general)
        if not allowed:
            self._count(historical, now)
            return None
        while spent and spent[0] <= now - limits.window + _ULPS:
            spent.popleft()
        if len(spent) < allowed:
            spent.append(now)
            self._count(historical, now)
            return None
        if limits.code == BLOCKED:
            self._blocked[payload_type] = now + limits.block
            return limits.block
        return spent[0] + limits.window - now

    def _count(self, historical: bool, now: float) -> None:
        if historical and self._limits.quota:
            self._quota.append(now)
