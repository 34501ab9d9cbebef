"""What has changed of what an account holds: the classes that `Account.on` takes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from ctrader_twisted.account.holdings import Holding, Listed, PendingOrder, Position, total
from ctrader_twisted.market.prices import money, price_from_double
from ctrader_twisted.market.times import moment
from ctrader_twisted.session.meanwhile import copy_of

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from ctrader_twisted import messages


@dataclass(frozen=True, slots=True)
class Realised(Holding):
    """What one closing deal realised, told once for each, whether the position is still known or not."""

    position_id: int
    symbol_id: int
    volume: int
    """What was closed, in hundredths of a unit."""
    entry_price: Decimal
    """Of the opening deals that were closed, the oldest first; not the position's mean."""
    exit_price: Decimal
    gross: Decimal
    swap: Decimal
    commission: Decimal
    """Of both sides."""
    conversion_fee: Decimal
    balance: Decimal
    """After it."""
    deal: messages.ProtoOADeal = field(repr=False, compare=False)
    listed: Listed | None = field(default=None, repr=False, compare=False)
    """What the account knows of its symbol."""

    @property
    def at(self) -> int:
        """When it was executed, ms UTC of the server."""
        return self.deal.executionTimestamp

    @property
    def time(self) -> datetime:
        """When it was executed, as an aware datetime, in UTC."""
        return moment(self.at)

    @property
    def net(self) -> Decimal:
        """What the balance changed by."""
        return total((self.gross, self.swap, self.commission, self.conversion_fee))


@dataclass(frozen=True, slots=True)
class PositionOpened:
    """A position is there that was not."""

    position: Position
    deal: messages.ProtoOADeal | None = field(default=None, repr=False, compare=False)
    """The deal that opened it; None if a reconcile told."""


@dataclass(frozen=True, slots=True)
class PositionChanged:
    """A position is not what it was: volume, price, levels, swap, margin."""

    position: Position
    before: Position
    deal: messages.ProtoOADeal | None = field(default=None, repr=False, compare=False)
    """The deal that changed it, if one did; what a closing one realised is told in `Realised`."""


@dataclass(frozen=True, slots=True)
class PositionClosed:
    """A position is gone."""

    position: Position
    """As it was last."""
    realised: tuple[Realised, ...]
    """What each closing deal that was seen realised, the oldest first."""
    complete: bool
    """Whether the last closing deal was seen; if not (a reconcile told), the figures below are None."""

    @property
    def deals(self) -> tuple[messages.ProtoOADeal, ...]:
        """The closing deals that were seen, the oldest first."""
        return tuple(part.deal for part in self.realised)

    @property
    def gross(self) -> Decimal | None:
        """Over all of `realised`, as the other figures are."""
        return total(part.gross for part in self.realised) if self.complete else None

    @property
    def swap(self) -> Decimal | None:
        """See `gross`."""
        return total(part.swap for part in self.realised) if self.complete else None

    @property
    def commission(self) -> Decimal | None:
        """See `gross`; of both sides."""
        return total(part.commission for part in self.realised) if self.complete else None

    @property
    def conversion_fee(self) -> Decimal | None:
        """See `gross`."""
        return total(part.conversion_fee for part in self.realised) if self.complete else None

    @property
    def net(self) -> Decimal | None:
        """See `gross`: what the balance changed by."""
        return total(part.net for part in self.realised) if self.complete else None

    @property
    def balance(self) -> Decimal | None:
        """After the last of them."""
        return self.realised[-1].balance if self.complete and self.realised else None


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order works, and did not or not like this."""

    order: PendingOrder
    before: PendingOrder | None
    """None if it is new."""


@dataclass(frozen=True, slots=True)
class OrderGone:
    """An order works no more."""

    order: PendingOrder
    """As it was last while it worked."""
    reason: int | None
    """ProtoOAExecutionType of the event that told; None if a reconcile did."""


@dataclass(frozen=True, slots=True)
class BalanceChanged:
    """The balance is not what it was."""

    balance: Decimal
    before: Decimal | None
    version: int | None


Change: TypeAlias = (
    Realised | PositionOpened | PositionChanged | PositionClosed | OrderChanged | OrderGone | BalanceChanged
)


def realised_by(deal: messages.ProtoOADeal, money_digits: int, listed: Listed | None = None) -> Realised | None:
    """Read what a deal realised; None if it closed nothing.

    :param money_digits: if the deal does not say its own.
    :param listed: what is known of its symbol.
    """
    if not deal.HasField("closePositionDetail"):
        return None
    detail = deal.closePositionDetail
    digits = digits_of(detail, money_digits)
    return Realised(
        position_id=deal.positionId,
        symbol_id=deal.symbolId,
        volume=detail.closedVolume if detail.HasField("closedVolume") else deal.filledVolume,
        entry_price=price_from_double(detail.entryPrice),
        exit_price=price_from_double(deal.executionPrice),
        gross=money(detail.grossProfit, digits),
        swap=money(detail.swap, digits),
        commission=money(detail.commission, digits),
        conversion_fee=money(detail.pnlConversionFee, digits),
        balance=money(detail.balance, digits),
        deal=copy_of(deal),
        listed=listed,
    )


def digits_of(message: messages.ProtoOAClosePositionDetail | messages.ProtoOADepositWithdraw, otherwise: int) -> int:
    """Say in how many digits a part of a message gives its money."""
    return message.moneyDigits if message.HasField("moneyDigits") else otherwise
