"""What an account has names its symbols, and counts in lots."""

from __future__ import annotations

import dataclasses
import pickle
from typing import TYPE_CHECKING, Any, cast

import pytest

from ctrader_twisted import messages
from ctrader_twisted.account import OrderChanged, Position, PositionOpened, Realised
from ctrader_twisted.account.holdings import Listed, order_of, position_of
from ctrader_twisted.account.terms import BUY, SELL
from ctrader_twisted.market import Lots, Price
from ctrader_twisted.sim.answers import ANSWERS
from ctrader_twisted.sim.answers.refusal import Refusal
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit

if TYPE_CHECKING:
    from ctrader_twisted.account import Account
    from ctrader_twisted.client import OpenApiClient

EURUSD, USDJPY = 1, 4


@pytest.fixture
def client(kit: VenueKit) -> OpenApiClient:
    return kit.ready_client(USD_ACCOUNT)


def asked_by(kit: VenueKit, client: OpenApiClient, **fields: Any) -> None:
    """An order as somebody else's program gives it, whom the account does not hear."""
    fields = {"ctidTraderAccountId": USD_ACCOUNT, "tradeSide": BUY, "volume": 1_000_000, **fields}
    kit.settle(client.new_order(**fields))
    kit.advance(1)


def elsewhere(kit: VenueKit, **fields: Any) -> None:
    """The same, from another connection."""
    asked_by(kit, kit.ready_client(USD_ACCOUNT), **fields)


def ready(kit: VenueKit, client: OpenApiClient) -> Account:
    return kit.settle(client.account(USD_ACCOUNT).ready())


MARKET, LIMIT = messages.ProtoOAOrderType.MARKET, messages.ProtoOAOrderType.LIMIT


def test_what_is_there_already_is_named_and_counted_as_soon_as_the_account_is_ready(
    kit: VenueKit, client: OpenApiClient
) -> None:
    elsewhere(kit, symbolId=EURUSD, orderType=MARKET)
    elsewhere(kit, symbolId=USDJPY, orderType=LIMIT, limitPrice=100.0, volume=200_000)
    account = ready(kit, client)
    (position,), (order,) = account.positions.values(), account.pending.values()
    assert (position.symbol_name, str(position.symbol), position.lots) == ("EURUSD", "EURUSD", Lots("0.1"))
    assert (order.symbol_name, str(order.symbol), order.lots) == ("USDJPY", "USDJPY", Lots("0.02"))
    assert position.symbol is kit.settle(account.symbol("eurusd"))
    assert str(position) == f"position {position.position_id}: BUY 0.1 lots of EURUSD at {position.price}"
    assert str(order) == f"order {order.order_id}: BUY 0.02 lots of USDJPY, LIMIT at 100.0"


def test_what_is_opened_elsewhere_later_is_named_at_once_and_counted_a_moment_after(
    kit: VenueKit, client: OpenApiClient
) -> None:
    account, told = ready(kit, client), []
    account.on(PositionOpened, lambda change: told.append(change.position.symbol_name))
    account.on(OrderChanged, lambda change: told.append(change.order.symbol_name))
    elsewhere(kit, symbolId=USDJPY, orderType=LIMIT, limitPrice=100.0)
    elsewhere(kit, symbolId=EURUSD, orderType=MARKET)
    assert set(told) == {"EURUSD", "USDJPY"}
    (position,), (order,) = account.positions.values(), account.pending.values()
    assert (position.lots, order.lots) == (Lots("0.1"), Lots("0.1"))


def test_what_was_told_before_anybody_wanted_the_account_ready_is_named_when_it_is(
    kit: VenueKit, client: OpenApiClient
) -> None:
    account = client.account(USD_ACCOUNT)
    elsewhere(kit, symbolId=EURUSD, orderType=MARKET)
    told = tuple(account.positions.values())
    kit.settle(account.ready())
    assert [(position.symbol_name, position.lots) for position in told] == [("EURUSD", Lots("0.1"))]


def test_a_symbol_that_was_learned_is_not_asked_for_again(kit: VenueKit, client: OpenApiClient) -> None:
    elsewhere(kit, symbolId=EURUSD, orderType=MARKET)
    account = ready(kit, client)
    kit.advance(1)
    asked: list[Any] = []
    client.on(messages.ProtoOASymbolByIdRes, asked.append)
    elsewhere(kit, symbolId=EURUSD, orderType=MARKET)
    elsewhere(kit, symbolId=EURUSD, orderType=LIMIT, limitPrice=1.0)
    assert asked == [] and len(account.positions) == 2


