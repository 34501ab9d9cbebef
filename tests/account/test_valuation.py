"""Figures against the venue's own, which it works out by itself: to the cent, at the same tick."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from ctrader_twisted import messages
from ctrader_twisted.account.checking import Check, Difference
from ctrader_twisted.account.portfolio import Portfolio
from ctrader_twisted.account.valuation import Valuation
from ctrader_twisted.errors import (
    AlreadyStanding,
    AnswerTimeout,
    ClientClosed,
    OrderNotPlaced,
    OutcomeUnknown,
    RequestFailed,
    ServerError,
)
from ctrader_twisted.market import Symbol
from ctrader_twisted.session.events import AccountChanged, Resynchronised, Subscription
from ctrader_twisted.session.machine import AccountState
from ctrader_twisted.sim.accounts import TradingAccount
from ctrader_twisted.sim.testing import DEFAULT_START, EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from ctrader_twisted.sim.trading import margins
from tests.account.test_portfolio import answer, event, order, position, trader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ctrader_twisted.client import OpenApiClient

EURUSD, EURJPY, USDJPY, XAUUSD, GER40 = 1, 3, 4, 41, 279
EVERY = (EURUSD, USDJPY, XAUUSD, GER40)
VOLUMES = {EURUSD: 10_000_000, EURJPY: 10_000_000, USDJPY: 10_100_000, XAUUSD: 1_000, GER40: 300}
BUY, SELL = messages.ProtoOATradeSide.BUY, messages.ProtoOATradeSide.SELL
SATURDAY = DEFAULT_START + 4 * 86_400_000
EUR_USD = (
    TradingAccount(EUR_ACCOUNT, 2_000_001, "EUR", balance=100_000_00),
    TradingAccount(USD_ACCOUNT, 2_000_002, "USD", balance=100_000_00),
)


class Holder:
    """An account of a venue, its portfolio kept by events, and the worth of that."""

    def __init__(self, kit: VenueKit, account_id: int, client: OpenApiClient | None = None, **options: Any) -> None:
        self.kit, self.account_id = kit, account_id
        self.client = kit.ready_client(account_id) if client is None else client
        self.portfolio = Portfolio(account_id)
        self.light = {
            each.symbolId: each for each in kit.settle(self.client.symbols_list(ctidTraderAccountId=account_id)).symbol
        }
        self.valuation = Valuation(self.client, self.portfolio, self.symbol, self.deposit_asset, **options)
        self.client.on(messages.ProtoOAExecutionEvent, self.executed)
        self.client.on(messages.ProtoOATrailingSLChangedEvent, self.portfolio.trailed)
        self.client.on(messages.ProtoOAMarginChangedEvent, self.portfolio.margin_changed)
        self.portfolio.trader(kit.settle(self.client.trader(ctidTraderAccountId=account_id)).trader)
        self.portfolio.reconciled(kit.settle(self.client.reconcile(ctidTraderAccountId=account_id)))
        self.valuation.follow()

    async def symbol(self, symbol_id: int) -> Symbol:
        found = await self.client.symbol_by_id(ctidTraderAccountId=self.account_id, symbolId=[symbol_id])
        return Symbol.from_messages(self.light[symbol_id], found.symbol[0])

    async def deposit_asset(self) -> int:
        return (await self.client.trader(ctidTraderAccountId=self.account_id)).trader.depositAssetId

    def executed(self, happened: messages.ProtoOAExecutionEvent) -> None:
        self.portfolio.executed(happened)
        self.valuation.follow()

    def trade(self, symbol_id: int, side: int, volume: int | None = None, **fields: Any) -> None:
        placed = self.client.new_order(
            ctidTraderAccountId=self.account_id,
            symbolId=symbol_id,
            orderType=messages.ProtoOAOrderType.MARKET,
            tradeSide=side,
            volume=VOLUMES[symbol_id] if volume is None else volume,
            **fields,
        )
        self.kit.settle(placed)
        self.kit.advance(1)

    def close(self, position_id: int, volume: int) -> None:
        self.kit.settle(
            self.client.close_position(ctidTraderAccountId=self.account_id, positionId=position_id, volume=volume)
        )
        self.kit.advance(1)

    def venues_own(self) -> dict[str, Decimal | None]:
        """What the venue says itself, from its ledger and its own arithmetic."""
        exchange = self.kit.venue.exchange
        ledger = exchange.desk(self.account_id).ledger
        cents = {
            "equity": margins.equity(ledger, exchange),
            "used_margin": margins.used(ledger),
            "free_margin": margins.free(ledger, exchange),
        }
        level = margins.level(ledger, exchange)
        percent = None if level is None else Decimal(level.numerator) / Decimal(level.denominator)
        found: dict[str, Decimal | None] = {
            name: None if amount is None else Decimal(amount) / 100 for name, amount in cents.items()
        }
        return {**found, "margin_level": None if percent is None else round(percent, 2)}

    def own(self) -> dict[str, Decimal | None]:
        valuation = self.valuation
        return {name: getattr(valuation, name) for name in ("equity", "used_margin", "free_margin", "margin_level")}

    def unrealised(self) -> dict[int, tuple[Decimal, Decimal]]:
        found = {}
        for position_id, held in self.portfolio.positions.items():
            worth = self.valuation.unrealised(held)
            assert worth is not None
            found[position_id] = (worth.gross, worth.net)
        return found

    def servers_unrealised(self) -> dict[int, tuple[Decimal, Decimal]]:
        told = self.kit.settle(self.client.get_position_unrealized_pnl(ctidTraderAccountId=self.account_id))
        return {
            each.positionId: (Decimal(each.grossUnrealizedPnL) / 100, Decimal(each.netUnrealizedPnL) / 100)
            for each in told.positionUnrealizedPnL
        }


@pytest.fixture
def kit() -> Iterator[VenueKit]:
    with VenueKit(accounts=EUR_USD) as made:
        yield made


# Against the venue


@pytest.mark.parametrize("account_id", [EUR_ACCOUNT, USD_ACCOUNT])
def test_the_figures_are_the_venues_to_the_cent(kit: VenueKit, account_id: int) -> None:
    holder = Holder(kit, account_id)
    for symbol_id in EVERY:
        for side in (BUY, SELL):
            holder.trade(symbol_id, side)
    seen: set[Decimal | None] = set()
    for _ in range(40):
        kit.advance(7)
        assert holder.own() == holder.venues_own()
        seen.add(holder.own()["equity"])
        assert holder.unrealised() == holder.servers_unrealised()
    assert len(holder.portfolio.positions) == 8
    assert len(seen) > 30, "the market moved all the time, or nothing was compared"
    assert kit.settle(holder.valuation.check()) == Check((), ())


@pytest.mark.parametrize("account_id", [EUR_ACCOUNT, USD_ACCOUNT])
def test_positions_made_of_many_fills_and_closed_in_parts(kit: VenueKit, account_id: int) -> None:
    holder = Holder(kit, account_id)
    holder.trade(USDJPY, SELL, 300_000)
    [position_id] = holder.portfolio.positions
    for volume in (700_000, 1_100_000, 500_000):
        holder.trade(USDJPY, SELL, volume, positionId=position_id)
        kit.advance(3)
    for volume in (400_000, 900_000):
        holder.close(position_id, volume)
        for _ in range(10):
            kit.advance(5)
            assert holder.unrealised() == holder.servers_unrealised()
            assert holder.own() == holder.venues_own()
        assert kit.settle(holder.valuation.check())
    holder.close(position_id, 1_300_000)
    assert not holder.portfolio.positions
    assert holder.own()["margin_level"] is None
    assert holder.own() == holder.venues_own()


@pytest.mark.parametrize("how", [0, 1, 2])
def test_the_margins_of_both_sides_add_up_as_the_account_does_it(how: int) -> None:
    accounts = [replace(account, total_margin=how) for account in EUR_USD]
    with VenueKit(accounts=accounts) as kit:
        holder = Holder(kit, EUR_ACCOUNT)
        holder.trade(EURUSD, BUY, 10_000_000)
        holder.trade(EURUSD, SELL, 4_000_000)
        holder.trade(GER40, SELL)
        by_side = {
            (held.symbol_id, held.side): held.used_margin or Decimal(0) for held in holder.portfolio.positions.values()
        }
        bought, sold, index = by_side[EURUSD, BUY], by_side[EURUSD, SELL], by_side[GER40, SELL]
        assert bought > sold > 0
        assert holder.valuation.used_margin == (bought, bought + sold, bought - sold)[how] + index
        assert holder.own() == holder.venues_own()


@pytest.mark.parametrize("price", ["bid", "ask"])
def test_a_server_that_converts_at_another_price(price: Any) -> None:
    from ctrader_twisted.sim.options import Options

    with VenueKit(accounts=EUR_USD, options=Options(conversion_price=price)) as kit:
        holder = Holder(kit, EUR_ACCOUNT, price=price)
        holder.trade(XAUUSD, BUY)
        kit.advance(60)
        assert holder.unrealised() == holder.servers_unrealised()


def test_the_price_to_convert_at_is_named_in_any_case_and_refused_at_once_if_it_is_none(kit: VenueKit) -> None:
    bids, same = Holder(kit, EUR_ACCOUNT, price="bid"), Holder(kit, EUR_ACCOUNT, price="BID")
    bids.trade(XAUUSD, BUY)
    kit.advance(60)
    assert same.unrealised() == bids.unrealised() != []
    with pytest.raises(ValueError, match='a price is "bid", "mid" or "ask", not \'last\''):
        Valuation(bids.client, bids.portfolio, bids.symbol, bids.deposit_asset, price="last")  # type: ignore[arg-type]


def test_nothing_is_known_before_the_prices_and_after_a_loss_until_they_are_back(kit: VenueKit) -> None:
    client = kit.ready_client(EUR_ACCOUNT)
    holder = Holder(kit, EUR_ACCOUNT, client)
    assert holder.valuation.equity == Decimal("100000.00"), "nothing is open: nothing has to be known"
    holder.trade(USDJPY, BUY)
    kit.advance(5)
    before = holder.own()
    assert None not in before.values()
    kit.cut()
    assert holder.valuation.equity is holder.valuation.free_margin is holder.valuation.margin_level is None
    assert holder.valuation.used_margin == before["used_margin"]
    assert holder.valuation.unrealised_gross is None
    kit.advance(20)
    assert client.account_state(EUR_ACCOUNT) is AccountState.AUTHORISED
    assert holder.own() == holder.venues_own()
    assert kit.settle(holder.valuation.check())


def test_after_a_logout_the_prices_are_asked_for_again(kit: VenueKit) -> None:
    holder = Holder(kit, EUR_ACCOUNT)
    holder.trade(USDJPY, BUY)
    kit.advance(5)
    kit.settle(holder.client.account_logout(ctidTraderAccountId=EUR_ACCOUNT))
    kit.advance(5)
    assert holder.valuation.equity is None
    token = kit.venue.registry.token_for(EUR_ACCOUNT)
    kit.settle(holder.client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=token))
    kit.advance(30)
    assert holder.own() == holder.venues_own()


def test_what_somebody_else_has_subscribed_is_as_good(kit: VenueKit) -> None:
    client = kit.ready_client(EUR_ACCOUNT)
    kit.settle(client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[EURUSD, XAUUSD]))
    holder = Holder(kit, EUR_ACCOUNT, client)
    holder.trade(XAUUSD, SELL)
    kit.advance(60)
    assert holder.unrealised() == holder.servers_unrealised()


def test_what_was_subscribed_before_the_account_was_known_has_its_price_though_nothing_changes() -> None:
    with VenueKit(accounts=EUR_USD, start=SATURDAY) as kit:
        client = kit.ready_client(EUR_ACCOUNT)
        kit.settle(client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=EVERY))
        kit.advance(30)
        before, after = Holder(kit, EUR_ACCOUNT, client), Holder(kit, EUR_ACCOUNT)
        for symbol_id in EVERY:
            for holder in (before, after):
                kit.settle(holder.valuation.priced(symbol_id), 5)
            quotes = [holder.valuation.quote(symbol_id) for holder in (before, after)]
            assert len({(quote.bid, quote.ask) for quote in quotes if quote is not None}) == 1


def test_what_was_subscribed_before_the_account_was_known_is_valued_at_the_present_price(kit: VenueKit) -> None:
    client = kit.ready_client(EUR_ACCOUNT)
    kit.settle(client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=EVERY))
    kit.advance(30)
    holder = Holder(kit, EUR_ACCOUNT, client)
    for symbol_id in EVERY:
        holder.trade(symbol_id, BUY)
        assert holder.unrealised() == holder.servers_unrealised()
        assert holder.own() == holder.venues_own()


def test_what_is_subscribed_for_its_figures_may_be_subscribed_by_others_too(kit: VenueKit) -> None:
    holder = Holder(kit, EUR_ACCOUNT)
    client, of_account = holder.client, {"ctidTraderAccountId": EUR_ACCOUNT}
    kit.settle(holder.valuation.priced(EURUSD))
    for _ in range(2):
        kit.settle(client.subscribe_spots(**of_account, symbolId=[EURUSD]))
        kit.settle(client.subscribe_live_trendbar(**of_account, symbolId=EURUSD, period=1))
        kit.settle(client.subscribe_depth_quotes(**of_account, symbolId=[EURUSD]))
    with pytest.raises(AlreadyStanding):
        kit.settle(client.subscribe_spots(**of_account, symbolId=[XAUUSD, EURUSD]))
    stands = (("spots", EURUSD), ("trendbars", EURUSD), ("depth", EURUSD))
    assert tuple((each.kind, each.symbol_id) for each in client.subscriptions(EUR_ACCOUNT)) == stands
    assert client.subscriptions(USD_ACCOUNT) == ()
    kit.settle(client.unsubscribe_spots(**of_account, symbolId=[EURUSD]))
    # Its live bars end with them; the spots are begun again.
    assert {(each.kind, each.symbol_id) for each in client.subscriptions(EUR_ACCOUNT)} <= {stands[0], stands[2]}
    kit.settle(holder.valuation.priced(EURUSD))
    assert {(each.kind, each.symbol_id) for each in client.subscriptions(EUR_ACCOUNT)} == {stands[0], stands[2]}


def test_two_accounts_on_one_client_do_not_mix(kit: VenueKit) -> None:
    client = kit.ready_client(EUR_ACCOUNT, USD_ACCOUNT)
    euro, dollar = Holder(kit, EUR_ACCOUNT, client), Holder(kit, USD_ACCOUNT, client)
    euro.trade(EURUSD, BUY)
    dollar.trade(XAUUSD, SELL)
    kit.advance(30)
    assert euro.own() == euro.venues_own()
    assert dollar.own() == dollar.venues_own()
    assert euro.valuation.quote(XAUUSD) is None


def test_a_price_is_waited_for(kit: VenueKit) -> None:
    holder = Holder(kit, USD_ACCOUNT)
    assert holder.valuation.notional(USDJPY, 100) is None
    kit.settle(holder.valuation.priced(USDJPY))
    quote, rate = holder.valuation.quote(USDJPY), holder.valuation.rate(USDJPY)
    assert quote is not None and quote.bid is not None and quote.ask is not None and rate is not None
    assert holder.valuation.notional(USDJPY, 10_000_000) == Decimal("100000.00"), "a dollar is worth one"
    assert holder.valuation.priced(USDJPY).called
    kit.settle(holder.valuation.priced(EURUSD))
    euro = holder.valuation.quote(EURUSD)
    assert euro is not None and euro.bid is not None and euro.ask is not None
    assert holder.valuation.notional(EURUSD, 250) == round((euro.bid + euro.ask) / 2 * Decimal("2.5"), 2)


# What a check finds


def test_a_check_names_each_difference_and_can_correct_it(kit: VenueKit) -> None:
    holder = Holder(kit, EUR_ACCOUNT)
    for symbol_id, levels in ((EURUSD, {"relativeStopLoss": 5000}), (XAUUSD, {})):
        holder.trade(symbol_id, BUY, **levels)
    kit.advance(5)
    first, second = sorted(holder.portfolio.positions)
    protective = holder.portfolio.positions[first].protective_order_id
    assert protective is not None
    # Somebody meddles with what is believed.
    meddled = messages.ProtoOAReconcileRes(ctidTraderAccountId=EUR_ACCOUNT)
    meddled.position.add().CopyFrom(holder.portfolio.positions[first].message)
    meddled.position[0].swap = -500
    meddled.position.add().CopyFrom(position(9, price=1.1))
    holder.portfolio.reconciled(meddled)
    holder.portfolio.balance = Decimal("1.00")
    check = kit.settle(holder.valuation.check())
    assert not check
    found = {(each.what, each.key, each.field) for each in check.differences}
    assert found == {
        ("position", first, "swap"),
        ("position", first, "net"),
        ("position", second, ""),
        ("position", 9, ""),
        ("order", protective, ""),
        ("account", EUR_ACCOUNT, "balance"),
    }
    [swap] = [each for each in check.differences if each.field == "swap"]
    assert (swap.believed, swap.reported) == (Decimal("-5.00"), Decimal("0.00"))
    assert str(swap) == f"position {first}, swap: -5.00 was believed, the server says 0.00"
    assert check.changes == ()
    assert not kit.settle(holder.valuation.check()), "checking alone corrects nothing"
    corrected = kit.settle(holder.valuation.check(correct=True))
    assert not corrected and corrected.changes
    assert kit.settle(holder.valuation.check())
    assert set(holder.portfolio.positions) == {first, second}
    assert holder.portfolio.balance == Decimal("100000.00")


def test_a_check_leaves_out_what_has_no_price_and_what_is_within_the_tolerance(kit: VenueKit) -> None:
    holder = Holder(kit, EUR_ACCOUNT)
    holder.trade(EURUSD, BUY)
    [position_id] = holder.portfolio.positions
    holder.valuation._prices._quotes.forget()
    assert kit.settle(holder.valuation.check()) == Check((), (position_id,))
    kit.advance(30)
    spot = messages.ProtoOASpotEvent(ctidTraderAccountId=EUR_ACCOUNT, symbolId=EURUSD, bid=1, ask=2)
    holder.valuation._prices._quotes.feed(spot)
    wrong = kit.settle(holder.valuation.check())
    assert {each.field for each in wrong.differences} == {"gross", "net"}
    holder.valuation._prices._quotes.feed(spot)
    assert kit.settle(holder.valuation.check(tolerance=10**11))


def test_a_check_fails_as_requests_do(kit: VenueKit) -> None:
    holder = Holder(kit, EUR_ACCOUNT)
    checking = holder.valuation.check()
    kit.cut()
    with pytest.raises(RequestFailed):
        kit.settle(checking)
    assert not holder.portfolio._asked, "nothing is left under way"


def test_a_stopped_valuation_listens_no_more(kit: VenueKit) -> None:
    holder = Holder(kit, EUR_ACCOUNT)
    waiting = holder.valuation.priced(EURUSD)
    holder.valuation.stop()
    holder.valuation.stop()
    for stopped in (waiting, holder.valuation.priced(XAUUSD)):
        with pytest.raises(ClientClosed):
            kit.settle(stopped)
    kit.advance(5)
    assert holder.valuation.quote(EURUSD) is None


# With a client of paper: what a venue does not do at will


class Paper:
    """Answers what it is told to, and passes on what it is given."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.listeners: dict[type, list[Callable[[Any], object]]] = {}
        self.asked: list[int] = []
        self.chain: list[messages.ProtoOALightSymbol] = []
        self.answers: list[Any] = []
        self.standing: list[Subscription] = []
        self.ticks: list[Deferred[Any]] = []

    def on(self, cls: type, listener: Callable[[Any], object]) -> None:
        self.listeners.setdefault(cls, []).append(listener)

    def off(self, cls: type, listener: Callable[[Any], object]) -> bool:
        self.listeners[cls].remove(listener)
        return True

    def tell(self, happened: Any) -> None:
        for listener in self.listeners[type(happened)]:
            listener(happened)

    def subscribe_spots(self, *, symbolId: Iterable[int], **rest: Any) -> Deferred[Any]:  # noqa: N803
        self.asked.extend(symbolId)
        result = self.answers.pop(0) if self.answers else None
        return fail(result) if isinstance(result, Exception) else succeed(result)

    def subscriptions(self, account_id: int) -> tuple[Subscription, ...]:
        return tuple(self.standing)

    def get_tick_data(self, **asked: Any) -> Deferred[Any]:
        self.ticks.append(Deferred())
        return self.ticks[-1]

    def symbols_for_conversion(self, **asked: int) -> Deferred[Any]:
        return succeed(messages.ProtoOASymbolsForConversionRes(ctidTraderAccountId=1, symbol=self.chain))

    def spot(self, symbol_id: int = 1, **sides: int) -> None:
        self.tell(messages.ProtoOASpotEvent(ctidTraderAccountId=ACCOUNT, symbolId=symbol_id, **sides))

    def account(self, state: AccountState, previous: AccountState) -> None:
        self.tell(AccountChanged(ACCOUNT, state, previous, ""))


