"""What an account has and had, asked for over the wire; the deals and orders behind it are made by real commands."""

from __future__ import annotations

import base64
import json

import pytest

from ctrader_twisted import messages
from ctrader_twisted.sim import Limits, Options, TradingAccount
from ctrader_twisted.sim.testing import DEFAULT_START, EUR_ACCOUNT, REFRESH_TOKEN, VenueKit
from ctrader_twisted.wire import catalogue
from tests.paths import shared
from tests.sim.traded import (
    BUY,
    FILLED,
    LIMIT,
    MARKET,
    PROTECTIVE,
    SELL,
    a_past,
    carried_out,
    filled,
    new_order,
    questions,
)
from tests.sim.venues import EURUSD, GBPUSD, WEEK, account_auth, of_account, samples, told, with_account

UNLIMITED = Limits(general=0, historical=0)


def trading_kit(**options) -> VenueKit:
    return VenueKit(limits=UNLIMITED, options=Options(inactivity=0, fill="best", **options))


def test_every_question_about_the_past_is_answered_from_it():
    with trading_kit() as kit:
        client = with_account(kit)
        ids = a_past(kit, client)
        for question in questions(kit.venue.now(), ids):
            kind = catalogue.REQUESTS[catalogue.payload_type(question)]
            answer = client.ask(question)
            assert catalogue.payload_type(answer) == catalogue.payload_type(question) + 1, (kind.name, told(answer))
            assert answer.IsInitialized()


def test_all_forty_requests_are_answered_by_their_answers():
    """None of them by a refusal: there is something that each is about."""
    with trading_kit() as kit:
        client = with_account(kit)
        ids = a_past(kit, client)
        pound = of_account("ClosePosition", positionId=ids["pound"], volume=100_000)
        about = {
            "DealOffsetListReq": of_account("DealOffsetList", dealId=ids["closing deal"]),
            "OrderDetailsReq": of_account("OrderDetails", orderId=ids["pending"]),
            "AmendOrderReq": of_account("AmendOrder", orderId=ids["pending"], volume=200_000),
            "CancelOrderReq": of_account("CancelOrder", orderId=ids["pending"]),
            "AmendPositionSLTPReq": of_account("AmendPositionSLTP", positionId=ids["position"]),
            "ClosePositionReq": pound,
        }
        amend_first = sorted(samples(kit.venue.now()), key=lambda one: "CancelOrder" in type(one).__name__)
        last = [
            one for one in amend_first if type(one).__name__ in ("ProtoOARefreshTokenReq", "ProtoOAAccountLogoutReq")
        ]
        first = messages.ProtoOAApplicationAuthReq, messages.ProtoOAAccountAuthReq  # these are done already
        answered = set()
        for sample in [*[one for one in amend_first if one not in last], *last]:
            name = type(sample).__name__.removeprefix("ProtoOA")
            request = about.get(name, sample)
            if name == "AccountLogoutReq":  # the refresh just before it has ended the session
                client.ask(account_auth(access_token=kit.venue.registry.token_for(EUR_ACCOUNT)))
            answer = client.ask(request)
            number = catalogue.payload_type(request)
            assert catalogue.payload_type(answer) in catalogue.REQUESTS[number].closed_by
            if not isinstance(sample, first):
                assert not getattr(answer, "errorCode", ""), (name, answer)
            answered.add(number)
        assert answered == set(catalogue.REQUESTS)
        assert REFRESH_TOKEN not in {grant.refresh_token for grant in kit.venue.registry.grants}


# ------------------------------------------------------------------------------------------------- what is open


def test_reconcile_tells_positions_and_pending_orders_and_protective_ones_if_asked():
    with trading_kit() as kit:
        client = with_account(kit)
        ids = a_past(kit, client)
        plain = client.ask(of_account("Reconcile"))
        full = client.ask(of_account("Reconcile", returnProtectionOrders=True))
    assert [one.positionId for one in plain.position] == [ids["position"], ids["pound"]]
    assert [one.orderId for one in plain.order] == [ids["pending"]]
    assert full.position == plain.position
    position = plain.position[0]
    (protective,) = [one for one in full.order if one.orderType == PROTECTIVE]
    assert len(full.order) == 2
    assert (protective.stopPrice, protective.limitPrice) == (position.stopLoss, position.takeProfit)
    assert not protective.HasField("stopLoss") and not protective.HasField("takeProfit")
    assert (protective.positionId, protective.closingOrder) == (ids["position"], True)
    assert protective.tradeData.volume == position.tradeData.volume == 100_000
    assert protective.tradeData.tradeSide == SELL


