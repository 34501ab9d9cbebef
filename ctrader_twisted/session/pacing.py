"""What may be sent when: limits per second, lanes, blocked payload types, and the queue of what must wait.

A limit is a window, not a leaky bucket: as many requests as the server allows leave at once, and the next one leaves
when the oldest of them is more than a second (and a small guard, since the network may bunch what left evenly) ago. No
second, wherever it begins, holds more than the limit; nothing waits while the limit has room. Heartbeats are no
requests, and are not counted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctrader_twisted import messages
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.catalogue import Lane

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.session.correlation import Request

GUARD = 0.05
"""Seconds added to each window."""

_APPLICATION_AUTH = catalogue.payload_type(messages.ProtoOAApplicationAuthReq)
_ACCOUNT_AUTH = catalogue.payload_type(messages.ProtoOAAccountAuthReq)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be sent.

    :ivar general: requests per second and connection, or None for no limit (the server allows 50).
    :ivar historical: historical requests per second and connection, or None for no limit (the server allows 5).
    :ivar queue: how many requests may wait for their turn before the next is refused.
    """

    general: int | None = 50
    historical: int | None = 5
    queue: int = 10_000

    def __post_init__(self) -> None:
        for name, value in (("general", self.general), ("historical", self.historical), ("queue", self.queue)):
            if value is not None and value < 1:
                raise ValueError(f"Limits.{name} is {value}: give at least 1, or None for no limit")


@dataclass(frozen=True, slots=True)
class QueueState:
    """What waits for its turn.

    :ivar orders: order and position commands that wait.
    :ivar data: other requests that wait, authorisations among them.
    :ivar historical: historical requests that wait.
    :ivar bound: how many may wait altogether.
    :ivar blocked: seconds for which the server still blocks a request, by its name.
    """

    orders: int
    data: int
    historical: int
    bound: int
    blocked: dict[str, float]

    def __len__(self) -> int:
        return self.orders + self.data + self.historical


class RateWindow:
    """At most ``limit`` in any window of a second."""

    __slots__ = ("_limit", "_times", "_window")

    def __init__(self, limit: int | None, window: float = 1.0 + GUARD) -> None:
        self._limit = limit
        self._window = window
        self._times: deque[float] = deque(maxlen=limit)

    def opens_at(self, now: float) -> float:
        """Give the time from which one more may be sent; ``now`` if at once."""
        if self._limit is None or len(self._times) < self._limit:
            return now
        return max(now, self._times[0] + self._window)

    def take(self, now: float) -> bool:
        """Count one that is sent now, if one may be."""
        times = self._times
        if self._limit is None:
            return True
        if len(times) >= self._limit and times[0] + self._window > now:
            return False
        times.append(now)
        return True

    def spend(self, now: float) -> None:
        """Count one that is sent now."""
        if self._limit is not None:
            self._times.append(now)


RETRY_AFTER_AT_MOST = 3600.0
"""Seconds for which the server's word on when to come back is taken: what is more is a mistake."""
LONGEST_BLOCK = 120.0
"""Seconds that historical requests of one kind wait at most after one was refused."""


