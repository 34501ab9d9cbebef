"""The orders that an account was given here: by their ids, by their positions, and which are in doubt."""

from __future__ import annotations

import uuid
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted import messages
from ctrader_twisted.account.course import Course
from ctrader_twisted.account.tracking import OrderState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.message import Message

    from ctrader_twisted.account.account import Account
    from ctrader_twisted.account.holdings import Listed
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.messages import ProtoOAOrder

REMEMBERED: Final = 1000
"""How many orders are kept, for what is told of them late; those that have not ended are never dropped."""

SEEN: Final = 10_000
"""How many ids of the server's orders are kept, to tell those that were there before from a new one."""


class Register:
    """The orders of one account that were made here.

    :param account: whose: the orders' own commands go to it.
    :param listed: gives what is known of a symbol, by its id.
    """

    def __init__(self, account: Account, listed: Callable[[int], Listed | None]) -> None:
        self._account = account
        self._listed = listed
        self._courses: dict[str, Course] = {}
        self._by_order_id: dict[int, Course] = {}
        self._seen: dict[int, int] = {}  # ids of the server's orders, and how many were known before
        self._count = 0

    def __iter__(self) -> Iterator[Course]:
        return iter(tuple(self._courses.values()))

    def new(self, client_order_id: str | None, symbol_name: str, side: int, order_type: int, **more: Any) -> Course:
        """Make an order and remember it.

        :param client_order_id: None for one that is made here.
        :param more: the rest of what a `Course` takes.
        :raises ValueError: if the id is too long, empty, or another order's.
        """
        key = uuid.uuid4().hex if client_order_id is None else client_order_id
        if not 0 < len(key) <= 50:
            raise ValueError(f"a client_order_id of {len(key)} characters: it has 1 to 50")
        if key in self._courses:
            raise ValueError(f"an order {key!r} was made already: give each an id of its own")
        course = self._courses[key] = Course(
            self._account, key, symbol_name, side, order_type, listed=self._listed, **more
        )
        if len(self._courses) > REMEMBERED:
            self._forget(len(self._courses) - REMEMBERED)
        return course

    def _forget(self, count: int) -> None:
        for key, old in list(islice(self._courses.items(), count)):
            if old.state.ended and not old.doubtful:
                del self._courses[key]
                if old.order_id is not None:
                    self._by_order_id.pop(old.order_id, None)

    # Finding

    def get(self, client_order_id: str) -> Course | None:
        """Give the order of an id of ours."""
        return self._courses.get(client_order_id)

    def by_order_id(self, order_id: int) -> Course | None:
        """Give the order of an id of the server's."""
        return self._by_order_id.get(order_id)

    def of_position(self, position_id: int) -> list[Course]:
        """Give the orders that open, increase or close a position."""
        return [course for course in self if course.position_id == position_id]

    def of(self, message: ProtoOAOrder) -> Course | None:
        """Give the order that a message of the server's is about."""
        known = self._by_order_id.get(message.orderId)
        # A protective order carries the id of the order that opened its position (observed).
        if known is not None or message.closingOrder or not message.clientOrderId:
            return known
        course = self._courses.get(message.clientOrderId)
        if course is None or course.closes is not None or course.order_id not in (None, message.orderId):
            return None
        return course if course.is_alike(message) and not self.is_anothers(message.orderId, course) else None

    def sent_as(self, request: Message) -> Course | None:
        """Give the order of unknown outcome that a request was sent for; None if there is none, or more than one."""
        if isinstance(request, messages.ProtoOANewOrderReq):
            course = self._courses.get(request.clientOrderId)
            found = [] if course is None or course.closes is not None else [course]
        elif isinstance(request, messages.ProtoOAClosePositionReq):
            # It carries no id of ours.
            wanted = (request.positionId, request.volume)
            found = [course for course in self if (course.closes, course.progress.volume) == wanted]
        else:
            return None
        unknown = [course for course in found if course.state is OrderState.UNKNOWN]
        return unknown[0] if len(unknown) == 1 else None

    def unended(self) -> tuple[Course, ...]:
        """Give the orders that have not ended, the oldest first."""
        return tuple(course for course in self if not course.state.ended)

    def doubtful(self) -> list[Course]:
        """Give the orders in doubt."""
        return [course for course in self if course.doubtful]

    def unheard_of(self, portfolio: Portfolio, but: Course | None) -> list[tuple[int, int, int]]:
        """Give symbol, side and volume of every order that opens, may be there, and is not in the portfolio yet."""
        return [
            (course.symbol.symbol_id, course.side, course.remaining)
            for course in self
            if course is not but
            and course.symbol is not None
            and course.closes is None
            and (
                course.state in (OrderState.QUEUED, OrderState.SENT, OrderState.UNKNOWN)
                or (course.state.working and course.order_id not in portfolio.orders)
            )
        ]

    def closing(self, portfolio: Portfolio) -> list[tuple[int, int, int]]:
        """Give symbol, side and volume of every order that was made to close and is not executed, whoever made it."""
        ours: list[tuple[int, int, int]] = [
            (course.symbol.symbol_id, course.side, course.remaining)
            for course in self
            if course.closes is not None and course.symbol is not None and not course.state.ended
        ]
        return ours + [
            (order.symbol_id, order.side, order.remaining)
            for order in portfolio.orders.values()
            if order.closing and not order.protective and order.order_id not in self._by_order_id
        ]

    # Binding ours to the server's

    def bind(self, course: Course, order_id: int) -> None:
        """The server calls an order so."""
        self._by_order_id[order_id] = course
        self.seen(order_id)

    @property
    def count(self) -> int:
        """How many orders of the server's were ever seen, whoever gave them."""
        return self._count

    def seen(self, order_id: int) -> None:
        """The server has an order of this id, whoever gave it."""
        if order_id not in self._seen:
            self._seen[order_id] = self._count
            self._count += 1
            if len(self._seen) > SEEN:
                del self._seen[next(iter(self._seen))]

    def is_anothers(self, order_id: int, course: Course) -> bool:
        """Say whether an order is not this one: it is bound to another, or was there before this one was sent."""
        bound = self._by_order_id.get(order_id)
        return bound not in (None, course) or self._seen.get(order_id, course.orders_before) < course.orders_before