def test_what_is_being_filled_is_neither_open_nor_pending():
    with trading_kit() as kit:
        client = with_account(kit)
        client.send(new_order(), "m")
        client.take()
        answer = client.ask(of_account("Reconcile", returnProtectionOrders=True))
        assert answer == messages.ProtoOAReconcileRes(ctidTraderAccountId=EUR_ACCOUNT)
        (order,) = client.ask(of_account("OrderList")).order  # and yet nobody can say that it is not there
        assert (order.orderStatus, order.orderType) == (messages.ProtoOAOrderStatus.ORDER_STATUS_ACCEPTED, MARKET)
        kit.advance(1)
        answer = client.ask(of_account("Reconcile"))
        assert [one.positionId for one in answer.position] == [order.positionId]


def test_reconcile_looks_like_the_recorded_one():
    recorded = [
        messages.ProtoOAReconcileRes.FromString(base64.b64decode(entry["payload"]))
        for entry in map(json.loads, shared("recordings", "partial_close.jsonl").read_text().splitlines())
        if entry["type"] == 2125
    ][0]
    with trading_kit() as kit:
        client = with_account(kit)
        filled(kit, client, relativeStopLoss=2_000, relativeTakeProfit=3_000, clientOrderId="scrubbed")
        made = client.ask(of_account("Reconcile", returnProtectionOrders=True))

    def fields(message):
        return [field.name for field, _ in message.ListFields()]

    assert fields(made) == fields(recorded)
    assert fields(made.position[0]) == fields(recorded.position[0])
    assert fields(made.position[0].tradeData) == fields(recorded.position[0].tradeData)
    assert fields(made.order[0]) == fields(recorded.order[0])
    assert fields(made.order[0].tradeData) == fields(recorded.order[0].tradeData)


def test_the_unrealised_result_is_that_of_the_quote():
    with trading_kit() as kit:
        client = with_account(kit)
        bought = filled(kit, client, volume=10_000_000).position
        sold = filled(kit, client, symbolId=GBPUSD, tradeSide=SELL, volume=10_000_000).position
        kit.advance(120)
        answer = client.ask(of_account("GetPositionUnrealizedPnL"))
        euro, pound = (kit.venue.feed.quote(symbol, kit.venue.now()) for symbol in (EURUSD, GBPUSD))
        to_euros = 2 / (euro.bid + euro.ask)  # dollars are converted at the mid
        expected = {
            bought.positionId: 100_000 * (euro.bid - bought.price * 100_000) * to_euros * 100,
            sold.positionId: 100_000 * (sold.price * 100_000 - pound.ask) * to_euros * 100,
        }
    assert answer.moneyDigits == 2
    assert {one.positionId for one in answer.positionUnrealizedPnL} == set(expected)
    for one in answer.positionUnrealizedPnL:
        commission = bought.commission if one.positionId == bought.positionId else sold.commission
        assert commission < 0
        assert one.grossUnrealizedPnL == pytest.approx(expected[one.positionId], abs=0.51)
        assert one.netUnrealizedPnL == one.grossUnrealizedPnL + commission


# ------------------------------------------------------------------------------------------------- lists


def test_deals_come_newest_first_and_as_lists_have_them():
    with trading_kit() as kit:
        client = with_account(kit)
        events = [filled(kit, client, volume=volume) for volume in (100_000, 200_000, 300_000)]
        answer = client.ask(of_account("DealList"))
    assert [deal.dealId for deal in answer.deal] == [event.deal.dealId for event in reversed(events)]
    assert not answer.hasMore
    for deal, event in zip(answer.deal, reversed(events), strict=True):
        assert deal.utcLastUpdateTimestamp == deal.createTimestamp < deal.executionTimestamp
        assert event.deal.utcLastUpdateTimestamp == event.deal.executionTimestamp
        deal.utcLastUpdateTimestamp = event.deal.utcLastUpdateTimestamp
        assert deal == event.deal


def test_deals_come_in_pages():
    with trading_kit(rows_per_page=3) as kit:
        client = with_account(kit)
        ids = [filled(kit, client).deal.dealId for _ in range(5)]
        page = client.ask(of_account("DealList"))
        assert ([deal.dealId for deal in page.deal], page.hasMore) == (ids[:1:-1], True)
        before = page.deal[-1].executionTimestamp - 1
        page = client.ask(of_account("DealList", toTimestamp=before))
        assert ([deal.dealId for deal in page.deal], page.hasMore) == (ids[1::-1], False)
        page = client.ask(of_account("DealList", maxRows=2))
        assert ([deal.dealId for deal in page.deal], page.hasMore) == (ids[:2:-1], True)
        assert len(client.ask(of_account("DealList", maxRows=9)).deal) == 3
        assert client.ask(of_account("DealList", maxRows=-1)).errorCode == "INVALID_REQUEST"
        orders = client.ask(of_account("OrderList"))
        assert (len(orders.order), orders.hasMore) == (3, True)