ACCOUNT = 1000001


def symbol(symbol_id: int = 1, base: int = 17, quote: int = 5) -> Symbol:
    light = messages.ProtoOALightSymbol(
        symbolId=symbol_id, symbolName="EURUSD", enabled=True, baseAssetId=base, quoteAssetId=quote
    )
    return Symbol.from_messages(light, messages.ProtoOASymbol(symbolId=symbol_id, digits=5, pipPosition=4))


def on_paper(*held: Any, quote: int = 5) -> tuple[Paper, Valuation, Portfolio]:
    paper, portfolio = Paper(), Portfolio(ACCOUNT)
    portfolio.trader(trader(100_000, 1))
    portfolio.reconciled(answer(*held))

    async def symbol_by_id(symbol_id: int) -> Symbol:
        return symbol(symbol_id, quote=quote)

    async def deposit_asset() -> int:
        return 5

    return paper, Valuation(paper, portfolio, symbol_by_id, deposit_asset), portfolio  # type: ignore[arg-type]


def test_half_a_cent_is_rounded_away_from_zero_for_each_position() -> None:
    for ask, gross in ((110_015, "-0.02"), (109_985, "0.02"), (110_014, "-0.01")):
        paper, valuation, _ = on_paper(position(1, volume=10_000, side_of=2, price=1.1), position(2, volume=100_000))
        valuation.follow()
        paper.spot(bid=110_000, ask=ask)
        [first, _] = valuation._portfolio.positions.values()
        worth = valuation.unrealised(first)
        assert worth is not None and worth.gross == Decimal(gross)
        assert valuation.equity == Decimal("1000.00") + Decimal(gross)


