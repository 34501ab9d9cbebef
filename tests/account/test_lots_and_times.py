"""What an account tells is in the units that it is asked in: lots beside hundredths, datetimes beside milliseconds."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ctrader_twisted import messages
from ctrader_twisted.account import Fill, Realised
from ctrader_twisted.account.holdings import Listed, order_of, position_of
from ctrader_twisted.account.terms import BUY
from ctrader_twisted.account.tracking import Progress, fill_of
from ctrader_twisted.errors import NotFilled
from ctrader_twisted.market import Lots, Price
from ctrader_twisted.sim.testing import DEFAULT_START, EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from tests.sim.trading.staged import stage
from tests.sim.venues import EURUSD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctrader_twisted.account import Account, Order

STILL = (-1, 110_000, 110_010)
LIMIT = messages.ProtoOAOrderType.LIMIT
FILL_OR_KILL = messages.ProtoOATimeInForce.FILL_OR_KILL


@pytest.fixture
def kit() -> Iterator[VenueKit]:
    with VenueKit() as kit:
        yield kit


@pytest.fixture
def account(kit: VenueKit) -> Account:
    return kit.settle(kit.ready_client(USD_ACCOUNT).account(USD_ACCOUNT).ready())


def utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


# Lots


def test_what_is_executed_and_what_is_left_is_counted_in_lots(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", Lots("0.3"))
    assert (order.lots, order.executed_lots, order.remaining_lots) == (None, None, None), "its symbol is not known yet"
    kit.settle(order.accepted())
    assert (order.lots, order.executed_lots, order.remaining_lots) == (Lots("0.3"), Lots(0), Lots("0.3"))
    kit.settle(order.filled())
    assert (order.lots, order.executed_lots, order.remaining_lots) == (Lots("0.3"), Lots("0.3"), Lots(0))
    assert repr(order).endswith("MARKET, filled, 0.3 lots executed>")
    (fill,) = order.fills
    assert (fill.symbol_name, str(fill.symbol), fill.lots) == ("EURUSD", "EURUSD", Lots("0.3"))
    closing = kit.settle(account.close(order.position_id, Lots("0.1")).filled())
    (part,) = closing.fills
    assert part.closed is not None
    assert (part.closed.symbol_name, part.closed.lots, part.closed.volume) == ("EURUSD", Lots("0.1"), 1_000_000)


def test_a_part_is_counted_in_lots_wherever_it_is_told() -> None:
    with stage(STILL, fill="depth", account={"balance": 10**12}) as kit:
        account = kit.settle(kit.ready_client(USD_ACCOUNT).account(USD_ACCOUNT).ready())
        there = sum(level.size for level in kit.venue.ticker.book(EURUSD).side(bids=False))
        symbol = kit.settle(account.symbol("EURUSD"))
        order: Order = account.buy(symbol, symbol.lots(there + 100_000))
        with pytest.raises(NotFilled) as caught:
            kit.settle(order.filled())
        with pytest.raises(NotFilled) as unprotected:
            kit.settle(account.buy(symbol, symbol.lots(there + 100_000), time_in_force=FILL_OR_KILL).protected())
    executed = symbol.lots(there)
    assert (order.executed_lots, order.remaining_lots) == (executed, Lots("0.01"))
    assert [fill.lots for fill in order.fills] == [symbol.lots(fill.volume) for fill in order.fills]
    assert sum((fill.lots.value for fill in order.fills if fill.lots), start=executed.value * 0) == executed.value
    assert (caught.value.executed_lots, caught.value.lots) == (executed, order.lots)
    assert f"{executed.value} of {order.lots} was executed" in str(caught.value)
    assert (unprotected.value.executed_lots, unprotected.value.lots) == (Lots(0), order.lots)


def test_a_working_order_counts_what_is_executed_and_what_is_left_in_lots(kit: VenueKit, account: Account) -> None:
    order = account.limit("buy", "EURUSD", Lots("0.3"), Price("1.0"))
    kit.settle(order.accepted())
    assert order.order_id is not None
    pending = account.pending[order.order_id]
    assert (pending.executed_lots, pending.remaining_lots) == (Lots(0), Lots("0.3"))
    told = messages.ProtoOAOrder()
    told.CopyFrom(pending.message)
    told.executedVolume = 2_000_000
    partly = order_of(told, pending.listed)
    assert (partly.executed_lots, partly.remaining_lots) == (Lots("0.2"), Lots("0.1"))
    alone = order_of(told)
    assert (alone.executed_lots, alone.remaining_lots) == (None, None)


def test_what_was_found_after_a_loss_is_counted_in_lots_too() -> None:
    with VenueKit() as kit:
        account = kit.settle(kit.ready_client(EUR_ACCOUNT).account(EUR_ACCOUNT).ready())
        kit.settle(account.symbol("EURUSD"))
        order = account.buy("EURUSD", Lots("0.1"))
        kit.advance(0.05)
        kit.cut()
        kit.settle(account.settled())
        assert [fill.lots for fill in order.fills] == [Lots("0.1")]


def test_a_fill_alone_knows_no_lots_and_is_equal_all_the_same() -> None:
    deal = messages.ProtoOADeal(
        dealId=1,
        positionId=2,
        symbolId=EURUSD,
        volume=100,
        filledVolume=100,
        executionTimestamp=5,
        dealStatus=2,
        closePositionDetail=messages.ProtoOAClosePositionDetail(entryPrice=1.1, closedVolume=50),
    )
    alone, named = fill_of(deal), fill_of(deal, Listed("EURUSD"))
    assert alone is not None and alone.closed is not None and named is not None and named.closed is not None
    assert alone == named and repr(alone) == repr(named)
    assert (alone.symbol_name, alone.lots, alone.closed.symbol_name, alone.closed.lots) == ("1", None, "1", None)
    assert (named.symbol_name, named.closed.symbol_name, named.closed.volume) == ("EURUSD", "EURUSD", 50)
    progress = Progress()
    data = messages.ProtoOATradeData(symbolId=EURUSD, volume=100, tradeSide=BUY)
    progress.listed(messages.ProtoOAOrder(orderId=1, tradeData=data, orderType=LIMIT, orderStatus=2), [deal])
    assert progress.fills == (alone,)


def test_a_fill_is_copied_with_its_lots(kit: VenueKit, account: Account) -> None:
    (fill,) = kit.settle(account.buy("EURUSD", Lots("0.1")).filled()).fills
    copied = pickle.loads(pickle.dumps(fill))
    assert isinstance(copied, Fill) and copied == fill and copied.lots == Lots("0.1")


# Times


def test_each_time_is_an_aware_datetime_too(kit: VenueKit, account: Account) -> None:
    realised: list[Realised] = []
    account.on(Realised, realised.append)
    order = kit.settle(account.buy("EURUSD", Lots("0.1")).filled())
    (fill,) = order.fills
    assert fill.time == utc(fill.at) and fill.time.tzinfo is UTC
    assert abs(fill.at - DEFAULT_START) < 60_000
    (position,) = account.positions.values()
    assert position.opened_at is not None and position.time == utc(position.opened_at)
    closing = kit.settle(account.close(position).filled())
    (told,) = realised
    assert (told.at, told.time) == (closing.fills[0].at, closing.fills[0].time)


def test_what_has_no_time_has_no_datetime() -> None:
    data = messages.ProtoOATradeData(symbolId=EURUSD, volume=100, tradeSide=BUY)
    held = messages.ProtoOAPosition(positionId=5, tradeData=data, positionStatus=1, swap=0, price=1.1)
    assert position_of(held, None, 2).time is None
    waiting = messages.ProtoOAOrder(orderId=7, tradeData=data, orderType=LIMIT, orderStatus=1)
    assert order_of(waiting).expires is None


def test_an_order_expires_when_it_was_asked_to(kit: VenueKit, account: Account) -> None:
    when = datetime(2026, 3, 6, 20, tzinfo=UTC)
    order = account.limit("buy", "EURUSD", Lots("0.1"), Price("1.0"), expires=when)
    kit.settle(order.accepted())
    assert order.order_id is not None
    pending = account.pending[order.order_id]
    assert pending.expires == when and pending.expires_at == when.timestamp() * 1000
