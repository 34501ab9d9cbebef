"""The recorded account, dealt again: its deals go in with side, volume and price, and what the server told comes out.

And the other figures of the protocol notes (1.11, 1.12 and 1.14) that are arithmetic.
"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.trading import arithmetic, charges, margins
from ctrader_twisted.sim.trading.entities import (
    BUY,
    SELL,
    Position,
)
from ctrader_twisted.sim.trading.records import Deal
from tests.sim.trading.still import BTCUSD, EURUSD, GER40, XAUUSD, Book, Still
from tests.wire.test_recordings import read

FILE = "partial_close.jsonl"
FIRST_BALANCE = 851_121_026
"""Before the first recorded close: 851120826 - 300 + 500."""


def relative(price: float) -> int:
    return round(price * 100_000)


class Replayed:
    """The recorded account, and the deals that were put into it so far."""

    def __init__(self) -> None:
        self.book = Book(balance=FIRST_BALANCE, balance_version=9)
        self.positions: dict[int, Position] = {}

    def deal(self, recorded) -> Deal:
        """Put a deal in: of the recording its ids, side, volume, price and times."""
        book, market = self.book, self.book.market
        position = self.positions.setdefault(
            recorded.positionId, Position(recorded.positionId, recorded.symbolId, recorded.tradeSide)
        )
        instrument, price = market.instrument(recorded.symbolId), relative(recorded.executionPrice)
        commission = charges.commission(book.account, market, instrument, recorded.volume, price)
        margin_rate = margins.margin_rate(book.account, market, instrument, price)
        deal = Deal(
            recorded.dealId, recorded.orderId, recorded.positionId, recorded.symbolId, recorded.tradeSide,
            recorded.volume, recorded.volume, price, recorded.createTimestamp, recorded.executionTimestamp,
            margin_rate, commission, margins.usd_rate(market, instrument, price),
        )  # fmt: skip
        if deal.side == position.side:
            book.ledger.open(position, deal, margin_rate=margin_rate, commission=commission)
        else:
            deposit = margins.deposit_asset(book.account, market)
            book.ledger.close(
                position,
                deal,
                volume=deal.volume,
                rate=market.rate(instrument.quote_asset_id, deposit),
                commission=commission,
                fee_rate=arithmetic.fee_rate(instrument, deposit),
            )
        margins.place(book.ledger, market)
        return deal


@pytest.fixture
def replayed() -> Replayed:
    account = Replayed()
    for recorded in reversed(read(FILE, 8).deal):
        account.deal(recorded)
    return account


def test_the_house_list_charges_as_the_recorded_symbols_do():
    recorded = {symbol.symbolId: symbol for symbol in read("market_data.jsonl", 4).symbol}
    for symbol_id in (EURUSD, XAUUSD, GER40):
        symbol, ours = recorded[symbol_id], Still().instrument(symbol_id)
        assert (symbol.commissionType, symbol.preciseTradingCommissionRate) == (
            ours.commission_type,
            ours.commission_rate,
        )
        assert (symbol.pnlConversionFeeRate, symbol.lotSize) == (ours.pnl_conversion_fee_rate, ours.lot_size)
        assert (symbol.minCommissionType, symbol.minCommissionAsset) == (
            ours.min_commission_type,
            ours.min_commission_asset,
        )
        assert (symbol.digits, symbol.pipPosition) == (ours.digits, ours.pip_position)
        assert (symbol.swapLong, symbol.swapShort, symbol.swapTime) == (ours.swap_long, ours.swap_short, ours.swap_time)
    assert recorded[XAUUSD].preciseTradingCommissionRate == 70
    assert arithmetic.PRECISE_PERCENT * Fraction("0.0007") == 70


def test_every_listed_deal_comes_out_as_it_was_told():
    account = Replayed()
    told = list(reversed(read(FILE, 8).deal))
    assert [deal.HasField("closePositionDetail") for deal in told].count(True) == 4
    for recorded in told:
        assert account.deal(recorded).message(2, listed=True) == recorded
    trader = read(FILE, 3).trader
    assert (trader.balance, trader.balanceVersion) == (851_120_773, 13)
    assert (account.book.account.balance, account.book.account.balance_version) == (851_120_773, 13)


def test_the_four_closes_add_up(replayed):
    details = [deal.detail for deal in replayed.book.ledger.deals if deal.detail is not None]
    assert [(one.gross, one.swap, one.commission, one.fee, one.balance, one.balance_version) for one in details] == [
        (300, 0, -500, 0, 851_120_826, 10),
        (13, 0, -6, 0, 851_120_833, 11),
        (-36, 0, -6, 0, 851_120_791, 12),
        (-8, 0, -10, 0, 851_120_773, 13),
    ]


def level(position: Position, recorded) -> None:
    """Give a position what no deal gives it."""
    position.stop_loss, position.take_profit = relative(recorded.stopLoss), relative(recorded.takeProfit)
    position.updated_at = recorded.utcLastUpdateTimestamp


def test_the_position_of_two_buys_is_what_was_told(replayed):
    (recorded,) = read(FILE, 4).position
    position = replayed.positions[recorded.positionId]
    level(position, recorded)
    ours = position.message(2)
    assert (position.commission, position.used_margin, position.margin_rate) == (-8, 3360, 1.1198733333333333)
    # the mean price was told as ...331: the last digit of a float, from sums that the server makes some other way
    assert abs(ours.price - recorded.price) <= math.ulp(recorded.price)
    ours.price = recorded.price
    assert ours == recorded


def test_the_partial_close_is_what_was_told(replayed):
    event = read(FILE, 10)
    deal = replayed.deal(event.deal)
    assert deal.message(2) == event.deal
    detail = deal.detail
    assert (detail.entry_price, detail.gross, detail.commission) == (111_987, 1, -6)
    assert (detail.balance, detail.balance_version) == (851_120_768, 14)
    position = replayed.positions[event.position.positionId]
    level(position, event.position)
    assert position.message(2) == event.position
    assert (position.message(2).price, position.commission, position.used_margin) == (1.119875, -5, 2240)
    position.updated_at = read(FILE, 17).position[0].utcLastUpdateTimestamp
    assert position.message(2) == read(FILE, 17).position[0]


def test_the_margin_and_commission_of_the_trailing_position():
    (recorded,) = read("trailing_stop.jsonl", 5).position
    book = Book()
    position = book.open(recorded.tradeData.volume, price=relative(recorded.price))
    margins.place(book.ledger, book.market)
    told = (recorded.usedMargin, recorded.commission, recorded.marginRate, recorded.price)
    assert (position.used_margin, position.commission, position.margin_rate, 1.11984) == told


# --------------------------------------------------------------------------------------- figures of the protocol notes


def test_what_is_left_of_commission_after_half_is_closed():
    book = Book()
    position = book.open(200_000, price=111_987)
    assert position.commission == -5
    first = book.close(position, 100_000, 111_987)
    assert (first.detail.commission, first.commission, position.commission) == (-6, -3, -2)
    rest = book.close(position, 100_000, 111_987)
    assert (rest.detail.commission, rest.commission) == (-5, -3)


@pytest.mark.parametrize(
    ("gross", "swap", "commission", "fee", "before", "after"),
    [(-2621, -515, 0, -19, 1_476_569_968, 1_476_566_813)],
)
def test_the_close_in_another_currency(gross, swap, commission, fee, before, after):
    """The notes give the amounts alone; price and rate are made so that the gross result is theirs."""
    book = Book(balance=before)
    position = book.open(100, symbol_id=GER40, price=2_529_274_000)
    position.swap = swap
    rate = 1.148
    deal = book.close(
        position,
        100,
        2_529_274_000 - 2_283_000,  # 22.83 x 1.148 = 26.20884
        rate=rate,
        fee_rate=arithmetic.fee_rate(HOUSE.instrument("GER40"), HOUSE.asset("USD").asset_id),
    )
    detail = deal.detail
    assert (detail.gross, detail.swap, detail.commission, detail.fee) == (gross, swap, commission, fee)
    assert gross + swap + commission + fee == -3155 == after - before
    assert (detail.balance, detail.rate) == (after, rate)


@pytest.mark.parametrize(
    ("volume", "price", "expected"), [(100_000, 112_569, 1126), (200_000, 112_568, 2251), (100_000, 111_984, 1120)]
)
def test_used_margin(volume, price, expected):
    book = Book()
    position = book.open(volume, price=price)
    margins.place(book.ledger, book.market)
    assert position.used_margin == expected


def test_a_coin_has_the_leverage_of_its_tier():
    """Told was 25611.78, which is 3.33 to the cent of it, and by itself rounds to 25611.77: the last cent is open."""
    book = Book()
    position = book.open(100, symbol_id=BTCUSD, price=8_528_721_000)
    margins.place(book.ledger, book.market)
    assert position.margin_rate == 85287.21
    assert abs(position.used_margin - 25_611_78) <= 1
    assert round(position.margin_rate * 100 / position.used_margin, 5) == 3.33 == round(85287.21 / 25611.78, 5)
    (tiers,) = [one.tiers for one in HOUSE.leverages if one.leverage_id == HOUSE.instrument("BTCUSD").leverage_id]
    assert tiers[0].leverage == 333


@pytest.mark.parametrize(("volume", "expected"), [(200_000, -5), (100_000, -3), (10_000_000, -250)])
def test_commission_per_side(volume, expected):
    book = Book()
    euro = book.market.instrument(EURUSD)
    assert charges.commission(book.account, book.market, euro, volume, 111_969) == expected


def test_fifo_in_the_notes():
    """200 000 at 1.11987 and 100 000 at 1.11988, of which 100 000 are closed at 1.11988."""
    book = Book()
    position = book.open(200_000, price=111_987)
    book.open(100_000, price=111_988, position=position)
    assert round(float(position.exact_price) / 100_000, 7) == 1.1198733
    detail = book.close(position, 100_000, 111_988).detail
    assert (float(detail.entry_price) / 100_000, detail.gross) == (1.11987, 1)
    assert float(position.exact_price) / 100_000 == 1.119875
    by_mean = arithmetic.gross(BUY, Fraction(3 * 111_987 + 1, 3), 111_988, 100_000, 1.0)
    assert by_mean == 1  # it is 0.67 of a cent, so one lot tells the two apart
    assert arithmetic.exact_gross(BUY, 111_987, 111_988, 100_000, 1.0) == Fraction(1, 100)
    assert arithmetic.exact_gross(BUY, Fraction(3 * 111_987 + 1, 3), 111_988, 100_000, 1.0) == Fraction(2, 300)


def test_gross_to_the_side_it_is_on():
    assert arithmetic.gross(BUY, 111_993, 111_989, 200_000, 1.0) == -8
    assert arithmetic.gross(SELL, 111_993, 111_989, 200_000, 1.0) == 8