def test_a_refusal_is_told_and_asked_for_again_when_the_account_stands_anew() -> None:
    paper, valuation, _ = on_paper(position(1))
    refusal = ServerError("SYMBOL_NOT_FOUND")
    paper.answers = [refusal]
    failures: list[Any] = []
    valuation.priced(1).addErrback(failures.append)
    assert failures[0].value is refusal
    for _ in range(3):
        valuation.follow()
        assert valuation.equity is None
    assert paper.asked == [1]
    paper.account(AccountState.AUTHORISED, AccountState.AUTHORISING)
    assert paper.asked == [1, 1]
    paper.spot(bid=110_000, ask=110_001)
    assert valuation.equity == Decimal("1000.00")


def test_a_request_that_ran_out_of_time_is_repeated_for_whoever_asks() -> None:
    paper, valuation, _ = on_paper(position(1))
    paper.answers = [AnswerTimeout("ProtoOASubscribeSpotsReq", "no answer")]
    valuation.follow()
    assert paper.asked == [1]
    assert valuation.unrealised_net is None
    assert paper.asked == [1, 1]


def test_a_request_that_a_loss_caught_is_repeated_when_the_account_stands_again() -> None:
    paper, valuation, _ = on_paper()
    paper.answers = [OutcomeUnknown("ProtoOASubscribeSpotsReq", "the connection was lost")]
    done: list[Any] = []
    valuation.priced(1).addBoth(done.append)
    paper.account(AccountState.DROPPED, AccountState.AUTHORISED)
    paper.account(AccountState.AUTHORISED, AccountState.AUTHORISING)
    assert paper.asked == [1, 1] and not done
    paper.spot(bid=110_000)
    assert not done, "one side is not enough"
    paper.spot(ask=110_001)
    assert done == [None]
    assert not paper.clock.getDelayedCalls()


