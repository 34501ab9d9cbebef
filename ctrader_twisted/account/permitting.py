"""What may be sent for an account: its limits, the user's own and those from outside, and its halt."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ctrader_twisted.account.safety import HALTED, Safety
from ctrader_twisted.errors import DryRun, OrderNotPlaced, TradingHalted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctrader_twisted.account.course import Course
    from ctrader_twisted.account.holdings import PendingOrder
    from ctrader_twisted.account.lookup import Lookup
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.account.readiness import Standing
    from ctrader_twisted.account.register import Register
    from ctrader_twisted.account.valuation import Valuation
    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.market.symbols import Symbol


class Permits:
    """Holds commands of one account against its limits.

    :param own: the user's own limits.
    :param lookup: knows the broker's names.

    :ivar account_id: whose.
    :ivar own: as given; it can be replaced at any time.
    :ivar limits: limits from outside, which hold whatever the user's own say.
    :ivar halt: why no order that opens is sent; None as long as they are.
    """

    def __init__(
        self,
        own: Safety,
        limits: Safety,
        standing: Standing,
        portfolio: Portfolio,
        register: Register,
        lookup: Lookup,
        valuation: Valuation,
    ) -> None:
        self.own = own
        self.limits = limits
        self.halt: str | None = None
        self._standing = standing
        self._portfolio = portfolio
        self.account_id: int = portfolio.account_id
        self._register = register
        self._lookup = lookup
        self._valuation = valuation
        self._growing: list[tuple[int, int, int]] = []

    @property
    def safety(self) -> Safety:
        """What holds: of each limit the stricter one.

        :raises UnknownSymbol: if a symbol that both limit is none of the account's.
        """
        own, limits = self.own, self.limits
        if self._lookup.list is not None and own.symbols is not None and limits.symbols is not None:
            own, limits = own.named(self._lookup.list), limits.named(self._lookup.list)
        return limits.tightened(own)

    @property
    def halted(self) -> str | None:
        """Why no order that opens is sent; None as long as they are."""
        return self.halt if self.halt is not None else HALTED if self.safety.halted else None

    def sending(self, what: str) -> None:
        """Let a command leave, of whatever kind.

        :param what: the command in words.
        :raises DryRun: if nothing is to be sent at all.
        """
        self.safety.permits_sending(what)

    def forbids(self, what: str, *, opens: bool) -> OpenApiError | None:
        """Say what keeps a command from leaving that was permitted before; None if nothing does.

        :param what: the command in words.
        :param opens: whether it opens something.
        """
        if self.safety.dry_run:
            return DryRun(what)
        halted = self.halted
        return TradingHalted(halted) if opens and halted is not None else None

    def opens(self, course: Course) -> bool:
        """Say whether an order opens something, or may; on a netted account one may do no more than close."""
        if course.closes is not None:
            return False
        if not self._portfolio.netted or course.symbol is None:
            return not self._portfolio.netted
        try:
            Safety(halted=True).permits(
                self._portfolio,
                course.symbol,
                course.side,
                course.remaining,
                unheard_of=self._register.unheard_of(self._portfolio, course),
                closing=self._register.closing(self._portfolio),
            )
        except TradingHalted:
            return True
        return False

    @contextmanager
    def growing(self, symbol: Symbol, side: int, volume: int) -> Iterator[None]:
        """Count what a working order is being made larger by, until that is known to be done or not."""
        grows = symbol.symbol_id, side, volume
        self._growing.append(grows)
        try:
            yield
        finally:
            self._growing.remove(grows)

    async def opening(
        self,
        symbol: Symbol,
        side: int,
        volume: int,
        position_id: int | None,
        course: Course | None = None,
        *,
        larger: PendingOrder | None = None,
        replaces: int | None = None,
    ) -> None:
        """Let an order pass that opens, in the turn of the reactor in which this ends.

        :param volume: in hundredths of a unit; of an order that is made larger, what it grows by.
        :param course: the order, unless it works already.
        :param larger: the working order that is made larger.
        :param replaces: a position that is closed before the order is sent.
        :raises OrderNotPlaced: if a limit forbids it.
        """
        if self.safety.max_exposure is not None:
            waiting = [each.symbol_id for each in self._portfolio.orders.values() if each.opening]
            waiting += [symbol_id for symbol_id, _, _ in self._register.unheard_of(self._portfolio, course)]
            held = [each.symbol_id for each in self._portfolio.positions.values()]
            for symbol_id in {symbol.symbol_id, *waiting, *held}:
                await self._valuation.priced(symbol_id)
        # From here on nothing is waited for: what is seen is what the order is sent upon.
        safety = self.safety
        if safety.counts and self._standing.stands and not self._standing.current:
            problem = "the limits count what is open, and that is being asked for anew"
            raise OrderNotPlaced(problem, "wait for settled(), then place it")
        if self._lookup.list is not None:
            safety = safety.named(self._lookup.list)
        safety.permits(
            self._portfolio,
            symbol,
            side,
            volume,
            position_id=position_id,
            larger=larger,
            replaces=replaces,
            unheard_of=self._register.unheard_of(self._portfolio, course),
            growing=self._growing,
            closing=self._register.closing(self._portfolio),
            notional=self._valuation.notional,
            currency=self._lookup.deposit_name(),
            halted=self.halt,
        )