def test_a_window_has_both_its_ends():
    with trading_kit() as kit:
        client = with_account(kit)
        deals = [filled(kit, client).deal for _ in range(3)]
        middle = deals[1].executionTimestamp
        answer = client.ask(of_account("DealList", fromTimestamp=middle, toTimestamp=middle))
        assert [deal.dealId for deal in answer.deal] == [deals[1].dealId]
        answer = client.ask(of_account("DealList", fromTimestamp=middle + 1))
        assert [deal.dealId for deal in answer.deal] == [deals[2].dealId]
        made = client.ask(of_account("OrderList")).order[1].tradeData.openTimestamp
        answer = client.ask(of_account("OrderList", fromTimestamp=made, toTimestamp=made))
        assert [order.orderId for order in answer.order] == [deals[1].orderId]


def test_orders_are_listed_with_protective_ones_but_not_by_position():
    with trading_kit() as kit:
        client = with_account(kit)
        ids = a_past(kit, client)
        every = client.ask(of_account("OrderList")).order
        of_it = client.ask(of_account("OrderListByPositionId", positionId=ids["position"])).order
        cancelled = client.ask(of_account("OrderDetails", orderId=ids["cancelled"]))
    made = [order.tradeData.openTimestamp for order in every]
    assert made == sorted(made, reverse=True)
    assert [order.orderType for order in of_it] == [MARKET, MARKET, MARKET]
    assert of_it[0].orderId == ids["closing order"]
    assert of_it[-1].orderId == ids["first order"]
    protective = [order for order in every if order.orderType == PROTECTIVE]
    assert [order.positionId for order in protective] == [ids["position"]]
    assert {ids["pending"], ids["cancelled"], *(order.orderId for order in of_it)} < {one.orderId for one in every}
    (pending,) = [order for order in every if order.orderId == ids["pending"]]
    assert (pending.tradeData.label, pending.clientOrderId) == ("pending", "mine")
    assert cancelled.order.orderStatus == messages.ProtoOAOrderStatus.ORDER_STATUS_CANCELLED
    assert not cancelled.deal


def test_a_closing_order_in_a_list_has_the_levels_of_its_position():
    with trading_kit() as kit:
        client = with_account(kit)
        opened = filled(kit, client, volume=200_000, relativeStopLoss=2_000, relativeTakeProfit=3_000).position
        close = of_account("ClosePosition", positionId=opened.positionId, volume=100_000)
        events = carried_out(kit, client, close)
        (position,) = client.ask(of_account("Reconcile")).position
        listed = client.ask(of_account("OrderList")).order[0]
    assert events[0].order.orderId == listed.orderId
    assert not events[0].order.HasField("stopLoss")
    assert listed.stopLoss == position.stopLoss > 0
    assert listed.takeProfit == position.takeProfit > 0


def test_an_order_is_told_with_its_deals():
    with trading_kit() as kit:
        client = with_account(kit)
        event = filled(kit, client, label="one of mine")
        answer = client.ask(of_account("OrderDetails", orderId=event.order.orderId))
        assert (answer.order.orderId, answer.order.tradeData.label) == (event.order.orderId, "one of mine")
        assert [deal.dealId for deal in answer.deal] == [event.deal.dealId]
        error = client.ask(of_account("OrderDetails", orderId=1))
        assert told(error) == ("ORDER_NOT_FOUND", "Order not found with id 1")


def test_deals_are_set_off_first_in_first_out_and_tell_it_both_ways():
    with trading_kit() as kit:
        client = with_account(kit)
        first = filled(kit, client, volume=200_000).deal
        position = first.positionId
        second = filled(kit, client, volume=200_000, positionId=position).deal

        def close(volume):
            events = carried_out(kit, client, of_account("ClosePosition", positionId=position, volume=volume))
            return next(event.deal for event in events if event.executionType == FILLED)

        third, fourth = close(300_000), close(100_000)

        def offsets(deal):
            answer = client.ask(of_account("DealOffsetList", dealId=deal.dealId))
            return [[(one.dealId, one.volume) for one in side] for side in (answer.offsetBy, answer.offsetting)]

        assert offsets(first) == [[(third.dealId, 200_000)], []]
        assert offsets(second) == [[(third.dealId, 100_000), (fourth.dealId, 100_000)], []]
        assert offsets(third) == [[], [(first.dealId, 200_000), (second.dealId, 100_000)]]
        assert offsets(fourth) == [[], [(second.dealId, 100_000)]]
        (one,) = client.ask(of_account("DealOffsetList", dealId=fourth.dealId)).offsetting
        assert (one.executionTimestamp, one.executionPrice) == (second.executionTimestamp, second.executionPrice)
        assert client.ask(of_account("DealOffsetList", dealId=1)).errorCode == "INVALID_REQUEST"