def test_quotes_that_do_not_come_are_not_waited_for_forever() -> None:
    paper, valuation, _ = on_paper()
    failures: list[Any] = []
    valuation.priced(1).addErrback(failures.append)
    paper.clock.advance(9)
    assert not failures
    paper.clock.advance(1)
    assert failures[0].check(OrderNotPlaced)
    assert "EURUSD came within 10 s" in str(failures[0].value)
    paper.spot(bid=110_000, ask=110_001)
    assert valuation.priced(1).called


def ticks(*prices: int) -> messages.ProtoOAGetTickDataRes:
    data = [messages.ProtoOATickData(timestamp=1, tick=price) for price in prices]
    return messages.ProtoOAGetTickDataRes(ctidTraderAccountId=ACCOUNT, hasMore=True, tickData=data)


def test_only_the_side_that_is_missing_is_read_from_the_ticks_and_what_is_told_meanwhile_is_newer() -> None:
    paper, valuation, _ = on_paper()
    paper.standing = [Subscription("depth", 1), Subscription("spots", 2), Subscription("spots", 1)]
    paper.spot(ask=110_002)
    done: list[Any] = []
    valuation.priced(1).addBoth(done.append)
    assert not paper.asked, "it stands"
    [bid] = paper.ticks
    paper.spot(bid=110_001)
    assert done == [None]
    bid.callback(ticks(1, 2))
    assert len(paper.ticks) == 1
    quote = valuation.quote(1)
    assert quote is not None and (quote.bid, quote.ask) == (Decimal("1.10001"), Decimal("1.10002"))


