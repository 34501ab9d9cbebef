"""What must hold once everything has come to rest: the venue's book is sound, and what a client believes is that book.

The venue's side is read from its ledger, not asked for: `Account.check` asks, and is held to the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.account.tracking import OrderState
from ctrader_twisted.sim.trading import margins

if TYPE_CHECKING:
    from collections.abc import Collection

    from ctrader_twisted.account.account import Account
    from ctrader_twisted.account.order import Order
    from ctrader_twisted.sim.testing import VenueKit
    from ctrader_twisted.sim.trading.ledger import Ledger
    from ctrader_twisted.sim.trading.records import Deal

PROTECTIVE: Final = 4
STATES: Final = {1: None, 2: OrderState.FILLED, 3: OrderState.REJECTED, 4: OrderState.EXPIRED, 5: OrderState.CANCELLED}
UNPLACED: Final = (OrderState.NOT_SENT, OrderState.NEVER_ARRIVED, OrderState.REJECTED)


def ledger_of(kit: VenueKit, account_id: int) -> Ledger:
    return kit.venue.exchange.desk(account_id).ledger


def every_order(ledger: Ledger) -> dict[int, Any]:
    """The orders that are and were, by their ids."""
    return {**ledger.orders, **ledger.past_orders}


def asked_for(ledger: Ledger) -> dict[int, Any]:
    """Those that somebody asked for: the venue makes protective orders and stop-outs by itself."""
    return {key: one for key, one in every_order(ledger).items() if one.order_type != PROTECTIVE and not one.stop_out}


def check_belief(kit: VenueKit, account: Account) -> None:
    """Positions, orders, balance, equity and margin are the venue's."""
    ledger = ledger_of(kit, account.account_id)
    digits = ledger.account.money_digits
    found = kit.settle(account.check())
    assert found, str(found)
    assert found.unpriced == ()
    assert {one.position_id for one in ledger.open_positions()} == set(account.positions)
    for one in ledger.open_positions():
        believed = account.positions[one.position_id]
        assert abs(Fraction(believed.price) - one.exact_price / 100_000) < Fraction(1, 10**9)
        assert (
            believed.symbol_id,
            believed.side,
            believed.volume,
            believed.stop_loss,
            believed.take_profit,
            believed.swap,
            believed.commission,
            believed.used_margin,
            believed.label,
            believed.comment,
            believed.opened_at,
            believed.trailing,
            believed.guaranteed,
            believed.protective_order_id,
        ) == (
            one.symbol_id,
            one.side,
            one.volume,
            priced(one.stop_loss),
            priced(one.take_profit),
            cents(one.swap, digits),
            cents(one.commission, digits),
            cents(one.used_margin, digits),
            one.label,
            one.comment,
            one.opened_at,
            one.trailing,
            one.guaranteed,
            one.protective_id,
        )
    working = {key: one for key, one in ledger.orders.items() if one.order_type != PROTECTIVE}
    assert set(working) == set(account.pending)
    for key, order in working.items():
        pending = account.pending[key]
        assert (
            pending.symbol_id,
            pending.side,
            pending.order_type,
            pending.volume,
            pending.executed_volume,
            pending.limit_price,
            pending.stop_price,
            pending.stop_loss,
            pending.take_profit,
            pending.relative_stop_loss,
            pending.relative_take_profit,
            pending.time_in_force,
            pending.expires_at,
            pending.trailing,
            pending.closing,
            pending.label,
            pending.client_order_id,
        ) == (
            order.symbol_id,
            order.side,
            order.order_type,
            order.volume,
            order.executed,
            priced(order.limit_price),
            priced(order.stop_price),
            priced(order.stop_loss),
            priced(order.take_profit),
            priced(order.relative_stop_loss),
            priced(order.relative_take_profit),
            order.time_in_force,
            order.expires_at,
            bool(order.trailing),
            order.closing,
            order.label,
            order.client_order_id,
        )
    assert account.balance == cents(ledger.account.balance, digits)
    equity = margins.equity(ledger, kit.venue.exchange)
    assert equity is not None
    assert account.equity == cents(equity, digits)
    assert account.used_margin == cents(margins.used(ledger), digits)
    assert account.free_margin == cents(equity - margins.used(ledger), digits)


def check_ledger(ledger: Ledger) -> None:
    """Each balance follows from the one before and what was booked, and closing took the oldest first."""
    moves = [(flow.balance_version, flow.delta, flow.balance) for flow in ledger.cash_flow]
    for deal in ledger.deals:
        if deal.detail is not None:
            part = deal.detail
            net = part.gross + part.swap + part.commission + part.fee
            moves.append((part.balance_version, net, part.balance))
    moves.sort()
    versions = [version for version, _, _ in moves]
    assert versions == list(range(versions[0], versions[0] + len(versions)))
    assert versions[-1] == ledger.account.balance_version
    balance = 0
    for _, delta, after in moves:
        balance += delta
        assert balance == after
    assert balance == ledger.account.balance
    check_fifo(ledger)