# ------------------------------------------------------------------------------------------------- money


def test_money_paid_in_and_out_is_told_and_listed():
    with trading_kit() as kit:
        client, other = with_account(kit), with_account(kit)
        kit.play("deposit", amount=250.5, account_id=EUR_ACCOUNT, note="more")
        kit.advance(1)
        kit.play("withdraw", amount=100, account_id=EUR_ACCOUNT)
        kit.advance(1)
        events = client.take(messages.ProtoOAExecutionEvent)
        assert events == other.take(messages.ProtoOAExecutionEvent)
        trader = client.ask(of_account("Trader")).trader
        now = kit.venue.now()
        flow = client.ask(of_account("CashFlowHistoryList", fromTimestamp=now - WEEK, toTimestamp=now)).depositWithdraw
    kinds = messages.ProtoOAChangeBalanceType
    assert [event.executionType for event in events] == [messages.ProtoOAExecutionType.DEPOSIT_WITHDRAW] * 2
    assert not any(event.HasField("order") for event in events)
    assert [event.depositWithdraw for event in events] == list(reversed(flow))
    paid_out, paid_in = flow
    assert (paid_in.operationType, paid_in.delta, paid_in.externalNote) == (kinds.BALANCE_DEPOSIT, 25_050, "more")
    assert (paid_out.operationType, abs(paid_out.delta)) == (kinds.BALANCE_WITHDRAW, 10_000)
    assert (paid_in.balance, paid_out.balance) == (1_025_050, 1_015_050)
    assert (paid_in.balanceVersion, paid_out.balanceVersion) == (2, 3)
    assert (trader.balance, trader.balanceVersion) == (1_015_050, 3)


def test_no_more_is_paid_out_than_there_is():
    with trading_kit() as kit:
        client = with_account(kit)
        kit.play("withdraw", amount=1e9)
        kit.play("withdraw", amount=1e9)
        kit.pump()
        assert len(client.take(messages.ProtoOAExecutionEvent)) == 1
        assert client.ask(of_account("Trader")).trader.balance == 0


def test_the_trader_says_what_the_account_is():
    account = TradingAccount(
        9,
        10,
        total_margin=2,
        swap_free=True,
        access_rights=1,
        limited_risk=True,
        stop_out_strategy=1,
        fair_stop_out=True,
    )
    with VenueKit(accounts=[account]) as kit:
        trader = with_account(kit, 9).ask(of_account("Trader", 9)).trader
    assert (trader.totalMarginCalculationType, trader.accessRights, trader.stopOutStrategy) == (2, 1, 1)
    assert (trader.swapFree, trader.isLimitedRisk, trader.fairStopOut) == (True, True, True)


def test_a_closed_deal_moves_balance_and_version_and_is_what_the_account_list_tells():
    with trading_kit() as kit:
        client = with_account(kit)
        opened = filled(kit, client)
        before = client.ask(of_account("Trader")).trader
        close = of_account("ClosePosition", positionId=opened.position.positionId, volume=100_000)
        deal = next(one.deal for one in carried_out(kit, client, close) if one.executionType == FILLED)
        after = client.ask(of_account("Trader")).trader
        token = kit.venue.registry.token_for(EUR_ACCOUNT)
        accounts = client.ask(messages.ProtoOAGetAccountListByAccessTokenReq(accessToken=token)).ctidTraderAccount
    assert (before.balance, before.balanceVersion) == (1_000_000, 1)
    assert (after.balance, after.balanceVersion) == (deal.closePositionDetail.balance, 2)
    mine, other = accounts
    assert mine.lastClosingDealTimestamp == mine.lastBalanceUpdateTimestamp == deal.executionTimestamp
    assert not other.HasField("lastClosingDealTimestamp")


def test_an_account_without_the_right_to_log_in_is_not_authorised():
    with VenueKit(accounts=[TradingAccount(9, 10, access_rights=3)]) as kit:
        from tests.sim.venues import with_application

        error = with_application(kit).ask(account_auth(9))
    assert error.errorCode == "RET_ACCOUNT_DISABLED"


# ------------------------------------------------------------------------------------------------- script