@pytest.mark.parametrize("refusal", [ServerError("ODD"), AnswerTimeout("ProtoOAGetTickDataReq", "no answer"), ticks()])
def test_where_no_tick_is_to_be_had_the_next_change_tells_the_price(refusal: Any) -> None:
    paper, valuation, _ = on_paper()
    paper.standing = [Subscription("spots", 1)]
    done: list[Any] = []
    valuation.priced(1).addBoth(done.append)
    if isinstance(refusal, Exception):
        paper.ticks[0].errback(refusal)
    else:
        for asked in paper.ticks:
            asked.callback(refusal)
    assert not done
    paper.spot(bid=110_000, ask=110_001)
    assert done == [None]


def test_a_subscription_that_could_not_be_renewed_is_asked_for_again() -> None:
    paper, valuation, _ = on_paper(position(1))
    valuation.follow()
    paper.spot(bid=110_000, ask=110_001)
    gone = (Subscription("spots", 1), ServerError("SYMBOL_NOT_FOUND"))
    told = Resynchronised(ACCOUNT, 0.0, 1.0, (), (gone,), (), ())
    paper.tell(replace(told, account_id=ACCOUNT + 1))
    valuation.follow()
    assert paper.asked == [1]
    paper.tell(told)
    valuation.follow()
    assert paper.asked == [1, 1]


