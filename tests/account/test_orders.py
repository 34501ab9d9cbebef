"""Orders through `client.account`, against the venue: what is sent, what it becomes, what is refused and how."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred

from ctrader_twisted.account import KEEP, Fill, Order, OrderState, PositionClosed, Safety
from ctrader_twisted.account.account import SETTLE_AFTER
from ctrader_twisted.errors import (
    BadVolume,
    ClientClosed,
    DryRun,
    LevelsRefused,
    NeverArrived,
    NotFilled,
    NotWorking,
    OrderNotPlaced,
    PositionNotFound,
    PriceRefused,
    RequestNotSent,
    SafetyRefused,
    TradingHalted,
    UnknownSymbol,
    VolumeRefused,
)
from ctrader_twisted.market import Lots, Money, Pips, Price, ProtocolVolume, Units
from ctrader_twisted.messages import ProtoOATradeSide
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT, VenueKit

if TYPE_CHECKING:
    from ctrader_twisted.account import Account

EURUSD = 1


@pytest.fixture
def account(kit: VenueKit) -> Account:
    client = kit.ready_client(USD_ACCOUNT)
    return kit.settle(client.account(USD_ACCOUNT).ready())


def quote(kit: VenueKit) -> tuple[Decimal, Decimal]:
    found = kit.venue.exchange.quote(EURUSD)
    assert found is not None
    return Decimal(found.bid) / 100_000, Decimal(found.ask) / 100_000


def ledger(kit: VenueKit, account_id: int = USD_ACCOUNT) -> Any:
    return kit.venue.exchange.desk(account_id).ledger


def filled(kit: VenueKit, order: Order) -> Order:
    return kit.settle(order.filled())


def test_an_account_is_the_same_each_time(kit: VenueKit, account: Account) -> None:
    client = account._client
    assert client.account(USD_ACCOUNT) is account  # type: ignore[attr-defined]
    assert account.balance == Decimal("10000.00") and account.stands


def test_a_market_order_is_awaited_to_accepted_to_filled_and_to_done(kit: VenueKit, account: Account) -> None:
    order = account.buy("eurusd", Lots("0.1"), label="mine", comment="a word")
    states: list[OrderState] = []
    order.on_change(lambda changed: states.append(changed.state))
    assert kit.settle(order.accepted()) is order
    assert order.state is OrderState.ACCEPTED and order.fills == ()
    assert kit.settle(order.filled()) is kit.settle(order.done()) is order
    (fill,) = order.fills
    assert isinstance(fill, Fill) and fill.volume == order.executed == 1_000_000 and order.average_price == fill.price
    assert states == [OrderState.QUEUED, OrderState.SENT, OrderState.ACCEPTED, OrderState.FILLED]
    (position,) = account.positions.values()
    assert (position.label, position.comment, position.volume) == ("mine", "a word", 1_000_000)
    assert order.position is position and order.lots == Lots("0.1")


@pytest.mark.parametrize("amount", [Lots("0.1"), Units(10_000), ProtocolVolume(1_000_000)])
def test_a_volume_is_given_in_a_unit_of_its_own(kit: VenueKit, account: Account, amount: Any) -> None:
    assert filled(kit, account.buy("EURUSD", amount)).executed == 1_000_000


def test_a_volume_without_a_unit_is_no_volume(account: Account) -> None:
    with pytest.raises(TypeError, match=r"write Lots"):
        account.buy("EURUSD", 0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda account: account.buy("EURUSD", Lots("0.015")), VolumeRefused, "0.01 or 0.02 lots"),
        (lambda account: account.buy("EURUSX", Lots("0.1")), UnknownSymbol, "EURUSD"),
        (lambda account: account.limit("buy", "EURUSD", Lots("0.1"), Price("1.000001")), PriceRefused, "1.00000"),
        (lambda account: account.buy("EURUSD", Lots("0.1"), stop_loss=Pips(0)), LevelsRefused, "above 0"),
        (lambda account: account.buy("EURUSD", Lots("0.1"), trailing=True), LevelsRefused, "stop_loss"),
        (lambda account: account.buy("EURUSD", Lots("0.1"), stop_loss=Price(2)), LevelsRefused, "below"),
        (lambda account: account.buy("EURUSD", Lots("0.1"), stop_loss=Money(50, "EUR")), LevelsRefused, "in USD"),
        (
            lambda account: account.limit("buy", "EURUSD", Lots(1), Price(1), expires=datetime(2026, 3, 4)),  # noqa: DTZ001
            OrderNotPlaced,
            "time zone",
        ),
    ],
)
def test_what_can_not_be_is_refused_here_and_says_what_would_be(
    kit: VenueKit, account: Account, make: Any, error: type[Exception], words: str
) -> None:
    order: Order = make(account)
    with pytest.raises(error) as caught:
        kit.settle(order.accepted())
    assert words in str(caught.value)
    assert order.state is OrderState.NOT_SENT and kit.settle(order.done()) is order
    assert not ledger(kit).orders and not ledger(kit).past_orders


def test_rounding_is_asked_for(kit: VenueKit, account: Account) -> None:
    assert filled(kit, account.buy("EURUSD", Lots("0.015"), rounding="down")).executed == 100_000


def test_what_the_server_refuses_is_an_error_of_its_own_kind(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", ProtocolVolume(100_000))
    client = account._client
    refused = client.new_order(
        ctidTraderAccountId=USD_ACCOUNT, symbolId=1, orderType="MARKET", tradeSide="BUY", volume=150_000
    )
    with pytest.raises(BadVolume) as caught:
        kit.settle(refused)
    assert caught.value.remedy in str(caught.value)
    with pytest.raises(PositionNotFound):
        kit.settle(client.close_position(ctidTraderAccountId=USD_ACCOUNT, positionId=1, volume=100_000))
    filled(kit, order)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_levels_in_pips_count_from_the_fill(kit: VenueKit, account: Account, side: Any) -> None:
    order = account.market(side, "EURUSD", Lots("0.1"), stop_loss=Pips(20), take_profit=Pips("35.5"))
    position = kit.settle(order.protected())
    way = 1 if side == "buy" else -1
    assert position.stop_loss == position.price - way * Decimal("0.002")
    assert position.take_profit == position.price + way * Decimal("0.00355")


def test_levels_in_price_are_exact_although_a_market_order_takes_distances_only(
    kit: VenueKit, account: Account
) -> None:
    bid, _ = quote(kit)
    stop, take = Price(bid - Decimal("0.005")), Price(bid + Decimal("0.007"))
    position = kit.settle(account.buy("EURUSD", Lots("0.1"), stop_loss=stop, take_profit=take).protected())
    assert (position.stop_loss, position.take_profit) == (stop.value, take.value)


def test_levels_in_money_are_what_may_be_lost(kit: VenueKit, account: Account) -> None:
    position = kit.settle(account.buy("EURUSD", Lots("0.1"), stop_loss=Money(50)).protected())
    assert position.stop_loss == position.price - Decimal("0.005")  # 10 000 units, in dollars


def test_every_kind_of_pending_order_rests_and_is_cancelled(kit: VenueKit, account: Account) -> None:
    bid, ask = quote(kit)
    away = Decimal("0.01")
    orders = [
        account.limit("buy", "EURUSD", Lots("0.1"), Price(bid - away), stop_loss=Price(bid - 2 * away)),
        account.limit("sell", "EURUSD", Lots("0.1"), Price(ask + away), take_profit=Pips(30)),
        account.stop("buy", "EURUSD", Lots("0.1"), Price(ask + away)),
        account.stop_limit("sell", "EURUSD", Lots("0.1"), Price(bid - away), slippage=Pips(2)),
        account.limit(
            "buy", "EURUSD", Lots("0.1"), Price(bid - away), expires=datetime(2026, 3, 4, 9, tzinfo=UTC), label="day"
        ),
    ]
    for order in orders:
        kit.settle(order.accepted())
    assert set(account.pending) == {order.order_id for order in orders}
    for order in orders:
        assert kit.settle(order.cancel()) is order and order.state is OrderState.CANCELLED
        with pytest.raises(NotFilled):
            kit.settle(order.filled())
        with pytest.raises(NotWorking):
            kit.settle(order.cancel())
    assert not account.pending and not account.positions


def test_amending_keeps_what_is_not_named(kit: VenueKit, account: Account) -> None:
    bid, _ = quote(kit)
    price = bid - Decimal("0.01")
    order = account.limit(
        "buy",
        "EURUSD",
        Lots("0.1"),
        Price(price),
        stop_loss=Price(price - Decimal("0.01")),
        take_profit=Pips(40),
        expires=datetime(2026, 3, 5, tzinfo=UTC),
    )
    kit.settle(order.accepted())
    kit.settle(account.amend(order, volume=Lots("0.3"), take_profit=None))
    (pending,) = account.pending.values()
    assert pending.volume == 3_000_000 and pending.limit_price == price
    assert pending.stop_loss == price - Decimal("0.01") and pending.relative_take_profit is None
    assert pending.expires_at == round(datetime(2026, 3, 5, tzinfo=UTC).timestamp() * 1000)


def test_setting_one_level_keeps_the_other(kit: VenueKit, account: Account) -> None:
    position = kit.settle(account.buy("EURUSD", Lots("0.1"), stop_loss=Pips(20), take_profit=Pips(40)).protected())
    moved = kit.settle(account.set_levels(position, stop_loss=Pips(30)))
    assert (moved.stop_loss, moved.take_profit) == (position.price - Decimal("0.003"), position.take_profit)
    bare = kit.settle(account.set_levels(position, stop_loss=None, take_profit=KEEP))
    assert (bare.stop_loss, bare.take_profit) == (None, position.take_profit)
    assert kit.settle(account.set_levels(position, take_profit=None)).take_profit is None


def test_levels_set_right_after_a_fill_do_not_lose_those_that_are_on_their_way(kit: VenueKit, account: Account) -> None:
    order = filled(kit, account.buy("EURUSD", Lots("0.1"), stop_loss=Pips(20)))
    assert order.position is not None and order.position.stop_loss is None  # it comes a moment later (observed)
    position = kit.settle(account.set_levels(order.position, take_profit=Pips(40)))
    assert position.stop_loss == position.price - Decimal("0.002") and position.take_profit is not None


def test_a_stop_that_trails_is_removed_in_two_steps(kit: VenueKit, account: Account) -> None:
    order = filled(kit, account.buy("EURUSD", Lots("0.1")))
    assert order.position_id is not None
    trailing = kit.settle(account.trail(order.position_id, Pips(30)))
    assert trailing.trailing and trailing.stop_loss is not None
    bare = kit.settle(account.set_levels(order.position_id, stop_loss=None))
    assert bare.stop_loss is None and not bare.trailing


def test_closing_a_part_and_the_rest_books_what_it_brought(kit: VenueKit, account: Account) -> None:
    told: list[PositionClosed] = []
    account.on(PositionClosed, told.append)
    position = filled(kit, account.buy("EURUSD", Lots("0.3"))).position
    assert position is not None
    part = filled(kit, account.close(position, Lots("0.1")))
    told_when_filled: list[int] = []
    closing = account.close(position)
    closing.filled().addCallback(lambda _: told_when_filled.append(len(told)))
    rest = filled(kit, closing)
    assert told_when_filled == [1], "listeners are told before those who wait"
    assert part.profit is not None and rest.profit is not None
    assert account.balance == Decimal(10_000) + part.profit + rest.profit == Decimal(ledger(kit).account.balance) / 100
    assert not account.positions and [closed.net for closed in told] == [part.profit + rest.profit]


def test_more_than_is_open_can_not_be_closed(kit: VenueKit, account: Account) -> None:
    position = filled(kit, account.buy("EURUSD", Lots("0.1"))).position
    assert position is not None
    with pytest.raises(OrderNotPlaced, match=r"0\.1 lots or less"):
        kit.settle(account.close(position, Lots("0.2")).accepted())
    with pytest.raises(OrderNotPlaced, match="not open"):
        kit.settle(account.close(77).accepted())


def test_reversing_closes_first_and_opens_as_much_on_the_other_side(kit: VenueKit, account: Account) -> None:
    position = filled(kit, account.buy("EURUSD", Lots("0.2"))).position
    assert position is not None
    order = filled(kit, account.reverse(position))
    (now,) = account.positions.values()
    assert now.side == ProtoOATradeSide.SELL and now.volume == position.volume and order.position is now
    closing = order.after
    assert closing is not None and closing.closes == position.position_id and closing.after is None
    assert closing.profit is not None and account.balance == Decimal(10_000) + closing.profit


def test_positions_are_found_by_label_symbol_and_side(kit: VenueKit, account: Account) -> None:
    for side, name, label in (("buy", "EURUSD", "a"), ("sell", "EURUSD", "b"), ("buy", "USDJPY", "a")):
        filled(kit, account.market(side, name, Lots("0.1"), label=label))  # type: ignore[arg-type]
    first, second, third = account.positions.values()
    assert account.positions_by(label="a") == (first, third)
    assert account.positions_by(symbol="eurusd", side="sell") == (second,)
    assert account.positions_by(label="c") == () and account.positions_by() == (first, second, third)
    with pytest.raises(UnknownSymbol):
        account.positions_by(symbol="EURUSX")
    for closing in account.close_all(label="a"):
        filled(kit, closing)
    assert tuple(account.positions.values()) == (second,)


def test_flattening_leaves_nothing_and_halts(kit: VenueKit, account: Account) -> None:
    bid, _ = quote(kit)
    for order in (account.buy("EURUSD", Lots("0.1")), account.sell("USDJPY", Lots("0.1"), stop_loss=Pips(50))):
        filled(kit, order)
    kit.settle(account.limit("buy", "EURUSD", Lots("0.1"), Price(bid - Decimal("0.01"))).accepted())
    done = kit.settle(account.flatten())
    assert done and len(done.closed) == 2 and len(done.cancelled) == 1
    kit.advance(0.1)  # the venue cancels protective orders a moment later (observed)
    assert not ledger(kit).positions and not ledger(kit).orders
    with pytest.raises(TradingHalted, match="flatten"):
        kit.settle(account.buy("EURUSD", Lots("0.1")).accepted())
    account.resume()
    filled(kit, account.buy("EURUSD", Lots("0.1")))


def test_limits_of_the_users_own_are_held_before_anything_is_sent(kit: VenueKit, account: Account) -> None:
    account.safety = Safety(symbols=frozenset({"EURUSD"}), max_volume=Lots("0.2"), max_open_volume=Lots("0.3"))
    for refused, limit in (
        (account.buy("USDJPY", Lots("0.1")), "symbols"),
        (account.buy("EURUSD", Lots("0.21")), "max_volume"),
    ):
        with pytest.raises(SafetyRefused, match=limit):
            kit.settle(refused.accepted())
    first, second = account.buy("EURUSD", Lots("0.2")), account.buy("EURUSD", Lots("0.2"))
    with pytest.raises(SafetyRefused, match="max_open_volume"):  # the first is on its way, and counts
        kit.settle(second.accepted())
    filled(kit, first)
    assert len(ledger(kit).positions) == 1


def test_a_dry_run_checks_everything_and_sends_nothing(kit: VenueKit, account: Account) -> None:
    account.safety = Safety(dry_run=True)
    with pytest.raises(DryRun, match=r"0\.1 lots of EURUSD"):
        kit.settle(account.buy("EURUSD", Lots("0.1")).accepted())
    with pytest.raises(VolumeRefused):
        kit.settle(account.buy("EURUSD", Lots("0.015")).accepted())
    assert not ledger(kit).past_orders


def test_an_order_without_a_connection_is_not_kept_for_later(kit: VenueKit, account: Account) -> None:
    kit.settle(account.symbol("EURUSD"))
    kit.refuse_connections()
    kit.cut()
    order = account.buy("EURUSD", Lots("0.1"))
    with pytest.raises(RequestNotSent):
        kit.settle(order.accepted())
    kit.accept_connections()
    kit.settle(account.settled(), within=120)
    kit.advance(5)
    assert not ledger(kit).past_orders and order.state is OrderState.NOT_SENT


def test_an_order_whose_answer_is_withheld_is_unknown_until_the_lists_tell(kit: VenueKit, account: Account) -> None:
    kit.settle(account.symbol("EURUSD"))
    kit.play("drop_answers", count=1, request="ProtoOANewOrderReq")
    order = account.buy("EURUSD", Lots("0.1"), timeout=2)
    kit.advance(1)
    assert order.state is OrderState.SENT
    filled(kit, order)
    assert len(ledger(kit).positions) == 1 and len(order.fills) == 1
    assert kit.settle(account.check())


def test_a_close_whose_answer_is_withheld_is_found_by_its_position(kit: VenueKit, account: Account) -> None:
    position = filled(kit, account.buy("EURUSD", Lots("0.3"))).position
    assert position is not None
    filled(kit, account.close(position, Lots("0.1")))
    kit.play("drop_answers", count=1, request="ProtoOAClosePositionReq")
    again = filled(kit, account.close(position, Lots("0.1"), timeout=2))  # as large as the one before it
    closings = [order.order_id for order in ledger(kit).past_orders.values() if order.closing]
    assert again.order_id == closings[-1] and len(closings) == 2 and len(again.fills) == 1
    assert account.positions[position.position_id].volume == 1_000_000 and kit.settle(account.check())


@pytest.mark.parametrize("level", ["stop_loss", "take_profit"])
def test_levels_whose_answer_is_withheld_are_found_to_stand(kit: VenueKit, account: Account, level: str) -> None:
    position = filled(kit, account.buy("EURUSD", Lots("0.1"))).position
    assert position is not None
    kit.play("drop_answers", count=1, request="ProtoOAAmendPositionSLTPReq")
    wanted: Any = {level: Pips(30)}
    moved = kit.settle(account.set_levels(position, timeout=2, **wanted))
    assert getattr(moved, level) is not None and kit.settle(account.check())


def test_an_order_that_is_lost_on_its_way_has_never_arrived(kit: VenueKit, account: Account) -> None:
    kit.settle(account.symbol("EURUSD"))
    order = account.buy("EURUSD", Lots("0.1"))
    kit.clock.advance(0)  # it leaves
    kit.cut()  # and is lost
    began = kit.clock.seconds()
    with pytest.raises(NeverArrived):
        kit.settle(order.accepted(), within=120)
    assert order.state is OrderState.NEVER_ARRIVED and not ledger(kit).past_orders
    assert kit.clock.seconds() - began >= SETTLE_AFTER


def test_an_order_of_a_process_that_has_died_is_found_by_its_id(kit: VenueKit, account: Account) -> None:
    filled(kit, account.buy("EURUSD", Lots("0.1"), client_order_id="tuesday-1"))
    other = kit.settle(kit.ready_client(USD_ACCOUNT).account(USD_ACCOUNT).ready())
    found = kit.settle(other.find("tuesday-1"))
    kit.settle(found.done())
    assert found.state is OrderState.FILLED and len(found.fills) == 1
    with pytest.raises(NeverArrived) as caught:
        kit.settle(other.find("tuesday-2"))
    assert not caught.value.sent
    assert str(caught.value) == (
        f"order 'tuesday-2' for account {USD_ACCOUNT}: no order of this id is in the server's lists, nor was in the "
        "last 10 s; none was sent from here: check the id"
    )


def test_what_another_client_does_is_seen(kit: VenueKit, account: Account) -> None:
    other = kit.settle(kit.ready_client(USD_ACCOUNT).account(USD_ACCOUNT).ready())
    order = filled(kit, other.buy("EURUSD", Lots("0.1"), stop_loss=Pips(30)))
    kit.settle(order.protected())
    assert account.positions == other.positions and not account.orders
    assert kit.settle(account.check())


def test_figures_are_the_servers_own(kit: VenueKit) -> None:
    client = kit.ready_client(EUR_ACCOUNT)
    account = kit.settle(client.account(EUR_ACCOUNT).ready())
    for name, side in (("EURUSD", "buy"), ("USDJPY", "sell"), ("XAUUSD", "buy")):
        filled(kit, account.market(side, name, Lots("0.1")))  # type: ignore[arg-type]
    kit.advance(300)
    assert kit.settle(account.check()), "unrealised results agree to the cent"
    assert account.equity is not None and account.balance is not None and account.unrealised is not None
    assert account.equity == account.balance + account.unrealised
    assert account.used_margin == sum(p.used_margin for p in ledger(kit, EUR_ACCOUNT).positions.values()) / Decimal(100)
    assert account.free_margin == account.equity - account.used_margin


def test_figures_are_waited_for(kit: VenueKit) -> None:
    account = kit.settle(kit.ready_client(EUR_ACCOUNT).account(EUR_ACCOUNT).ready())
    assert account.priced().called, "nothing is open"
    for name in ("EURUSD", "USDJPY", "XAUUSD"):
        filled(kit, account.buy(name, Lots("0.1")))
    client = kit.ready_client(EUR_ACCOUNT)

    async def another() -> tuple[Decimal | None, Decimal | None]:
        late = await client.account(EUR_ACCOUNT).ready()
        before = late.equity
        assert await late.priced() is late
        return before, late.equity

    before, after = kit.settle(Deferred.fromCoroutine(another()))
    assert before is None and after is not None


def test_figures_whose_quotes_do_not_come_are_not_waited_for_forever(kit: VenueKit) -> None:
    filled(kit, kit.settle(kit.ready_client(EUR_ACCOUNT).account(EUR_ACCOUNT).ready()).buy("EURUSD", Lots("0.1")))
    client = kit.ready_client(EUR_ACCOUNT)

    async def another() -> None:
        late = await client.account(EUR_ACCOUNT).ready()
        with pytest.raises(OrderNotPlaced, match="EURUSD"):
            await late.priced(0)

    kit.settle(Deferred.fromCoroutine(another()))


def test_what_is_waited_for_fails_when_the_client_is_closed(kit: VenueKit, account: Account) -> None:
    bid, _ = quote(kit)
    order = account.limit("buy", "EURUSD", Lots("0.1"), Price(bid - Decimal("0.01")))
    kit.settle(order.accepted())
    waiting = order.filled()
    closing = account._client.close()  # type: ignore[attr-defined]
    with pytest.raises(ClientClosed):
        kit.settle(waiting)
    kit.settle(closing)
