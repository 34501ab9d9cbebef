"""Positions closed and reversed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted import messages
from ctrader_twisted.account.placing import STALE_AFTER
from ctrader_twisted.account.terms import (
    BUY,
    KEEP,
    SELL,
    Terms,
    check_amount,
    check_texts,
    check_units,
    no_position,
    opposite,
    shown,
)
from ctrader_twisted.errors import DryRun, OpenApiError, OrderNotPlaced, RequestNotSent
from ctrader_twisted.market.units import ProtocolVolume

if TYPE_CHECKING:
    from typing import Unpack

    from ctrader_twisted.account.course import Course
    from ctrader_twisted.account.keywords import Reversing
    from ctrader_twisted.account.lookup import Lookup
    from ctrader_twisted.account.placing import Placing
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.account.readiness import Standing
    from ctrader_twisted.account.register import Register
    from ctrader_twisted.host import Host
    from ctrader_twisted.market.symbols import Rounding, Volume

_MARKET: Final = messages.ProtoOAOrderType.MARKET


class Closing:
    """Closes the positions of one account.

    :param placing: sends what is made here.
    """

    def __init__(
        self,
        client: Host,
        standing: Standing,
        portfolio: Portfolio,
        register: Register,
        lookup: Lookup,
        placing: Placing,
    ) -> None:
        self._client = client
        self._standing = standing
        self._portfolio = portfolio
        self._register = register
        self._lookup = lookup
        self._placing = placing

    def close(
        self,
        position_id: int,
        amount: Volume | None = None,
        rounding: Rounding = "refuse",
        timeout: float | None = None,
    ) -> Course:
        """Close a position or a part of it; see `Account.close`."""
        self._standing.check_open()
        if amount is not None:
            check_amount(amount)
        course = self._course(position_id, amount)
        self._placing.start(course, self._close(course, position_id, amount, rounding, timeout))
        return course

    def reverse(self, position_id: int, **options: Unpack[Reversing]) -> Course:
        """Close a position and open one on the other side; see `Account.reverse`."""
        self._standing.check_open()
        known = self._portfolio.positions.get(position_id)
        client_order_id = options.get("client_order_id")
        if known is None:
            course = self._register.new(client_order_id, "", BUY, _MARKET)
            self._placing.take_back(course, no_position(position_id))
            return course
        label, comment = options.get("label", KEEP), options.get("comment", KEEP)
        if label is KEEP:
            # A label that is an order's id, for want of another, is that order's.
            label = "" if self._register.get(known.label) is not None else known.label
        terms = Terms(
            ProtocolVolume(known.volume),
            stop_loss=options.get("stop_loss"),
            take_profit=options.get("take_profit"),
            trailing=options.get("trailing", False),
            guaranteed=options.get("guaranteed", False),
            rounding=options.get("rounding", "refuse"),
            label=label,
            comment=known.comment if comment is KEEP else comment,
            client_order_id=client_order_id,
            timeout=options.get("timeout"),
        )
        check_texts(terms)
        check_units(terms)
        name, side = self._lookup.name_of(known.symbol_id), opposite(known.side)
        closing = self._course(position_id, None)
        course = self._register.new(client_order_id, name, side, _MARKET, asked=terms.amount, after=closing.order)
        self._placing.start(course, self._reverse(course, known.symbol_id, terms, closing, position_id))
        return course

    def _course(self, position_id: int, amount: Volume | None) -> Course:
        known = self._portfolio.positions.get(position_id)
        side = SELL if known is None else opposite(known.side)
        name = "" if known is None else self._lookup.name_of(known.symbol_id)
        return self._register.new(None, name, side, _MARKET, asked=amount, closes=position_id)

    async def _close(
        self, course: Course, position_id: int, amount: Volume | None, rounding: Rounding, timeout: float | None
    ) -> None:
        self._standing.check_open()
        position = self._portfolio.positions.get(position_id)
        if position is None:
            raise no_position(position_id)
        symbol = await self._lookup.by_id(position.symbol_id)
        volume = position.volume if amount is None else symbol.volume(amount, rounding)
        course.prepared(symbol, volume)
        if volume > position.volume:
            problem = f"{shown(symbol, volume)} of position {position_id} can't be closed: it has less"
            raise OrderNotPlaced(problem, f"close {shown(symbol, position.volume)} or less")
        request = messages.ProtoOAClosePositionReq(
            ctidTraderAccountId=self._portfolio.account_id, positionId=position_id, volume=volume
        )
        await self._placing.send(course, request, timeout, f"closing {shown(symbol, volume)} of position {position_id}")

    async def _reverse(self, course: Course, symbol_id: int, terms: Terms, closing: Course, position_id: int) -> None:
        closed = closing.wait("filled")
        try:
            await self._placing.rehearse(course, await self._lookup.by_id(symbol_id), terms, replaces=position_id)
            if course.progress.error is not None:
                raise course.progress.error  # it was taken back
        except Exception as error:
            closed.addErrback(lambda _: None)  # what keeps the reversal from being made is told by its order
            problem = f"the position was not to be closed without being reversed ({error})"
            self._placing.take_back(closing, OrderNotPlaced(problem, "close it by itself, or see what keeps it"))
            raise
        began = self._client.clock.seconds()
        self._placing.start(closing, self._close(closing, position_id, None, "refuse", terms.timeout))
        try:
            await closed
        except DryRun:
            raise DryRun(f"reversing position {position_id}") from None
        except OpenApiError as error:
            raise OrderNotPlaced(
                f"the position was not closed, so nothing was opened ({error})", "see what is open, then place it anew"
            ) from error
        if self._client.clock.seconds() - began > STALE_AFTER:
            problem = f"closing took longer than {STALE_AFTER:g} s, so nothing was opened"
            raise RequestNotSent("ProtoOANewOrderReq", problem, self._portfolio.account_id)
        await self._placing.open(course, await self._lookup.by_id(symbol_id), terms)
