from __future__ import annotations

import base64
import json

import pytest

from ctrader_twisted import messages
from ctrader_twisted.sim import Limits, TradingAccount
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.testing import DEFAULT_START, EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from tests.paths import shared
from tests.sim.venues import BTCUSD, EURUSD, GER40, XAUUSD, of_account, told, with_account

EUR, USD, JPY, GBP, XAU = 5, 15, 11, 8, 17


def test_the_trader_is_the_account():
    accounts = (
        TradingAccount(
            EUR_ACCOUNT, 77, "USD", balance=123_456, leverage_in_cents=3_000, account_type=1, broker_name="house"
        ),
    )
    with VenueKit(accounts=accounts) as kit:
        trader = with_account(kit).ask(of_account("Trader")).trader
    assert trader == messages.ProtoOATrader(
        ctidTraderAccountId=EUR_ACCOUNT,
        balance=123_456,
        balanceVersion=1,
        accessRights=messages.ProtoOAAccessRights.FULL_ACCESS,
        depositAssetId=USD,
        swapFree=False,
        leverageInCents=3_000,
        totalMarginCalculationType=messages.ProtoOATotalMarginCalculationType.SUM,
        maxLeverage=3_000,
        frenchRisk=False,
        traderLogin=77,
        accountType=messages.ProtoOAAccountType.NETTED,
        brokerName="house",
        registrationTimestamp=DEFAULT_START - 30 * 86_400_000,
        isLimitedRisk=False,
        moneyDigits=2,
    )


def test_lists_belong_together():
    with VenueKit() as kit:
        client = with_account(kit)
        assets = {one.assetId: one for one in client.ask(of_account("AssetList")).asset}
        classes = {one.id for one in client.ask(of_account("AssetClassList")).assetClass}
        categories = {one.id: one for one in client.ask(of_account("SymbolCategoryList")).symbolCategory}
        symbols = client.ask(of_account("SymbolsList"))
    assert (assets[EUR].name, assets[USD].displayName, assets[JPY].digits) == ("EUR", "US Dollar", 0)
    assert {one.assetClassId for one in categories.values()} <= classes
    assert len(symbols.symbol) == len(HOUSE.instruments) >= 12
    assert not symbols.archivedSymbol
    for symbol in symbols.symbol:
        assert symbol.symbolCategoryId in categories
        assert symbol.baseAssetId in assets and symbol.quoteAssetId in assets
    by_name = {symbol.symbolName: symbol for symbol in symbols.symbol}
    assert (by_name["EURUSD"].symbolId, by_name["EURUSD"].enabled) == (EURUSD, True)
    assert not by_name["USDRUB"].enabled


def test_archived_symbols_are_listed_on_request():
    with VenueKit() as kit:
        client = with_account(kit)
        (archived,) = client.ask(of_account("SymbolsList", includeArchivedSymbols=True)).archivedSymbol
        assert (archived.symbolId, archived.name) == (278, "GER30")
        answer = client.ask(of_account("SymbolById", symbolId=[EURUSD, 278, EURUSD]))
        assert [one.symbolId for one in answer.symbol] == [EURUSD]
        assert [one.symbolId for one in answer.archivedSymbol] == [278]


def test_an_unknown_symbol_has_no_description():
    with VenueKit() as kit:
        assert with_account(kit).ask(of_account("SymbolById", symbolId=[EURUSD, 4711])).errorCode == "UNKNOWN_SYMBOL"