def check_orders(ledger: Ledger, orders: Collection[Order]) -> None:
    """Each order of the clients is the venue's once, or not at all where that is said, and the venue has no other.

    :param orders: all that were ever made, by every client of the account.
    """
    every = every_order(ledger)
    assert not set(ledger.orders) & set(ledger.past_orders)
    deals: dict[int, list[Deal]] = defaultdict(list)
    for deal in ledger.deals:
        deals[deal.order_id].append(deal)
    asked = asked_for(ledger)
    check_claims(asked, orders)
    for order in orders:
        assert not order._course.doubtful
        if order.order_id is None:
            assert order.state in UNPLACED, order
            assert order.error is not None
            assert not [one for one in asked.values() if one.client_order_id == order.client_order_id]
            continue
        theirs = every[order.order_id]
        if order.closes is None:
            assert theirs.client_order_id == order.client_order_id
            assert not theirs.closing
        else:
            assert theirs.closing
            assert theirs.position_id == order.closes
        expected = STATES[theirs.status]
        if expected is None:
            expected = OrderState.PARTIALLY_FILLED if theirs.executed else OrderState.ACCEPTED
        assert order.state is expected, order
        assert (order.volume, order.executed) == (theirs.volume, theirs.executed), order
        assert order.side == theirs.side
        booked = [(one.deal_id, one.position_id, one.filled, priced(one.price)) for one in deals[order.order_id]]
        assert [(one.deal_id, one.position_id, one.volume, one.price) for one in order.fills] == booked, order
        for fill, deal in zip(order.fills, deals[order.order_id], strict=True):
            assert (fill.closed is None) == (deal.detail is None)
            if fill.closed is not None and deal.detail is not None:
                detail, digits = deal.detail, ledger.account.money_digits
                assert abs(Fraction(fill.closed.entry_price) - detail.entry_price / 100_000) < Fraction(1, 10**9)
                net = detail.gross + detail.swap + detail.commission + detail.fee
                assert fill.closed.net == cents(net, digits)
                assert fill.closed.balance == cents(detail.balance, digits)


def check_claims(asked: dict[int, Any], orders: Collection[Order]) -> None:
    """No order of the venue's is nobody's, and none is two orders of a client.

    A closing order has no id of ours. Where two clients close the same of one position and an answer is lost, one may
    take the other's for its own: then it is the venue's once and each client's once.
    """
    ours = Counter(one.order_id for one in orders if one.order_id is not None)
    assert set(ours) == set(asked), "doubled, or lost"
    for order_id in [key for key, count in ours.items() if count > 1]:
        claims = [one for one in orders if one.order_id == order_id]
        assert asked[order_id].closing, f"one order is two: {claims}"
        assert len({id(one.account) for one in claims}) == len(claims), f"one order is two: {claims}"
    by_id = Counter(one.client_order_id for one in asked.values() if one.client_order_id and not one.closing)
    assert set(by_id.values()) <= {1}, "doubled"


def check_fifo(ledger: Ledger) -> None:
    """Close by a list of single opening deals what the ledger closed, and compare prices, volumes and results."""
    books: dict[int, list[list[int]]] = defaultdict(list)  # [volume, price], the oldest first
    sides: dict[int, int] = {}
    for deal in ledger.deals:
        book = books[deal.position_id]
        if deal.detail is None:
            assert not book or sides[deal.position_id] == deal.side
            sides[deal.position_id] = deal.side
            book.append([deal.filled, deal.price])
            continue
        assert sides[deal.position_id] != deal.side
        assert deal.detail.closed_volume == deal.filled
        left, worth = deal.filled, 0
        while left:
            part = min(left, book[0][0])
            worth += part * book[0][1]
            book[0][0] -= part
            left -= part
            if not book[0][0]:
                del book[0]
        entry = Fraction(worth, deal.filled)
        assert deal.detail.entry_price == entry
        won = (deal.price - entry) * (1 if sides[deal.position_id] == 1 else -1) * deal.filled / 100 / 100_000
        in_cents = won * Fraction(deal.detail.rate) * 10**ledger.account.money_digits
        assert abs(in_cents - deal.detail.gross) <= Fraction(1, 2) + Fraction(1, 10**6)
    left_open = {one.position_id: one for one in ledger.open_positions()}
    assert {key for key, book in books.items() if book} == set(left_open)
    for key, one in left_open.items():
        assert one.volume == sum(volume for volume, _ in books[key])
        assert one.exact_price == Fraction(sum(volume * price for volume, price in books[key]), one.volume)


def priced(relative: int | None) -> Decimal | None:
    return None if relative is None else Decimal(relative) / 100_000


def cents(amount: int, digits: int) -> Decimal:
    return Decimal(amount).scaleb(-digits)
