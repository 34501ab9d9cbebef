"""Positions and orders as last known, and what a reconcile says has changed."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.session.book import Book, Difference
from tests.session.conversation import ACCOUNT, CUT, OTHER, Talk, filled

if TYPE_CHECKING:
    from collections.abc import Iterable

Execution = messages.ProtoOAExecutionType
OrderStatus = messages.ProtoOAOrderStatus
PositionStatus = messages.ProtoOAPositionStatus


def position(number: int, volume: int = 100, status: int = PositionStatus.POSITION_STATUS_OPEN, **fields: object):
    data = filled(messages.ProtoOATradeData, volume=volume)
    return filled(messages.ProtoOAPosition, positionId=number, positionStatus=status, tradeData=data, **fields)


def order(number: int, status: int = OrderStatus.ORDER_STATUS_ACCEPTED, **fields: object):
    return filled(messages.ProtoOAOrder, orderId=number, orderStatus=status, **fields)


def event(kind: int = Execution.ORDER_ACCEPTED, **parts: object) -> messages.ProtoOAExecutionEvent:
    return messages.ProtoOAExecutionEvent(ctidTraderAccountId=ACCOUNT, executionType=kind, **parts)  # type: ignore[arg-type]


def moved(position_id: int, order_id: int, stop: float) -> messages.ProtoOATrailingSLChangedEvent:
    return messages.ProtoOATrailingSLChangedEvent(
        ctidTraderAccountId=ACCOUNT,
        positionId=position_id,
        orderId=order_id,
        stopPrice=stop,
        utcLastUpdateTimestamp=1,
    )


def answer(positions: Iterable[object] = (), orders: Iterable[object] = ()) -> messages.ProtoOAReconcileRes:
    return messages.ProtoOAReconcileRes(ctidTraderAccountId=ACCOUNT, position=positions, order=orders)  # type: ignore[arg-type]


def known(*positions: object, orders: Iterable[object] = ()) -> Book:
    book = Book()
    book.reconciling()
    book.reconciled(answer(positions, orders))
    return book


def test_nothing_is_known_before_the_first_answer() -> None:
    book = Book()
    assert not book.known
    positions, orders = book.reconciled(answer([position(1)], [order(7)]))
    assert book.known
    assert ([p.positionId for p in positions.added], [o.orderId for o in orders.added]) == ([1], [7])


def test_an_answer_that_says_what_is_known_is_no_difference() -> None:
    book = known(position(1), orders=[order(7)])
    book.reconciling()
    positions, orders = book.reconciled(answer([position(1)], [order(7)]))
    assert (positions, orders) == (Difference(), Difference())
    assert not positions


def test_what_came_went_and_changed() -> None:
    book = known(position(1), position(2), orders=[order(7), order(8)])
    book.reconciling()
    positions, orders = book.reconciled(
        answer([position(2, stopLoss=1.1), position(3)], [order(8, limitPrice=1.2), order(9)])
    )
    assert [p.positionId for p in positions.added] == [3]
    assert [p.positionId for p in positions.removed] == [1]
    assert [(a.HasField("stopLoss"), b.stopLoss) for a, b in positions.changed] == [(False, 1.1)]
    assert [o.orderId for o in orders.added] == [9]
    assert [o.orderId for o in orders.removed] == [7]
    assert [(a.HasField("limitPrice"), b.limitPrice) for a, b in orders.changed] == [(False, 1.2)]
    assert (set(book.positions), set(book.orders)) == ({2, 3}, {8, 9})


def test_what_the_market_moves_is_no_change() -> None:
    book = known(position(1, usedMargin=10, marginRate=1.1, utcLastUpdateTimestamp=5))
    book.reconciling()
    positions, _ = book.reconciled(answer([position(1, usedMargin=11, marginRate=1.2, utcLastUpdateTimestamp=6)]))
    assert not positions
    assert book.positions[1].usedMargin == 11


def test_events_keep_it() -> None:
    book = known()
    book.executed(event(order=order(7), position=position(1, 0, PositionStatus.POSITION_STATUS_CREATED)))
    assert (set(book.positions), set(book.orders)) == (set(), {7})
    filled_order = order(7, OrderStatus.ORDER_STATUS_FILLED)
    book.executed(event(Execution.ORDER_FILLED, order=filled_order, position=position(1)))
    assert (set(book.positions), set(book.orders)) == ({1}, set())
    book.executed(event(Execution.SWAP, position=position(1, swap=-3)))
    assert book.positions[1].swap == -3


def test_a_position_is_closed_when_its_volume_is_gone_whatever_its_status() -> None:
    for status in (PositionStatus.POSITION_STATUS_CREATED, PositionStatus.POSITION_STATUS_CLOSED):
        book = known(position(1))
        book.executed(event(Execution.ORDER_FILLED, position=position(1, 0, status)))
        assert not book.positions


def test_a_partly_filled_order_stays() -> None:
    book = known(orders=[order(7)])
    book.executed(event(Execution.ORDER_PARTIAL_FILL, order=order(7, executedVolume=40), position=position(1, 40)))
    assert book.orders[7].executedVolume == 40
    book.executed(event(Execution.ORDER_CANCELLED, order=order(7, OrderStatus.ORDER_STATUS_CANCELLED)))
    assert not book.orders


def test_a_trailing_stop_moves_position_and_order() -> None:
    book = known(position(1, stopLoss=1.0), orders=[order(7, stopPrice=1.0)])
    book.trailed(moved(1, 7, 1.5))
    assert (book.positions[1].stopLoss, book.orders[7].stopPrice) == (1.5, 1.5)
    book.trailed(moved(99, 99, 1.5))  # neither is known: nothing to move
    assert (set(book.positions), set(book.orders)) == ({1}, {7})


def test_what_an_event_told_while_the_answer_was_on_its_way_is_not_told_again() -> None:
    book = known(position(1), position(2))
    book.reconciling()
    book.executed(event(Execution.ORDER_FILLED, position=position(3)))
    book.executed(event(Execution.ORDER_FILLED, position=position(1, 0, PositionStatus.POSITION_STATUS_CLOSED)))
    # The server made its answer before either.
    positions, _ = book.reconciled(answer([position(1), position(2)]))
    assert not positions
    assert set(book.positions) == {2, 3}


def test_the_messages_of_an_event_are_copied() -> None:
    book = known()
    told = event(Execution.ORDER_FILLED, position=position(1))
    book.executed(told)
    told.position.stopLoss = 9.0
    assert not book.positions[1].HasField("stopLoss")


def test_a_trailing_stop_while_the_answer_was_on_its_way_hides_no_other_change() -> None:
    book = known(position(1, 100, stopLoss=1.0), orders=[order(7, stopPrice=1.0)])
    book.reconciling()
    book.trailed(moved(1, 7, 1.5))
    # The server made its answer before, and after half of the position was closed.
    positions, orders = book.reconciled(answer([position(1, 50, stopLoss=1.0)], [order(7, stopPrice=1.0)]))
    ((before, now),) = positions.changed
    assert (before.tradeData.volume, now.tradeData.volume, now.stopLoss) == (100, 50, 1.5)
    assert (book.positions[1].stopLoss, book.orders[7].stopPrice) == (1.5, 1.5)
    assert not orders  # an event has told it


def test_what_events_told_before_the_answer_was_asked_for_is_corrected_by_it() -> None:
    book = known()
    book.executed(event(Execution.ORDER_FILLED, position=position(1), order=order(7)))
    book.trailed(moved(1, 7, 1.5))
    book.reconciling()
    positions, orders = book.reconciled(answer([position(1, 50)]))
    assert [(a.stopLoss, b.HasField("stopLoss")) for a, b in positions.changed] == [(1.5, False)]
    assert [gone.orderId for gone in orders.removed] == [7]


def test_an_order_that_has_ended_without_a_status_is_not_pending() -> None:
    for kind in (Execution.ORDER_FILLED, Execution.ORDER_CANCELLED, Execution.ORDER_EXPIRED, Execution.ORDER_REJECTED):
        book = known(orders=[order(7)])
        ended = order(7)
        ended.ClearField("orderStatus")  # as it is when the status is unknown to the schema
        book.executed(event(kind, order=ended))
        assert not book.orders


def test_a_created_position_says_nothing_of_what_the_answer_knows() -> None:
    book = known()
    book.reconciling()
    book.executed(event(position=position(5, 100, PositionStatus.POSITION_STATUS_CREATED)))
    positions, _ = book.reconciled(answer([position(5, 100)]))
    assert [new.positionId for new in positions.added] == [5]


def test_a_difference_that_was_told_does_not_change_afterwards() -> None:
    book = known(position(1, stopLoss=1.0))
    book.reconciling()
    positions, orders = book.reconciled(answer([position(1, 50, stopLoss=1.0)], [order(7, stopPrice=1.0)]))
    book.trailed(moved(1, 7, 1.5))
    assert [(before.stopLoss, now.stopLoss) for before, now in positions.changed] == [(1.0, 1.0)]
    assert [new.stopPrice for new in orders.added] == [1.0]


def held(book: Book) -> int:
    """How many things a book holds, however deep."""
    count, left = 0, [vars(book)]
    while left:
        found = left.pop()
        count += 1
        left.extend(inner for inner in gc.get_referents(found) if not isinstance(inner, type))
    return count


def test_orders_and_positions_that_came_and_went_leave_nothing_behind() -> None:
    book = known(position(1, stopLoss=1.0), orders=[order(1, stopPrice=1.0)])
    before = held(book)
    for number in range(2, 1002):
        book.executed(event(order=order(number), position=position(number)))
        book.trailed(moved(1, 1, float(number)))
        gone = position(number, 0, PositionStatus.POSITION_STATUS_CLOSED)
        book.executed(
            event(Execution.ORDER_FILLED, order=order(number, OrderStatus.ORDER_STATUS_FILLED), position=gone)
        )
    assert held(book) == before


@given(
    before=st.dictionaries(st.integers(1, 6), st.integers(1, 3)),
    now=st.dictionaries(st.integers(1, 6), st.integers(1, 3)),
)
def test_a_difference_leads_from_what_was_known_to_what_is(before: dict[int, int], now: dict[int, int]) -> None:
    book = known(*(position(number, volume) for number, volume in before.items()))
    book.reconciling()
    positions, _ = book.reconciled(answer(position(number, volume) for number, volume in now.items()))
    applied = dict(before)
    for gone in positions.removed:
        del applied[gone.positionId]
    for new in positions.added:
        assert new.positionId not in applied
        applied[new.positionId] = new.tradeData.volume
    for was, is_ in positions.changed:
        assert applied[was.positionId] == was.tradeData.volume
        applied[was.positionId] = is_.tradeData.volume
    assert applied == now == {number: item.tradeData.volume for number, item in book.positions.items()}


def test_an_answer_that_does_not_come_leaves_what_events_told() -> None:
    book = known(position(1))
    book.reconciling()
    book.executed(event(Execution.ORDER_FILLED, position=position(2)))
    book.not_reconciled()
    assert set(book.positions) == {1, 2}
    book.reconciling()
    positions, _ = book.reconciled(answer([position(1)]))
    assert [p.positionId for p in positions.removed] == [2]


# In the session


def test_the_session_keeps_the_book_of_each_account_apart() -> None:
    talk = Talk().standing(ACCOUNT, OTHER)
    talk.hear(event(Execution.ORDER_FILLED, position=position(1)))
    account, other = talk.session.standing.find(ACCOUNT), talk.session.standing.find(OTHER)
    assert account is not None and other is not None
    assert (set(account.book.positions), set(other.book.positions)) == ({1}, set())


def test_an_event_that_answers_a_command_is_booked_too() -> None:
    talk = Talk().standing(ACCOUNT)
    request = talk.ask(filled(messages.ProtoOANewOrderReq, ctidTraderAccountId=ACCOUNT))
    talk.answer(request, event(order=order(7)))
    account = talk.session.standing.find(ACCOUNT)
    assert account is not None and set(account.book.orders) == {7}


def test_a_loss_leaves_the_book() -> None:
    talk = Talk().standing(ACCOUNT)
    talk.hear(event(Execution.ORDER_FILLED, position=position(1)), CUT)
    account = talk.session.standing.find(ACCOUNT)
    assert account is not None and set(account.book.positions) == {1}


def test_an_event_of_an_account_that_does_not_stand_here_is_nobodys() -> None:
    talk = Talk().ready()
    talk.hear(event(Execution.ORDER_FILLED, position=position(1)))
    assert talk.session.standing.find(ACCOUNT) is None
