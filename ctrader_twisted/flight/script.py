"""What a recording holds of each connection, as a server follows it: what was asked, and what was said after it."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.errors import UndecodablePayload
from ctrader_twisted.flight.format import Ended, Failed, Header, Opened, Said, Unreadable, Way
from ctrader_twisted.flight.redaction import blank
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.flight.format import Entry

_OVERHEAD: Final = 64  # bytes of a message besides its payload, at most


@dataclass(slots=True, eq=False)
class Asked:
    """A recorded request; ``came`` is when it came again, ``key`` the id it came with."""

    name: str
    at: float
    before: Asked | None
    came: float | None = None
    key: str | None = None
    missed: bool = False
    late: list[Step] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Step:
    """Something the server said or did, after a request and perhaps as an answer to one."""

    entry: Said | Unreadable | Ended
    at: float
    after: Asked | None
    answers: Asked | None

    @property
    def size(self) -> int:
        """About how many bytes it is on the wire."""
        if not isinstance(self.entry, Said):
            return 0
        return sum(len(payload) + _OVERHEAD for payload in self.entry.payloads)


@dataclass(slots=True, eq=False)
class Script:
    """One recorded connection."""

    at: float
    whole: bool
    requests: list[Asked] = field(default_factory=list)
    steps: deque[Step] = field(default_factory=deque)
    by_key: dict[str, Asked] = field(default_factory=dict)
    by_content: defaultdict[tuple[int, bytes], deque[Asked]] = field(default_factory=lambda: defaultdict(deque))
    by_account: defaultdict[tuple[int, int | None], deque[Asked]] = field(default_factory=lambda: defaultdict(deque))

    def add(self, entry: Said | Unreadable | Ended, at: float) -> None:
        """Add what the recording says next."""
        last = self.requests[-1] if self.requests else None
        if not isinstance(entry, Said):
            self.steps.append(Step(entry, at, last, None))
        elif entry.way is Way.IN:
            key = entry.client_msg_id
            self.steps.append(Step(entry, at, last, None if key is None else self.by_key.get(key)))
        elif entry.payload_type != catalogue.HEARTBEAT:
            for number, payload, key in entry.envelopes():
                last = Asked(entry.name, at, last)
                self.requests.append(last)
                self.by_content[number, blank(number, payload)].append(last)
                self.by_account[number, account_of(number, payload)].append(last)
                if key is not None:
                    self.by_key[key] = last

    def same(self, payload_type: int, payload: bytes) -> Asked | None:
        """Give the first request of this content that has not come."""
        return _first_to_come(self.by_content.get((payload_type, blank(payload_type, payload)), deque()))

    def first(self, payload_type: int, account_id: int | None) -> Asked | None:
        """Give the first request of this type and account that has not come."""
        return _first_to_come(self.by_account.get((payload_type, account_id), deque()))


def scripts_of(entries: Iterable[Entry], longest_gap: float | None) -> deque[Script]:
    """Give the recorded connections, in the order in which they began, on a time line without steps of the clock."""
    scripts: deque[Script] = deque()
    standing: dict[int, Script] = {}
    now, previous = 0.0, None
    for entry in entries:
        if isinstance(entry, Header):
            if entry.part == 1:  # another run, whose connections are counted anew
                standing.clear()
            continue
        if previous is not None:
            gap = max(0.0, entry.at - previous)
            now += gap if longest_gap is None else min(gap, longest_gap)
        previous = entry.at
        if isinstance(entry, Failed):
            continue
        script = standing.get(entry.connection)
        if script is None or isinstance(entry, Opened):
            script = standing[entry.connection] = Script(now, isinstance(entry, Opened))
            scripts.append(script)
        if not isinstance(entry, Opened):
            script.add(entry, now)
        if isinstance(entry, Ended):
            del standing[entry.connection]
    return scripts


def _first_to_come(candidates: deque[Asked]) -> Asked | None:
    while candidates:
        if candidates[0].came is None:
            return candidates[0]
        candidates.popleft()
    return None


def account_of(payload_type: int, payload: bytes) -> int | None:
    """Give the account that a request is about, if it is about one and can be read."""
    kind = catalogue.REQUESTS.get(payload_type)
    if kind is None or not kind.has_account:
        return None
    try:
        request: Any = codec.unpack(Envelope(payload_type, payload))
    except UndecodablePayload:
        return None
    account_id: int | None = request.ctidTraderAccountId if request.HasField("ctidTraderAccountId") else None
    return account_id