def test_a_changed_leverage_is_told_and_margin_follows():
    with trading_kit() as kit:
        client = with_account(kit)
        opened = filled(kit, client, volume=10_000_000).position
        kit.play("change_leverage", leverage=50, account_id=EUR_ACCOUNT)
        kit.pump()
        told_of = client.take()
        (position,) = client.ask(of_account("Reconcile")).position
    (updated,) = [one for one in told_of if isinstance(one, messages.ProtoOATraderUpdatedEvent)]
    assert (updated.trader.leverageInCents, updated.ctidTraderAccountId) == (5_000, EUR_ACCOUNT)
    assert position.usedMargin == 2 * opened.usedMargin == 200_000
    (margin,) = [one for one in told_of if isinstance(one, messages.ProtoOAMarginChangedEvent)]
    assert (margin.positionId, margin.usedMargin) == (opened.positionId, 200_000)


def test_a_symbol_that_is_changed_is_told_and_refused():
    with trading_kit() as kit:
        client = with_account(kit)
        opened = filled(kit, client).position
        kit.play("change_symbol", symbol="EURUSD", mode="close only")
        kit.pump()
        (changed,) = client.take(messages.ProtoOASymbolChangedEvent)
        assert (list(changed.symbolId), changed.ctidTraderAccountId) == ([EURUSD], EUR_ACCOUNT)
        (symbol,) = client.ask(of_account("SymbolById", symbolId=[EURUSD])).symbol
        assert symbol.tradingMode == messages.ProtoOATradingMode.CLOSE_ONLY_MODE
        assert client.ask(new_order()).errorCode == "TRADING_DISABLED"
        close = of_account("ClosePosition", positionId=opened.positionId, volume=100_000)
        assert carried_out(kit, client, close)[-1].executionType == FILLED
        kit.play("change_symbol", symbol="EURUSD", mode="enabled")
        filled(kit, client)
        with pytest.raises(ValueError, match="there is no symbol EURUSS"):
            kit.play("change_symbol", symbol="EURUSS", mode="enabled")
    with VenueKit() as other:  # nothing is left of it in another venue
        assert other.venue.instruments[EURUSD].trading_mode == 0


def test_changed_rights_are_told_and_refused():
    with trading_kit() as kit:
        client = with_account(kit)
        kit.play("change_access", rights="no trading")
        kit.pump()
        (updated,) = client.take(messages.ProtoOATraderUpdatedEvent)
        assert updated.trader.accessRights == messages.ProtoOAAccessRights.NO_TRADING
        assert client.ask(new_order()).errorCode == "TRADING_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("deposit", {"amount": 0}, "amount is 0"),
        ("withdraw", {"amount": -5.0}, "amount is -5.0"),
        ("change_leverage", {"leverage": float("nan")}, "leverage is nan"),
        ("change_access", {"rights": "none"}, 'rights is "none"'),
        ("change_symbol", {"symbol": "EURUSD", "mode": "off"}, 'mode is "off"'),
        ("deposit", {"amount": 1, "account_id": 4}, "there is no account 4"),
    ],
)
def test_actions_that_mean_nothing_are_refused(name, arguments, problem):
    with VenueKit() as kit, pytest.raises(ValueError, match=problem):
        kit.play(name, **arguments)


def test_margin_calls_are_listed_as_they_were_set():
    with trading_kit() as kit:
        client = with_account(kit)
        kit.advance(5)
        wanted = messages.ProtoOAMarginCall(marginCallType=62, marginLevelThreshold=80.5)
        client.ask(of_account("MarginCallUpdate", marginCall=wanted))
        (_, second, _) = client.ask(of_account("MarginCallList")).marginCall
    assert (second.marginLevelThreshold, second.utcLastUpdateTimestamp) == (80.5, DEFAULT_START + 5_000)


def test_a_limit_that_rests_is_pending_until_it_is_filled():
    with trading_kit() as kit:
        client = with_account(kit)
        quote = kit.venue.feed.quote(EURUSD, kit.venue.now())
        limit = (quote.ask - 5) / 100_000
        (accepted,) = carried_out(kit, client, new_order(orderType=LIMIT, limitPrice=limit), 0.05)
        assert [one.orderId for one in client.ask(of_account("Reconcile")).order] == [accepted.order.orderId]
        kit.advance(1_800)
        (event,) = [one for one in client.take(messages.ProtoOAExecutionEvent) if one.executionType == FILLED]
        assert event.deal.executionPrice <= limit
        assert event.deal.tradeSide == BUY
        answer = client.ask(of_account("Reconcile"))
        assert not answer.order
        assert [one.positionId for one in answer.position] == [accepted.order.positionId]
