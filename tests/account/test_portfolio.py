"""What an account has, from what the server says of it."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.account import portfolio as room
from ctrader_twisted.account.changes import (
    BalanceChanged,
    OrderChanged,
    OrderGone,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    Realised,
)
from ctrader_twisted.account.portfolio import Portfolio
from ctrader_twisted.account.terms import BUY, SELL
from tests.market.recorded import needs_recordings, recording

if TYPE_CHECKING:
    from ctrader_twisted.account.changes import Change

ACCOUNT = 1000001
Execution = messages.ProtoOAExecutionType
OrderStatus = messages.ProtoOAOrderStatus
PositionStatus = messages.ProtoOAPositionStatus
OrderType = messages.ProtoOAOrderType
OPEN = PositionStatus.POSITION_STATUS_OPEN
CREATED = PositionStatus.POSITION_STATUS_CREATED
CLOSED = PositionStatus.POSITION_STATUS_CLOSED
WORKING = OrderStatus.ORDER_STATUS_ACCEPTED


def position(
    number: int = 5,
    volume: int = 100_000,
    status: int = OPEN,
    at: int = 1,
    label: str = "",
    side_of: int = BUY,
    **fields: Any,
) -> messages.ProtoOAPosition:
    data = messages.ProtoOATradeData(symbolId=1, volume=volume, tradeSide=side_of, label=label)
    if volume:
        fields.setdefault("price", 1.1)
    fields.setdefault("swap", 0)
    return messages.ProtoOAPosition(
        positionId=number, tradeData=data, positionStatus=status, utcLastUpdateTimestamp=at, **fields
    )


def order(
    number: int = 7,
    status: int = WORKING,
    kind: int = OrderType.LIMIT,
    volume: int = 100_000,
    at: int = 1,
    **fields: Any,
) -> messages.ProtoOAOrder:
    data = messages.ProtoOATradeData(symbolId=1, volume=volume, tradeSide=BUY)
    return messages.ProtoOAOrder(
        orderId=number, tradeData=data, orderType=kind, orderStatus=status, utcLastUpdateTimestamp=at, **fields
    )


def protective(number: int = 8, of: int = 5, **fields: Any) -> messages.ProtoOAOrder:
    return order(number, kind=OrderType.STOP_LOSS_TAKE_PROFIT, positionId=of, closingOrder=True, **fields)


def deal(number: int, volume: int = 100_000, at: int = 1, of: int = 5, **detail: Any) -> messages.ProtoOADeal:
    made = messages.ProtoOADeal(
        dealId=number,
        orderId=7,
        positionId=of,
        volume=volume,
        filledVolume=volume,
        symbolId=1,
        createTimestamp=at,
        executionTimestamp=at,
        executionPrice=1.2,
        tradeSide=BUY,
        dealStatus=messages.ProtoOADealStatus.FILLED,
        moneyDigits=2,
    )
    if detail:
        for name in ("grossProfit", "swap", "commission"):
            detail.setdefault(name, 0)
        made.closePositionDetail.CopyFrom(
            messages.ProtoOAClosePositionDetail(entryPrice=1.1, closedVolume=volume, moneyDigits=2, **detail)
        )
    return made


def event(kind: int = Execution.ORDER_FILLED, account_id: int = ACCOUNT, **parts: Any) -> Any:
    return messages.ProtoOAExecutionEvent(ctidTraderAccountId=account_id, executionType=kind, **parts)


def answer(*items: Any, account_id: int = ACCOUNT) -> messages.ProtoOAReconcileRes:
    return messages.ProtoOAReconcileRes(
        ctidTraderAccountId=account_id,
        position=[item for item in items if isinstance(item, messages.ProtoOAPosition)],
        order=[item for item in items if isinstance(item, messages.ProtoOAOrder)],
    )


def trader(balance: int, version: int | None = None, **fields: Any) -> messages.ProtoOATrader:
    if version is not None:
        fields["balanceVersion"] = version
    return messages.ProtoOATrader(ctidTraderAccountId=ACCOUNT, balance=balance, depositAssetId=5, **fields)


def known(*items: Any, balance: int = 100_000, version: int | None = 3) -> Portfolio:
    portfolio = Portfolio(ACCOUNT)
    portfolio.trader(trader(balance, version))
    assert portfolio.reconciled(answer(*items)) == []
    return portfolio


def kinds(changes: list[Change]) -> list[type]:
    return [type(change) for change in changes]


def state(portfolio: Portfolio) -> tuple[Any, ...]:
    return dict(portfolio.positions), dict(portfolio.orders), portfolio.balance, portfolio.balance_version


# The balance


def test_what_a_reconcile_lists_and_is_not_open_is_not_held() -> None:
    portfolio = Portfolio(ACCOUNT)
    portfolio.reconciled(answer(position(1), position(2, status=CREATED), position(3, status=CLOSED), position(4, 0)))
    assert set(portfolio.positions) == {1}


def test_nothing_is_known_at_first() -> None:
    portfolio = Portfolio(ACCOUNT)
    assert (portfolio.balance, portfolio.balance_version, portfolio.terms, portfolio.known) == (None, None, None, False)
    assert not portfolio.positions and not portfolio.orders


def test_the_balance_has_the_digits_of_its_message() -> None:
    portfolio = Portfolio(ACCOUNT)
    portfolio.trader(trader(123_456, moneyDigits=3))
    assert str(portfolio.balance) == "123.456"
    assert portfolio.money_digits == 3


@pytest.mark.parametrize(
    ("version", "balance"),
    [(2, "1000.00"), (3, "7.00"), (4, "7.00"), (None, "7.00")],
)
def test_a_lower_version_never_overwrites_a_higher_one(version: int | None, balance: str) -> None:
    portfolio = known(balance=100_000, version=3)
    changes = portfolio.trader(trader(700, version))
    assert portfolio.balance == Decimal(balance)
    assert kinds(changes) == ([] if balance == "1000.00" else [BalanceChanged])
    assert portfolio.balance_version == max(3, version or 0)


def test_a_deposit_moves_the_balance_once() -> None:
    portfolio = known(balance=100_000, version=3)
    flow = messages.ProtoOADepositWithdraw(
        operationType=messages.ProtoOAChangeBalanceType.BALANCE_DEPOSIT,
        balanceHistoryId=1,
        balance=150_000,
        delta=50_000,
        changeBalanceTimestamp=1,
        balanceVersion=4,
    )
    deposit = event(Execution.DEPOSIT_WITHDRAW, depositWithdraw=flow)
    assert portfolio.executed(deposit) == [BalanceChanged(Decimal("1500.00"), Decimal("1000.00"), 4)]
    assert portfolio.executed(deposit) == []
    flow.balance, flow.balanceVersion = 1, 2
    assert portfolio.executed(event(Execution.DEPOSIT_WITHDRAW, depositWithdraw=flow)) == []
    assert portfolio.balance == Decimal("1500.00")


# Positions


def test_a_placeholder_is_no_position() -> None:
    portfolio = known()
    accepted = event(Execution.ORDER_ACCEPTED, order=order(), position=position(volume=0, status=CREATED))
    assert kinds(portfolio.executed(accepted)) == [OrderChanged]
    assert not portfolio.positions
    cancelled = event(
        Execution.ORDER_CANCELLED,
        order=order(status=OrderStatus.ORDER_STATUS_CANCELLED, at=2),
        position=position(volume=0, status=CLOSED, at=2),
    )
    [gone] = portfolio.executed(cancelled)
    assert gone == OrderGone(portfolio_order(order()), Execution.ORDER_CANCELLED)


def portfolio_order(message: messages.ProtoOAOrder) -> Any:
    return known(message).orders[message.orderId]


def test_a_fill_opens_a_position_and_its_copy_is_told_to_nobody() -> None:
    portfolio = known()
    portfolio.executed(event(Execution.ORDER_ACCEPTED, order=order(), position=position(volume=0, status=CREATED)))
    fill = event(
        order=order(status=OrderStatus.ORDER_STATUS_FILLED, at=2),
        position=position(at=2, label="mine", usedMargin=1126, commission=-3, moneyDigits=2, stopLoss=0.0),
        deal=deal(70),
    )
    changes = portfolio.executed(fill)
    assert kinds(changes) == [PositionOpened, OrderGone]
    assert changes[0].deal.dealId == 70
    opened = portfolio.positions[5]
    assert (opened.label, opened.used_margin, opened.commission) == ("mine", Decimal("11.26"), Decimal("-0.03"))
    assert (opened.side, opened.direction, opened.volume, opened.stop_loss) == (BUY, 1, 100_000, None)
    before = state(portfolio)
    assert portfolio.executed(fill) == []
    assert state(portfolio) == before
    assert portfolio.balance == Decimal("1000.00"), "opening books nothing"


def test_a_full_close_is_told_by_volume_whatever_the_status_and_once() -> None:
    portfolio = known(position(stopLoss=1.05), protective(stopPrice=1.05))
    fill = event(
        order=order(9, OrderStatus.ORDER_STATUS_FILLED, OrderType.MARKET, closingOrder=True),
        position=position(volume=0, status=CREATED, at=9, stopLoss=1.05, price=0.0),
        deal=deal(71, grossProfit=500, swap=-3, commission=-6, pnlConversionFee=-2, balance=100_489, balanceVersion=4),
    )
    realised, closed, balance = portfolio.executed(fill)
    assert isinstance(realised, Realised) and isinstance(closed, PositionClosed)
    assert realised.net == Decimal("4.89")
    assert closed.complete and closed.position.stop_loss == Decimal("1.05")
    figures = (closed.gross, closed.swap, closed.commission, closed.conversion_fee, closed.net, closed.balance)
    assert figures == tuple(map(Decimal, ("5.00", "-0.03", "-0.06", "-0.02", "4.89", "1004.89")))
    assert [part.dealId for part in closed.deals] == [71]
    assert balance == BalanceChanged(Decimal("1004.89"), Decimal("1000.00"), 4)
    assert portfolio.executed(fill) == []
    done = event(
        Execution.ORDER_CANCELLED,
        order=protective(status=OrderStatus.ORDER_STATUS_CANCELLED, at=10),
        position=position(volume=0, status=CLOSED, at=10),
    )
    assert kinds(portfolio.executed(done)) == [OrderGone]
    assert (dict(portfolio.positions), dict(portfolio.orders)) == ({}, {})


def test_closing_in_parts_adds_up() -> None:
    portfolio = known(position(volume=300_000))
    part = deal(71, 100_000, grossProfit=1, commission=-6, balance=99_995, balanceVersion=4)
    first = portfolio.executed(event(position=position(volume=200_000, at=2, commission=-5), deal=part))
    assert kinds(first) == [Realised, PositionChanged, BalanceChanged]
    assert first[1].before.volume == 300_000 and first[1].position.volume == 200_000  # type: ignore[union-attr]
    rest = deal(72, 200_000, grossProfit=4, commission=-7, balance=99_992, balanceVersion=5)
    second = portfolio.executed(event(position=position(volume=0, status=CLOSED, at=3), deal=rest))
    [closed] = [change for change in second if isinstance(change, PositionClosed)]
    assert (closed.gross, closed.commission, closed.net) == (Decimal("0.05"), Decimal("-0.13"), Decimal("-0.08"))
    assert [part.volume for part in closed.realised] == [100_000, 200_000]
    assert portfolio.balance == Decimal("999.92")


def test_a_copy_that_comes_late_opens_nothing_again() -> None:
    portfolio = known(position(at=4))
    accepted = event(Execution.ORDER_ACCEPTED, order=order(9, kind=OrderType.MARKET, at=5), position=position(at=4))
    portfolio.executed(accepted)
    portfolio.executed(
        event(
            order=order(9, OrderStatus.ORDER_STATUS_FILLED, OrderType.MARKET, at=6),
            position=position(volume=0, status=CREATED, at=6),
            deal=deal(71, grossProfit=0, balance=100_000),
        )
    )
    assert portfolio.executed(accepted) == []
    assert (dict(portfolio.positions), dict(portfolio.orders)) == ({}, {})


def test_swap_is_entered() -> None:
    portfolio = known(position())
    [changed] = portfolio.executed(event(Execution.SWAP, position=position(swap=-31, at=2, moneyDigits=2)))
    assert isinstance(changed, PositionChanged)
    assert (changed.before.swap, changed.position.swap) == (Decimal("0.00"), Decimal("-0.31"))


def test_a_trailing_stop_moves_position_and_order() -> None:
    portfolio = known(position(stopLoss=1.05, trailingStopLoss=True), protective(stopPrice=1.05))
    step = messages.ProtoOATrailingSLChangedEvent(
        ctidTraderAccountId=ACCOUNT, positionId=5, orderId=8, stopPrice=1.06, utcLastUpdateTimestamp=2
    )
    assert kinds(portfolio.trailed(step)) == [PositionChanged, OrderChanged]
    assert portfolio.positions[5].stop_loss == portfolio.orders[8].stop_price == Decimal("1.06")
    assert portfolio.positions[5].trailing
    assert portfolio.trailed(step) == []


def test_a_margin_that_changed_is_entered() -> None:
    portfolio = known(position(usedMargin=100, moneyDigits=2))
    told = messages.ProtoOAMarginChangedEvent(ctidTraderAccountId=ACCOUNT, positionId=5, usedMargin=250)
    assert kinds(portfolio.margin_changed(told)) == [PositionChanged]
    assert portfolio.positions[5].used_margin == Decimal("2.50")


def test_levels_and_their_order() -> None:
    portfolio = known(position())
    placed = event(
        Execution.ORDER_ACCEPTED,
        order=protective(stopPrice=1.05, limitPrice=1.2),
        position=position(stopLoss=1.05, takeProfit=1.2, at=2),
    )
    assert kinds(portfolio.executed(placed)) == [PositionChanged, OrderChanged]
    held = portfolio.positions[5]
    assert (held.stop_loss, held.take_profit, held.protective_order_id) == (Decimal("1.05"), Decimal("1.2"), 8)
    gone = event(
        Execution.ORDER_CANCELLED,
        order=protective(status=OrderStatus.ORDER_STATUS_CANCELLED, at=3),
        position=position(at=3),
    )
    portfolio.executed(gone)
    held = portfolio.positions[5]
    assert (held.stop_loss, held.take_profit, held.protective_order_id) == (None, None, None)


def test_what_is_of_another_account_is_not_taken() -> None:
    portfolio = known(position())
    before = state(portfolio)
    other = ACCOUNT + 1
    assert portfolio.executed(event(account_id=other, position=position(volume=0, status=CLOSED))) == []
    assert portfolio.reconciled(answer(account_id=other)) == []
    told = messages.ProtoOAMarginChangedEvent(ctidTraderAccountId=other, positionId=5, usedMargin=250)
    assert portfolio.margin_changed(told) == []
    alien = trader(1, 99)
    alien.ctidTraderAccountId = other
    assert portfolio.trader(alien) == []
    assert state(portfolio) == before


# Orders


def test_a_pending_order_from_its_placing_to_its_fill_in_parts() -> None:
    portfolio = known()
    placed = order(limitPrice=1.09, relativeStopLoss=200, relativeTakeProfit=0, positionId=5, expirationTimestamp=9)
    [new] = portfolio.executed(event(Execution.ORDER_ACCEPTED, order=placed))
    assert isinstance(new, OrderChanged) and new.before is None
    seen = portfolio.orders[7]
    assert (seen.limit_price, seen.relative_stop_loss, seen.relative_take_profit) == (
        Decimal("1.09"),
        Decimal("0.00200"),
        None,
    )
    assert (seen.position_id, seen.expires_at, seen.pending, seen.protective) == (5, 9, True, False)
    part = order(limitPrice=1.09, executedVolume=40_000, positionId=5, at=2)
    changes = portfolio.executed(
        event(Execution.ORDER_PARTIAL_FILL, order=part, position=position(volume=40_000, at=2), deal=deal(70, 40_000))
    )
    assert kinds(changes) == [PositionOpened, OrderChanged]
    assert portfolio.orders[7].remaining == 60_000
    rest = order(status=OrderStatus.ORDER_STATUS_FILLED, executedVolume=100_000, at=3)
    assert kinds(portfolio.executed(event(order=rest, position=position(at=3), deal=deal(71, 60_000)))) == [
        PositionChanged,
        OrderGone,
    ]


def test_which_orders_pend() -> None:
    portfolio = known(position(), order(), protective(), order(9, kind=OrderType.MARKET), order(10, closingOrder=True))
    assert set(portfolio.orders) == {7, 8, 9, 10}
    assert set(portfolio.pending_orders) == {7}


# Reconciling


def test_a_reconcile_is_the_whole_truth() -> None:
    portfolio = known(position(1), position(2), order(7), order(8))
    changes = portfolio.reconciled(answer(position(2, stopLoss=1.05), position(3), order(8, at=5), order(9)))
    assert set(portfolio.positions) == {2, 3} and set(portfolio.orders) == {8, 9}
    by_kind = {kind: [c for c in changes if type(c) is kind] for kind in kinds(changes)}
    assert [c.position.position_id for c in by_kind[PositionClosed]] == [1]
    assert [c.complete for c in by_kind[PositionClosed]] == [False]
    assert [(c.gross, c.net, c.balance) for c in by_kind[PositionClosed]] == [(None, None, None)]
    assert [c.position.position_id for c in by_kind[PositionOpened]] == [3]
    assert [c.position.position_id for c in by_kind[PositionChanged]] == [2]
    assert [(c.order.order_id, c.reason) for c in by_kind[OrderGone]] == [(7, None)]
    assert [c.order.order_id for c in by_kind[OrderChanged]] == [9], "order 8 says the same as before"
    assert portfolio.reconciled(answer(position(2, stopLoss=1.05), position(3), order(8), order(9))) == []


def test_what_events_told_since_it_was_asked_is_newer_than_its_answer() -> None:
    portfolio = known(position(1), position(2, stopLoss=1.05), order(7))
    asked = portfolio.reconciling()
    portfolio.executed(event(position=position(1, 0, CLOSED, at=5), deal=deal(70, of=1, grossProfit=0, balance=1)))
    portfolio.executed(
        event(position=position(3, at=5), order=order(7, OrderStatus.ORDER_STATUS_FILLED, at=5), deal=deal(71, of=3))
    )
    portfolio.trailed(
        messages.ProtoOATrailingSLChangedEvent(
            ctidTraderAccountId=ACCOUNT, positionId=2, orderId=8, stopPrice=1.06, utcLastUpdateTimestamp=2
        )
    )
    portfolio.margin_changed(
        messages.ProtoOAMarginChangedEvent(ctidTraderAccountId=ACCOUNT, positionId=2, usedMargin=250)
    )
    late = answer(position(1), position(2, stopLoss=1.05, usedMargin=1), order(7), protective(8, of=2, stopPrice=1.05))
    changes = portfolio.reconciled(late, asked)
    assert set(portfolio.positions) == {2, 3} and set(portfolio.orders) == {8}
    assert portfolio.positions[2].stop_loss == portfolio.orders[8].stop_price == Decimal("1.06")
    assert portfolio.positions[2].used_margin == Decimal("2.50")
    assert kinds(changes) == [OrderChanged]


def test_two_reconciles_at_once_and_one_without_an_answer() -> None:
    portfolio = known(position(1))
    first, second, lost = portfolio.reconciling(), portfolio.reconciling(), portfolio.reconciling()
    portfolio.not_reconciled(lost)
    portfolio.executed(event(position=position(2, at=5), deal=deal(70, of=2)))
    assert portfolio.reconciled(answer(position(1)), first) == []
    assert portfolio.reconciled(answer(position(1)), second) == []
    assert set(portfolio.positions) == {1, 2}
    third = portfolio.reconciling()
    assert kinds(portfolio.reconciled(answer(position(1)), third)) == [PositionClosed]


def test_a_reconcile_may_bring_back_what_was_thought_gone() -> None:
    portfolio = known(position(1, at=5), order(7, at=5))
    portfolio.reconciled(answer())
    assert not portfolio.positions
    portfolio.reconciled(answer(position(1, at=5), order(7, at=5)))
    assert set(portfolio.positions) == {1} and set(portfolio.orders) == {7}


def test_a_close_that_a_reconcile_told_first_still_books_its_deal() -> None:
    portfolio = known(position(1))
    portfolio.reconciled(answer())
    late = event(
        position=position(1, 0, CLOSED, at=5),
        deal=deal(70, of=1, grossProfit=5, balance=100_005, balanceVersion=4),
    )
    assert kinds(portfolio.executed(late)) == [Realised, BalanceChanged]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REMEMBERED", 3)
    portfolio = known()
    for number in range(10):
        portfolio.executed(event(position=position(number + 1, at=5), deal=deal(100 + number, of=number + 1)))
        portfolio.executed(
            event(
                position=position(number + 1, 0, CLOSED, at=6),
                deal=deal(200 + number, of=number + 1, grossProfit=0, balance=1),
            )
        )
    assert len(portfolio._deals._kept) == len(portfolio._closed._kept) == len(portfolio._seen._kept) == 3


# Exactness


@given(
    lots=st.lists(st.tuples(st.integers(1, 20_000_000), st.integers(50_000, 300_000)), min_size=1, max_size=8),
)
def test_the_cost_of_a_position_is_exact_though_its_mean_price_is_not(lots: list[tuple[int, int]]) -> None:
    volume = sum(size for size, _ in lots)
    value = sum(size * price for size, price in lots)
    mean = float(Fraction(value, volume * 100_000))
    portfolio = known(position(volume=volume, price=mean))
    with decimal.localcontext(prec=5):
        assert Fraction(portfolio.positions[5].cost) == Fraction(value, 100_000 * 100)


def test_a_cost_too_large_for_a_double_is_left_as_it_is() -> None:
    portfolio = known(position(volume=10**14, price=12345.678901))
    assert portfolio.positions[5].cost == Decimal("12345.678901") * 10**12


# What was recorded


@needs_recordings
def test_the_recorded_partial_close() -> None:
    portfolio = Portfolio(ACCOUNT)
    told: list[Change] = []
    reconciles: list[messages.ProtoOAReconcileRes] = []
    for row in recording("partial_close.jsonl"):
        if row.payload_type == 2122:
            told += portfolio.trader(row.read(messages.ProtoOATraderRes).trader)
        elif row.payload_type == 2125:
            reconciles.append(row.read(messages.ProtoOAReconcileRes))
            told += portfolio.reconciled(reconciles[-1])
        elif row.payload_type == 2126:
            happened = row.read(messages.ProtoOAExecutionEvent)
            told += portfolio.executed(happened)
            before = state(portfolio)
            assert portfolio.executed(happened) == []
            assert state(portfolio) == before
    assert kinds(told) == [
        OrderChanged,  # the closing order is accepted
        Realised,
        PositionChanged,
        OrderGone,
        BalanceChanged,
        OrderChanged,  # the protective order shrinks
    ], "and the last reconcile says nothing new"
    realised, balance = told[1], told[4]
    assert isinstance(realised, Realised) and isinstance(balance, BalanceChanged)
    assert (realised.gross, realised.commission, realised.net) == (Decimal("0.01"), Decimal("-0.06"), Decimal("-0.05"))
    assert realised.entry_price == Decimal("1.11987")
    assert (balance.before, balance.balance, balance.version) == (Decimal("8511207.73"), Decimal("8511207.68"), 14)
    assert balance.before + realised.net == balance.balance
    held = portfolio.positions[5000001]
    assert (held.volume, held.price, held.used_margin) == (200_000, Decimal("1.119875"), Decimal("22.40"))
    assert (held.commission, held.protective_order_id) == (Decimal("-0.05"), 6000001)
    assert portfolio.terms is not None and portfolio.terms.depositAssetId


@needs_recordings
def test_the_recorded_trailing_stop() -> None:
    portfolio = Portfolio(ACCOUNT)
    levels: list[Decimal | None] = []
    for row in recording("trailing_stop.jsonl"):
        if row.payload_type == 2125:
            portfolio.reconciled(row.read(messages.ProtoOAReconcileRes))
        elif row.payload_type == 2126:
            portfolio.executed(row.read(messages.ProtoOAExecutionEvent))
        elif row.payload_type == 2107:
            portfolio.trailed(row.read(messages.ProtoOATrailingSLChangedEvent))
        if 5000001 in portfolio.positions:
            held = portfolio.positions[5000001]
            assert held.stop_loss == portfolio.orders[6000001].stop_price
            if not levels or levels[-1] != held.stop_loss:
                levels.append(held.stop_loss)
    assert levels == [Decimal(level) for level in ("1.11778", "1.11779", "1.1178", "1.11782")]
    assert held.trailing and held.take_profit is None and held.side != SELL