class Pacer:
    """Decides which requests leave now. One per connection.

    :ivar held: while true nothing leaves: the transport can take no more.
    """

    def __init__(self, limits: Limits) -> None:
        self.held = False
        self._limits = limits
        self._general = RateWindow(limits.general)
        self._historical = RateWindow(limits.historical)
        self._lines: dict[int, deque[tuple[int, Request]]] = {}
        self._waiting = 0
        self._asked = 0
        self._put_back = 0
        self._blocked: dict[int, float] = {}
        self._strikes: dict[int, int] = {}

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._waiting

    @property
    def bound(self) -> int:
        """How many may."""
        return self._limits.queue

    def admit(self, request: Request, now: float) -> bool:
        """Say whether a new request leaves at once; if so it is counted. It may only if nothing waits before it."""
        if self.held:
            return False
        kind = request.kind
        if (self._waiting and self._must_wait_behind(kind.historical, now)) or (
            self._blocked and self._blocked_until(kind.payload_type, now) is not None
        ):
            return False
        window = self._historical if kind.historical else self._general
        return window.take(now)

    def enqueue(self, request: Request) -> bool:
        """Let a request wait for its turn; False if the queue is full.

        There is always room for an authorisation: what fills the queue may be waiting for it.
        """
        if self._waiting >= self._limits.queue and request.kind.lane is not Lane.AUTHORITY:
            return False
        self._asked += 1
        self._lines.setdefault(request.kind.payload_type, deque()).append((self._asked, request))
        self._waiting += 1
        return True

    def put_back(self, requests: Iterable[Request]) -> None:
        """Let requests that were counted as sent and did not leave wait again, before everything of their kind."""
        for request in reversed(list(requests)):
            self._put_back += 1
            self._lines.setdefault(request.kind.payload_type, deque()).appendleft((-self._put_back, request))
            self._waiting += 1

    def remove(self, request: Request) -> bool:
        """Take a request out of the queue; False if it did not wait."""
        line = self._lines.get(request.kind.payload_type)
        for entry in line or ():
            if entry[1] is request:
                assert line is not None
                line.remove(entry)
                self._forget_if_empty(request.kind.payload_type)
                self._waiting -= 1
                return True
        return False

    def take_due(self, now: float) -> list[Request]:
        """Remove and give the requests whose turn it is: commands first, each behind the authorisation of its
        account, then the other authorisations, then the oldest. All behind the application's authorisation: the server
        refuses what comes before it.
        """
        due: list[Request] = []
        while self._waiting and not self.held:
            number = self._next_line(now)
            if number is None:
                break
            first = self._lines[number][0]
            request = self._own_authorisation(*first, now) or first[1]
            self.remove(request)
            (self._historical if request.kind.historical else self._general).spend(now)
            due.append(request)
        return due

    def next_due(self, now: float) -> float | None:
        """Give the time at which `take_due` may give something, or None if nothing waits or all is held."""
        if self.held:
            return None
        earliest: float | None = None
        for number in self._lines:
            kind = catalogue.REQUESTS[number]
            opens = (self._historical if kind.historical else self._general).opens_at(now)
            at = max(opens, self._blocked_until(number, now) or now)
            if earliest is None or at < earliest:
                earliest = at
        return earliest

    def block(self, payload_type: int, until: float) -> None:
        """Send nothing of this payload type before ``until``: the server would refuse it."""
        self._blocked[payload_type] = max(until, self._blocked.get(payload_type, until))

    def refused(self, payload_type: int, retry_after: float | None, now: float) -> None:
        """The server refused a request for being one too many: wait as long as it says, or longer.

        Behind the limit on historical requests stands a rolling quota that the server's ``retryAfter`` takes no account
        of: obeyed to the letter it is refused again for minutes (observed: protocol notes, 1.6). So each refusal after
        a wait doubles the next one, up to `LONGEST_BLOCK`; those of one burst count once.
        """
        wait = min(retry_after or 0.0, RETRY_AFTER_AT_MOST)
        if catalogue.REQUESTS[payload_type].historical:
            if self._blocked_until(payload_type, now) is None:
                self._strikes[payload_type] = self._strikes.get(payload_type, 0) + 1
            wait = max(wait, min(2.0 ** (self._strikes.get(payload_type, 1) - 1), LONGEST_BLOCK))
        if wait:
            self.block(payload_type, now + wait)

    def served(self, payload_type: int) -> None:
        """The server answered a request: what it refused of that kind before is forgotten."""
        if self._strikes:
            self._strikes.pop(payload_type, None)

    def clear(self) -> list[Request]:
        """Remove and give everything that waits, in the order in which it was asked."""
        entries = sorted((entry for line in self._lines.values() for entry in line), key=lambda entry: entry[0])
        self._lines.clear()
        self._waiting = 0
        return [request for _, request in entries]

    def state(self, now: float) -> QueueState:
        """Say what waits and what is blocked."""
        counts = {"orders": 0, "data": 0, "historical": 0}
        for number, line in self._lines.items():
            kind = catalogue.REQUESTS[number]
            counts["orders" if kind.is_command else "historical" if kind.historical else "data"] += len(line)
        blocked = {
            catalogue.name(number): until - now
            for number in list(self._blocked)
            if (until := self._blocked_until(number, now)) is not None
        }
        return QueueState(**counts, bound=self._limits.queue, blocked=blocked)

    def _must_wait_behind(self, historical: bool, now: float) -> bool:
        """Whether something of the same limit waits that is not merely blocked by the server."""
        return any(
            catalogue.REQUESTS[number].historical == historical and self._blocked_until(number, now) is None
            for number in self._lines
        )

    def _blocked_until(self, payload_type: int, now: float) -> float | None:
        until = self._blocked.get(payload_type)
        if until is not None and until <= now:
            del self._blocked[payload_type]
            return None
        return until

    def _next_line(self, now: float) -> int | None:
        best: tuple[bool, Lane, int] | None = None
        chosen: int | None = None
        for number, line in self._lines.items():
            kind = catalogue.REQUESTS[number]
            window = self._historical if kind.historical else self._general
            if window.opens_at(now) > now or self._blocked_until(number, now) is not None:
                continue
            rank = (number != _APPLICATION_AUTH, kind.lane, line[0][0])
            if best is None or rank < best:
                best, chosen = rank, number
        return chosen

    def _own_authorisation(self, asked: int, request: Request, now: float) -> Request | None:
        """Give the authorisation of a command's account that waits and was asked for before it, if there is one."""
        if request.kind.is_command and self._blocked_until(_ACCOUNT_AUTH, now) is None:
            for before, authorisation in self._lines.get(_ACCOUNT_AUTH, ()):
                if authorisation.account_id == request.account_id and before < asked:
                    return authorisation
        return None

    def _forget_if_empty(self, payload_type: int) -> None:
        if not self._lines[payload_type]:
            del self._lines[payload_type]