def test_money_that_no_way_converts_is_a_refusal() -> None:
    paper, valuation, _ = on_paper(quote=99)
    failures: list[Any] = []
    valuation.priced(1).addErrback(failures.append)
    assert failures[0].check(OrderNotPlaced)
    assert valuation.rate(1) is None


def test_without_the_terms_or_a_margin_there_is_no_sum_of_margins() -> None:
    _, valuation, portfolio = on_paper(position(1, usedMargin=100, moneyDigits=2))
    assert valuation.used_margin == Decimal("1.00")
    portfolio.reconciled(answer(position(1)))
    assert valuation.used_margin is None
    portfolio.terms = None
    assert valuation.used_margin is None


def test_what_events_told_meanwhile_is_not_compared() -> None:
    paper, valuation, portfolio = on_paper(position(1), order(7))
    answering: dict[str, Deferred[Any]] = {}
    for name in ("reconcile", "trader", "get_position_unrealized_pnl"):
        setattr(paper, name, lambda name=name, **asked: answering.setdefault(name, Deferred()))
    found: list[Check] = []
    valuation.check().addCallback(found.append)
    portfolio.executed(
        event(
            position=position(1, volume=50_000, at=9), order=order(7, messages.ProtoOAOrderStatus.ORDER_STATUS_FILLED)
        )
    )
    answering["reconcile"].callback(answer(position(1), order(7), position(2)))
    old = trader(5, 0)
    answering["trader"].callback(messages.ProtoOATraderRes(ctidTraderAccountId=ACCOUNT, trader=old))
    answering["get_position_unrealized_pnl"].callback(
        messages.ProtoOAGetPositionUnrealizedPnLRes(
            ctidTraderAccountId=ACCOUNT,
            moneyDigits=2,
            positionUnrealizedPnL=[
                messages.ProtoOAPositionUnrealizedPnL(positionId=1, grossUnrealizedPnL=77, netUnrealizedPnL=77)
            ],
        )
    )
    [check] = found
    assert [(each.what, each.key, each.field) for each in check.differences] == [("position", 2, "")]
    assert isinstance(check.differences[0], Difference)
