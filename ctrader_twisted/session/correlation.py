"""Which answer belongs to which request, and how a request ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.wire.catalogue import RequestKind
    from ctrader_twisted.wire.envelope import Envelope


@dataclass(slots=True, eq=False)
class Request:
    """One request on its way through the session.

    :ivar kind: what it is.
    :ivar envelope: what is to be sent, its id included.
    :ivar account_id: ctidTraderAccountId, or None if the request has none.
    :ivar timeout: seconds it may take from being asked to being answered.
    :ivar deadline: when that is over.
    :ivar sent: whether its turn has come: it has left, or leaves as soon as the shell takes it.
    :ivar left: whether the shell has taken it.
    :ivar waiter: for the shell: whoever is told how it ends.
    :ivar own: whether the client asked for it by itself, to restore the session.
    :ivar unread: whether its answer is given as it came, not parsed, if it is no refusal.
    :ivar leaving: for the shell: whoever is to be told that it has left; None if nobody is, or was told.
    :ivar done: whether what it asks for was told to be done, and only its answer is to come.
    :ivar overruled: of a logout, whether its account was asked for since.
    """

    kind: RequestKind
    envelope: Envelope
    account_id: int | None
    timeout: float
    deadline: float
    sent: bool = False
    left: bool = False
    waiter: Any = field(default=None, repr=False)
    own: bool = False
    unread: bool = False
    leaving: Any = field(default=None, repr=False)
    done: bool = False
    overruled: bool = False

    def __repr__(self) -> str:
        return f"<Request {self.kind.name}, id {self.envelope.client_msg_id}, {'sent' if self.sent else 'waiting'}>"


class Settled(NamedTuple):
    """A request ended.

    :ivar request: which.
    :ivar result: the message that answers it, or its envelope if it was wanted unread, or the error it ended with.
    :ivar envelope: what arrived, or None if nothing did.
    """

    request: Request
    result: Message | Envelope | OpenApiError
    envelope: Envelope | None = None


class Pending:
    """The requests that wait for an answer, found by id and expired by deadline.

    Requests of one timeout expire in the order in which they were asked, so each timeout in use keeps an ordered table
    and only the heads are looked at: adding and removing cost the same whatever is in flight, and an answered request
    leaves nothing behind.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, Request] = {}
        self._by_timeout: dict[float, dict[str, Request]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Request]:
        return iter(list(self._by_id.values()))

    def add(self, request: Request) -> None:
        """Wait for this request's answer."""
        key = request.envelope[2]
        assert key is not None
        self._by_id[key] = request
        line = self._by_timeout.get(request.timeout)
        if line is None:
            line = self._by_timeout[request.timeout] = {}
        line[key] = request

    def find(self, client_msg_id: str) -> Request | None:
        """Give the request that waits under this id, or None."""
        return self._by_id.get(client_msg_id)

    def remove(self, request: Request) -> bool:
        """Wait no longer; False if nobody did, though another request may have its id by now."""
        key = request.envelope[2]
        assert key is not None
        if self._by_id.get(key) is not request:
            return False
        del self._by_id[key]
        line = self._by_timeout[request.timeout]
        del line[key]
        if not line and len(self._by_timeout) > 8:
            del self._by_timeout[request.timeout]
        return True

    def next_deadline(self) -> float | None:
        """Give the earliest deadline, or None if nothing waits."""
        earliest: float | None = None
        for line in self._by_timeout.values():
            for request in line.values():
                if earliest is None or request.deadline < earliest:
                    earliest = request.deadline
                break
        return earliest

    def expire(self, now: float) -> list[Request]:
        """Remove and give every request whose deadline has come."""
        expired: list[Request] = []
        for line in list(self._by_timeout.values()):
            due = list(takewhile(lambda request: request.deadline <= now, line.values()))
            for request in due:
                self.remove(request)
            expired += due
        return expired

    def clear(self) -> list[Request]:
        """Remove and give every request."""
        requests = list(self._by_id.values())
        self._by_id.clear()
        self._by_timeout.clear()
        return requests


class Tombstones:
    """The last requests that ended without an answer, so that a late one is recognised for what it is. Bounded."""

    def __init__(self, capacity: int = 1000) -> None:
        self._capacity = capacity
        self._by_id: dict[str, Request] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._by_id.values())

    def __contains__(self, client_msg_id: str) -> bool:
        return client_msg_id in self._by_id

    def bury(self, request: Request) -> None:
        """Remember a request that nobody waits for any more; whoever did is not kept."""
        key = request.envelope[2]
        assert key is not None
        self._by_id[key] = replace(request, waiter=None)
        if len(self._by_id) > self._capacity:
            del self._by_id[next(iter(self._by_id))]

    def exhume(self, client_msg_id: str) -> Request | None:
        """Take back the request buried under this id, or None."""
        return self._by_id.pop(client_msg_id, None)

    def clear(self) -> None:
        """Forget them all: answers do not cross connections."""
        self._by_id.clear()
