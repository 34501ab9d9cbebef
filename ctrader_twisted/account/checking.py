"""Whether what is believed of an account is what the server says: `Account.check`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, gatherResults

from ctrader_twisted.market.prices import money
from ctrader_twisted.market.units import EXACT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from decimal import Decimal

    from twisted.python.failure import Failure

    from ctrader_twisted import messages
    from ctrader_twisted.account.changes import Change
    from ctrader_twisted.account.holdings import PendingOrder, Position
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.account.valuation import Unrealised
    from ctrader_twisted.host import Host
    from ctrader_twisted.session.meanwhile import Meanwhile

_POSITION_FIELDS: Final = (
    "symbol_id",
    "side",
    "volume",
    "price",
    "stop_loss",
    "take_profit",
    "trailing",
    "guaranteed",
    "swap",
    "commission",
    "used_margin",
    "label",
    "comment",
)
_ORDER_FIELDS: Final = (
    "symbol_id",
    "side",
    "order_type",
    "volume",
    "executed_volume",
    "limit_price",
    "stop_price",
    "stop_loss",
    "take_profit",
    "relative_stop_loss",
    "relative_take_profit",
    "expires_at",
    "position_id",
    "label",
    "comment",
    "client_order_id",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is believed otherwise than the server says."""

    what: str
    """``"position"``, ``"order"`` or ``"account"``."""
    key: int
    """The positionId, the orderId, or the ctidTraderAccountId."""
    field: str
    """Which of its attributes; ``""`` if one side does not have it at all."""
    believed: object
    reported: object

    def __str__(self) -> str:
        name = f"{self.what} {self.key}" + (f", {self.field}" if self.field else "")
        return f"{name}: {self.believed} was believed, the server says {self.reported}"


@dataclass(frozen=True, slots=True)
class Check:
    """How what is believed compares with what the server said when it was asked. True if nothing differs."""

    differences: tuple[Difference, ...]
    unpriced: tuple[int, ...]
    """Positions whose unrealised result could not be compared, by positionId: a price was not known."""
    changes: tuple[Change, ...] = ()
    """What was corrected, if that was asked for."""

    def __bool__(self) -> bool:
        return not self.differences

    def __str__(self) -> str:
        return "\n".join(map(str, self.differences)) or "nothing differs"


class Checking:
    """One check of what is believed.

    :param client: who is asked.
    :param portfolio: positions, orders and balance, as believed.
    :param unrealised: what a position would bring now, as believed; None while a price is not known.
    :param correct: whether to take over what the server says of positions, orders and balance.
    :param tolerance: how much unrealised results may differ, in the deposit asset.
    """

    def __init__(
        self,
        client: Host,
        portfolio: Portfolio,
        unrealised: Callable[[Position], Unrealised | None],
        *,
        correct: bool,
        tolerance: Decimal,
    ) -> None:
        self._client = client
        self._portfolio = portfolio
        self._account_id = portfolio.account_id
        self._unrealised = unrealised
        self._correct = correct
        self._tolerance = tolerance

    async def run(self) -> Check:
        """Ask for everything at once, and compare each answer in the turn in which it arrives."""
        client, account_id, portfolio = self._client, self._account_id, self._portfolio
        asked = portfolio.reconciling()
        # Later, quotes would have moved on.
        parts: list[Coroutine[Any, Any, _Part]] = [
            self._check_book(client.reconcile(ctidTraderAccountId=account_id, returnProtectionOrders=True), asked),
            self._check_trader(client.trader(ctidTraderAccountId=account_id)),
            self._check_results(client.get_position_unrealized_pnl(ctidTraderAccountId=account_id), asked),
        ]
        try:
            found: list[_Part] = await gatherResults(
                [Deferred.fromCoroutine(part).addErrback(_as_it_is) for part in parts]
            )
        finally:
            portfolio.not_reconciled(asked)
        for part in found:
            if part.failure is not None:
                part.failure.raiseException()
        return Check(
            tuple(difference for part in found for difference in part.differences),
            tuple(position_id for part in found for position_id in part.unpriced),
            tuple(change for part in found for change in part.changes),
        )

    async def _check_book(self, answering: Deferred[messages.ProtoOAReconcileRes], asked: Meanwhile) -> _Part:
        answer = await answering
        portfolio = self._portfolio
        said = type(portfolio)(self._account_id, portfolio.money_digits)
        said.reconciled(answer)
        differences = [
            *_compared("position", portfolio.positions, said.positions, _POSITION_FIELDS, asked.moved_positions),
            *_compared("order", portfolio.orders, said.orders, _ORDER_FIELDS, asked.moved_orders),
        ]
        return _Part(differences, changes=portfolio.reconciled(answer, asked) if self._correct else [])

    async def _check_trader(self, answering: Deferred[messages.ProtoOATraderRes]) -> _Part:
        trader = (await answering).trader
        portfolio = self._portfolio
        digits = trader.moneyDigits if trader.HasField("moneyDigits") else portfolio.money_digits
        said = money(trader.balance, digits)
        version = trader.balanceVersion if trader.HasField("balanceVersion") else None
        known = portfolio.balance_version
        differences = []
        if portfolio.balance != said and not (version is not None and known is not None and version < known):
            differences.append(Difference("account", self._account_id, "balance", portfolio.balance, said))
        return _Part(differences, changes=portfolio.trader(trader) if self._correct else [])

    async def _check_results(
        self,
        answering: Deferred[messages.ProtoOAGetPositionUnrealizedPnLRes],
        asked: Meanwhile,
    ) -> _Part:
        answer = await answering
        part = _Part([])
        for entry in answer.positionUnrealizedPnL:
            position = self._portfolio.positions.get(entry.positionId)
            if position is None or entry.positionId in asked.positions:
                continue
            believed = self._unrealised(position)
            if believed is None:
                part.unpriced.append(entry.positionId)
                continue
            for name, mine, theirs in (
                ("gross", believed.gross, money(entry.grossUnrealizedPnL, answer.moneyDigits)),
                ("net", believed.net, money(entry.netUnrealizedPnL, answer.moneyDigits)),
            ):
                if EXACT.abs(EXACT.subtract(mine, theirs)) > self._tolerance:
                    part.differences.append(Difference("position", entry.positionId, name, mine, theirs))
        return part


class _Part:
    """What one answer said."""

    def __init__(
        self, differences: list[Difference], *, changes: Iterable[Change] = (), failure: Failure | None = None
    ) -> None:
        self.differences = differences
        self.unpriced: list[int] = []
        self.changes = list(changes)
        self.failure = failure


def _as_it_is(failure: Failure) -> _Part:
    return _Part([], failure=failure)


def _compared(
    what: str,
    believed: Any,
    reported: Any,
    fields: Iterable[str],
    touched: Iterable[int],
) -> list[Difference]:
    """Compare what is known by id, but for what events have told of meanwhile."""
    newer = frozenset(touched)
    differences: list[Difference] = []
    for key in (*believed, *(key for key in reported if key not in believed)):
        mine: Position | PendingOrder | None = believed.get(key)
        theirs: Position | PendingOrder | None = reported.get(key)
        if key in newer:
            continue
        if mine is None or theirs is None:
            differences.append(Difference(what, key, "", mine, theirs))
            continue
        for name in fields:
            ours, said = getattr(mine, name), getattr(theirs, name)
            if ours != said:
                differences.append(Difference(what, key, name, ours, said))
    return differences