def test_a_symbol_that_has_changed_is_asked_for_anew_where_something_is_held_in_it(
    kit: VenueKit, client: OpenApiClient
) -> None:
    elsewhere(kit, symbolId=EURUSD, orderType=MARKET)
    account = ready(kit, client)
    (position,) = account.positions.values()
    before = position.symbol
    kit.settle(account.symbol("USDJPY"))
    asked: list[Any] = []
    client.on(messages.ProtoOASymbolByIdRes, asked.append)
    for name in ("EURUSD", "USDJPY"):
        kit.play("change_symbol", symbol=name, mode="close only")
    assert position.lots == Lots("0.1")
    kit.advance(1)
    assert [[one.symbolId for one in answer.symbol] for answer in asked] == [[EURUSD]]
    assert position.lots == Lots("0.1") and position.symbol != before


def test_what_a_deal_realised_names_its_symbol(kit: VenueKit, client: OpenApiClient) -> None:
    account, told = ready(kit, client), []
    account.on(Realised, told.append)
    order = account.sell("eurusd", Lots("0.1"))
    kit.settle(order.filled())
    kit.settle(account.close(order.position, Lots("0.04")).filled())
    (realised,) = told
    assert (str(realised.symbol), realised.lots) == ("EURUSD", Lots("0.04"))
    (position,) = account.positions.values()
    assert (position.symbol_name, position.lots, position.side) == ("EURUSD", Lots("0.06"), SELL)


def test_a_position_keeps_its_name_when_its_protective_order_is_entered(kit: VenueKit, client: OpenApiClient) -> None:
    account = ready(kit, client)
    order = account.buy("EURUSD", Lots("0.1"))
    kit.settle(order.filled())
    kit.settle(account.set_levels(order.position, stop_loss=Price("1.0")))
    (position,) = account.positions.values()
    assert position.protective_order_id is not None and position.lots == Lots("0.1")


def test_a_symbol_that_the_server_does_not_describe_keeps_no_account_from_being_ready(
    kit: VenueKit, client: OpenApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for symbol_id in (EURUSD, USDJPY):
        elsewhere(kit, symbolId=symbol_id, orderType=LIMIT, limitPrice=1.0)
    scope, answer = ANSWERS[messages.ProtoOASymbolByIdReq]

    def refuses_one(session: Any, request: messages.ProtoOASymbolByIdReq) -> Any:
        if EURUSD in request.symbolId:
            raise Refusal("SYMBOL_NOT_FOUND", "No such symbol")
        return answer(session, request)

    monkeypatch.setitem(cast("dict[Any, Any]", ANSWERS), messages.ProtoOASymbolByIdReq, (scope, refuses_one))
    account = ready(kit, client)
    kit.advance(1)
    refused, known = sorted(account.pending.values(), key=lambda order: order.symbol_id)
    assert (refused.symbol_name, refused.symbol, refused.lots) == ("EURUSD", None, None)
    assert str(refused) == f"order {refused.order_id}: BUY 10000 units of EURUSD, LIMIT at 1.0"
    assert (known.symbol_name, known.lots) == ("USDJPY", Lots("0.1"))


# Values

HELD = messages.ProtoOAPosition(
    positionId=5,
    tradeData=messages.ProtoOATradeData(symbolId=EURUSD, volume=1_000_000, tradeSide=BUY),
    positionStatus=1,
    swap=0,
    price=1.1,
)


def test_two_are_equal_whatever_is_known_of_their_symbol() -> None:
    alone, named = position_of(HELD, None, 2), position_of(HELD, None, 2, Listed("EURUSD"))
    assert alone == named and hash(alone) == hash(named) and repr(alone) == repr(named)
    assert (alone.symbol_name, alone.symbol, alone.lots) == ("1", None, None)
    assert str(alone) == "position 5: BUY 10000 units of 1 at 1.1"
    assert (named.symbol_name, named.symbol, named.lots) == ("EURUSD", None, None)


def test_one_is_made_as_before_without_a_name() -> None:
    fields = {each.name: getattr(position_of(HELD, None, 2), each.name) for each in dataclasses.fields(Position)}
    fields.pop("listed")
    assert Position(**fields) == position_of(HELD, None, 2)


def test_a_copy_and_a_pickle_keep_the_name_and_the_lots(kit: VenueKit, client: OpenApiClient) -> None:
    account = ready(kit, client)
    order = account.buy("EURUSD", Lots("0.1"))
    kit.settle(order.filled())
    assert order.position is not None
    for copied in (pickle.loads(pickle.dumps(order.position)), dataclasses.replace(order.position, volume=500_000)):
        assert copied.symbol_name == "EURUSD" and copied.lots == Lots(copied.volume / 10_000_000)
    assert dataclasses.asdict(order.position)["symbol_id"] == EURUSD


def test_an_order_type_that_the_schema_lacks_is_shown_by_its_number() -> None:
    data = messages.ProtoOATradeData(symbolId=EURUSD, volume=100, tradeSide=SELL)
    message = messages.ProtoOAOrder(orderId=7, tradeData=data, orderType=MARKET, orderStatus=1)
    order = dataclasses.replace(order_of(message), order_type=77)
    assert str(order) == "order 7: SELL 1 units of 1, type 77"