def test_full_symbols_look_like_the_recorded_ones():
    recorded = {}
    for line in shared("recordings", "market_data.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["type"] == 2117:
            answer = messages.ProtoOASymbolByIdRes.FromString(base64.b64decode(entry["payload"]))
            recorded = {one.symbolId: one for one in answer.symbol}
    assert {EURUSD, XAUUSD, GER40} <= set(recorded)
    with VenueKit() as kit:
        answer = with_account(kit).ask(of_account("SymbolById", symbolId=[EURUSD, XAUUSD, GER40]))
    deprecated = {"commission", "minCommission"}
    for made in answer.symbol:
        real = recorded[made.symbolId]
        assert {field.name for field, _ in real.ListFields()} - deprecated <= {f.name for f, _ in made.ListFields()}
        for name in ("digits", "pipPosition", "lotSize", "minVolume", "stepVolume", "swapTime", "pnlConversionFeeRate"):
            if name == "minVolume" and made.symbolId == EURUSD:
                continue  # a hundredth of a lot is more familiar than what that broker had
            assert getattr(made, name) == getattr(real, name), (made.symbolId, name)


@pytest.mark.parametrize(
    ("first", "last", "names"),
    [
        (EUR, USD, ["EURUSD"]),
        (USD, EUR, ["EURUSD"]),
        (EUR, EUR, []),
        (GBP, JPY, None),
        (XAU, EUR, ["XAUUSD", "EURUSD"]),
    ],
)
def test_conversion_chains_lead_from_one_asset_to_the_other(first, last, names):
    with VenueKit() as kit:
        answer = with_account(kit).ask(of_account("SymbolsForConversion", firstAssetId=first, lastAssetId=last))
    chain = list(answer.symbol)
    if names is not None:
        assert [symbol.symbolName for symbol in chain] == names
    asset = first
    for symbol in chain:
        assert asset in (symbol.baseAssetId, symbol.quoteAssetId)
        asset = symbol.quoteAssetId if symbol.baseAssetId == asset else symbol.baseAssetId
    assert asset == last


@pytest.mark.parametrize("pair", [(EUR, 9_999), (9_999, EUR), (EUR, 21)])  # the rouble's only symbol is disabled
def test_where_no_chain_leads_is_refused(pair):
    first, last = pair
    with VenueKit() as kit:
        error = with_account(kit).ask(of_account("SymbolsForConversion", firstAssetId=first, lastAssetId=last))
        assert error.errorCode == "INVALID_REQUEST"


def test_dynamic_leverage_is_that_of_the_symbols():
    with VenueKit() as kit:
        client = with_account(kit)
        symbols = client.ask(of_account("SymbolById", symbolId=[EURUSD, BTCUSD])).symbol
        tiers = {}
        for symbol in symbols:
            leverage = client.ask(of_account("GetDynamicLeverageByID", leverageId=symbol.leverageId)).leverage
            assert leverage.leverageId == symbol.leverageId
            tiers[symbol.symbolId] = [(tier.volume, tier.leverage) for tier in leverage.tiers]
        assert tiers[EURUSD][0] == (500_000_000, 10_000)  # five million dollars, in hundredths; 1:100
        assert tiers[BTCUSD][0][1] == 333
        assert client.ask(of_account("GetDynamicLeverageByID", leverageId=1)).errorCode == "ENTITY_NOT_FOUND"


def test_margin_calls_are_kept_and_told_to_every_connection():
    with VenueKit() as kit:
        client, other, stranger = with_account(kit), with_account(kit), with_account(kit, USD_ACCOUNT)
        calls = client.ask(of_account("MarginCallList")).marginCall
        assert [(one.marginCallType, one.marginLevelThreshold) for one in calls] == [
            (61, 100.0),
            (62, 75.0),
            (63, 50.0),
        ]
        wanted = messages.ProtoOAMarginCall(marginCallType=62, marginLevelThreshold=80.5)
        client.send(of_account("MarginCallUpdate", marginCall=wanted), "m")
        assert [one.payload_type for one in client.received] == [2170, 2171]
        (event,) = other.take()
        assert (event.marginCall.marginLevelThreshold, event.marginCall.utcLastUpdateTimestamp) == (80.5, DEFAULT_START)
        assert not stranger.take()
        assert client.ask(of_account("MarginCallList")).marginCall[1] == event.marginCall
        for bad in (0.0, -1.0, float("nan")):
            wanted.marginLevelThreshold = bad
            assert client.ask(of_account("MarginCallUpdate", marginCall=wanted)).errorCode == "INVALID_REQUEST"


def test_nothing_is_open():
    with VenueKit() as kit:
        client = with_account(kit)
        for protective in (False, True):
            answer = client.ask(of_account("Reconcile", returnProtectionOrders=protective))
            assert answer == messages.ProtoOAReconcileRes(ctidTraderAccountId=EUR_ACCOUNT)
        unrealised = client.ask(of_account("GetPositionUnrealizedPnL"))
        assert (list(unrealised.positionUnrealizedPnL), unrealised.moneyDigits) == ([], 2)
        assert client.ask(of_account("OrderDetails", orderId=5)).errorCode == "ORDER_NOT_FOUND"


@pytest.mark.parametrize(
    ("account", "symbol_id", "volume", "leverage"),
    [
        (USD_ACCOUNT, EURUSD, 100_000, 100.0),
        (USD_ACCOUNT, XAUUSD, 10_000, 50.0),  # the symbol's first tier is below the account's leverage
        (USD_ACCOUNT, BTCUSD, 40, 3.33),
    ],
)
def test_expected_margin_is_units_times_price_over_leverage(account, symbol_id, volume, leverage):
    with VenueKit() as kit:
        quote = kit.venue.feed.quote(symbol_id, DEFAULT_START)
        answer = with_account(kit, account).ask(
            of_account("ExpectedMargin", account, symbolId=symbol_id, volume=[volume, 2 * volume])
        )
    one, two = answer.margin
    assert (one.volume, two.volume, answer.moneyDigits) == (volume, 2 * volume, 2)
    assert one.buyMargin == pytest.approx(volume / 100 * quote.ask / 100_000 / leverage * 100, abs=0.51)
    assert one.sellMargin == pytest.approx(volume / 100 * quote.bid / 100_000 / leverage * 100, abs=0.51)
    assert two.buyMargin == pytest.approx(2 * one.buyMargin, abs=1.01)


def test_expected_margin_in_the_base_asset_needs_no_price():
    with VenueKit() as kit:
        client = with_account(kit)
        answer = client.ask(of_account("ExpectedMargin", symbolId=EURUSD, volume=[10_000_000]))
        assert [(one.buyMargin, one.sellMargin) for one in answer.margin] == [(100_000, 100_000)]
        assert client.ask(of_account("ExpectedMargin", symbolId=4711, volume=[1])).errorCode == "UNKNOWN_SYMBOL"


def test_expected_margin_grows_faster_beyond_a_tier():
    with VenueKit() as kit:
        client = with_account(kit, USD_ACCOUNT)
        million = 100_000_000
        answer = client.ask(of_account("ExpectedMargin", USD_ACCOUNT, symbolId=EURUSD, volume=[million, 10 * million]))
        small, large = (one.buyMargin for one in answer.margin)
        exposure = small * 10  # cents at 1:100: ten million euros are more than five million dollars
        assert large == pytest.approx(5_000_000_00 / 100 + (exposure * 100 - 5_000_000_00) / 50, rel=1e-4)


# -------------------------------------------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        (
            "NewOrder",
            {"symbolId": 24, "orderType": 1, "tradeSide": 1, "volume": 100_000},
            ("TRADING_DISABLED", "Trading is disabled for symbol 24"),
        ),
        (
            "NewOrder",
            {"symbolId": 4711, "orderType": 1, "tradeSide": 1, "volume": 100_000},
            ("UNKNOWN_SYMBOL", "Unknown symbol 4711"),
        ),
        (
            "NewOrder",
            {"symbolId": EURUSD, "orderType": 1, "tradeSide": 1, "volume": 100_000, "positionId": 9},
            ("POSITION_NOT_FOUND", "Position not found with id 9"),
        ),
        ("CancelOrder", {"orderId": 8}, ("ORDER_NOT_FOUND", "Order not found with id 8")),
        ("AmendOrder", {"orderId": 8, "limitPrice": 1.1}, ("ORDER_NOT_FOUND", "Order not found with id 8")),
        (
            "AmendPositionSLTP",
            {"positionId": 2416447},
            ("POSITION_NOT_FOUND", "Position not found with id 2416447"),
        ),
        (
            "ClosePosition",
            {"positionId": 2416447, "volume": 1},
            ("POSITION_NOT_FOUND", "Position not found with id 2416447"),
        ),
    ],
)
def test_commands_are_properly_refused(name, fields, expected):
    with VenueKit() as kit:
        client = with_account(kit)
        client.send(of_account(name, **fields), "order-1")
        (envelope,) = client.received
        (event,) = client.take()
    assert (envelope.payload_type, envelope.client_msg_id) == (2132, "order-1")
    assert isinstance(event, messages.ProtoOAOrderErrorEvent)
    assert told(event) == expected
    assert event.ctidTraderAccountId == EUR_ACCOUNT
    assert event.HasField("orderId") and event.HasField("positionId")
    assert (event.orderId, event.positionId) == (0, 0)


def test_a_venue_may_have_other_instruments():
    chosen = [one for one in HOUSE.instruments if one.name in ("GER40", "BTCUSD")]
    from ctrader_twisted.sim.feed.modelled import ModelFeed

    with VenueKit(feed=ModelFeed(1, chosen), limits=Limits(general=0)) as kit:
        client = with_account(kit)
        names = [one.symbolName for one in client.ask(of_account("SymbolsList")).symbol]
        assert sorted(names) == ["BTCUSD", "GER40"]
        assert client.ask(of_account("SymbolById", symbolId=[EURUSD])).errorCode == "UNKNOWN_SYMBOL"
        error = client.ask(of_account("ExpectedMargin", symbolId=BTCUSD, volume=[100]))
        assert error.errorCode == "NO_QUOTES"  # no way from dollars to euros
