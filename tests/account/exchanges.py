"""What is said between client and venue, so that it can be cut: commands of every kind, and what each of them wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.market import Lots, Pips, Price
from ctrader_twisted.messages import ProtoOATimeInForce
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit
from tests.account.books import ledger_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctrader_twisted.account import Account, Order
    from ctrader_twisted.sim.trading.ledger import Ledger

EURUSD: Final = 1
TENTH: Final = Lots("0.1")
SATURDAY: Final = 1_772_884_800_000  # 2026-03-07 12:00 UTC
SOON: Final = 1.0
"""Seconds to wait for an answer, where one will not come."""


@dataclass
class Scene:
    """An account, and what was made ready in it."""

    kit: VenueKit
    account: Account
    position: int = 0
    order: Order | None = None

    @property
    def bid(self) -> Decimal:
        quote = self.kit.venue.exchange.quote(EURUSD)
        assert quote is not None
        return Decimal(quote.bid) / 100_000

    @property
    def ledger(self) -> Ledger:
        return ledger_of(self.kit, USD_ACCOUNT)

    @property
    def theirs(self) -> Any:
        """The position that was made ready, as the venue has it."""
        return self.ledger.positions[self.position]

    def away(self, points: int) -> Price:
        """A price so many 1/100000 from the bid."""
        return Price(self.bid + Decimal(points) / 100_000)


# What there is before


def nothing(scene: Scene) -> None:
    pass


def a_position(scene: Scene) -> None:
    order = scene.account.buy("EURUSD", Lots("0.3"), stop_loss=Pips(50), take_profit=Pips(80))
    scene.kit.settle(order.protected())
    assert order.position_id is not None
    scene.position = order.position_id


def a_bare_position(scene: Scene) -> None:
    order = scene.account.buy("EURUSD", Lots("0.3"))
    scene.kit.settle(order.filled())
    assert order.position_id is not None
    scene.position = order.position_id


def a_limit(scene: Scene) -> None:
    scene.order = scene.account.limit("buy", "EURUSD", TENTH, scene.away(-500), stop_loss=Pips(40))
    scene.kit.settle(scene.order.accepted())


def positions_and_orders(scene: Scene) -> None:
    a_position(scene)
    scene.kit.settle(scene.account.sell("EURUSD", TENTH).filled())
    a_limit(scene)
    scene.kit.settle(scene.account.stop("sell", "EURUSD", TENTH, scene.away(-700)).accepted())


def withheld(request: str, before: Callable[[Scene], None] = nothing) -> Callable[[Scene], None]:
    """The next command of a kind is carried out and not answered; the connection lives."""

    def ready(scene: Scene) -> None:
        before(scene)
        scene.kit.play("drop_answers", request=request)

    return ready


def nameless(before: Callable[[Scene], None] = nothing) -> Callable[[Scene], None]:
    """No execution event carries the message id of who asked: no answer is known for one."""

    def ready(scene: Scene) -> None:
        before(scene)
        exchange = scene.kit.venue.exchange
        tell = exchange.tell

        def tell_without(account_id: int, event: Any, cause: Any = None, **_: Any) -> None:
            tell(account_id, event, cause, with_id=False)

        exchange.tell = tell_without  # type: ignore[method-assign]

    return ready


# Orders that open


def market(scene: Scene) -> Any:
    return scene.account.buy("EURUSD", TENTH)


def market_with_levels(scene: Scene) -> Any:
    return scene.account.sell("EURUSD", TENTH, stop_loss=Pips(30), take_profit=Pips(60))


def market_with_prices(scene: Scene) -> Any:
    """Two exchanges: the levels are sent as distances, and set exactly when it is filled."""
    return scene.account.buy("EURUSD", TENTH, stop_loss=scene.away(-400), take_profit=scene.away(700))


def market_trailing(scene: Scene) -> Any:
    return scene.account.buy("EURUSD", TENTH, stop_loss=Pips(2), trailing=True)


def market_on_open(scene: Scene) -> Any:
    return scene.account.buy("EURUSD", TENTH, time_in_force=ProtoOATimeInForce.MARKET_ON_OPEN)


def market_range(scene: Scene) -> Any:
    return scene.account.market_range("buy", "EURUSD", TENTH, slippage=Pips(5), price=Price(scene.bid))


def increase(scene: Scene) -> Any:
    return scene.account.buy("EURUSD", TENTH, position=scene.position)


def limit(scene: Scene) -> Any:
    return scene.account.limit("buy", "EURUSD", TENTH, scene.away(-400), take_profit=Pips(30))


def limit_at_once(scene: Scene) -> Any:
    at_once = ProtoOATimeInForce.IMMEDIATE_OR_CANCEL
    return scene.account.limit("buy", "EURUSD", TENTH, scene.away(200), time_in_force=at_once)


def stop(scene: Scene) -> Any:
    return scene.account.stop("sell", "EURUSD", TENTH, scene.away(-400), stop_loss=Pips(30))


def stop_limit(scene: Scene) -> Any:
    return scene.account.stop_limit("buy", "EURUSD", TENTH, scene.away(400), slippage=Pips(3))


def two_orders(scene: Scene) -> Any:
    return [market(scene), limit(scene)]


def market_answered_soon(scene: Scene) -> Any:
    return scene.account.buy("EURUSD", TENTH, timeout=SOON)


def limit_answered_soon(scene: Scene) -> Any:
    return scene.account.limit("buy", "EURUSD", TENTH, scene.away(-400), timeout=SOON)


# Orders that close


def close(scene: Scene) -> Any:
    return scene.account.close(scene.position)


def close_a_part(scene: Scene) -> Any:
    return scene.account.close(scene.position, TENTH)


def close_two_parts(scene: Scene) -> Any:
    """Two that nothing tells apart: a closing order has no id of ours."""
    return [close_a_part(scene), close_a_part(scene)]


def close_answered_soon(scene: Scene) -> Any:
    return scene.account.close(scene.position, TENTH, timeout=SOON)


def reverse(scene: Scene) -> Any:
    return scene.account.reverse(scene.position, stop_loss=Pips(40))


def close_and_open(scene: Scene) -> Any:
    return [close(scene), market(scene)]


# Commands


def set_levels(scene: Scene) -> Any:
    return scene.account.set_levels(scene.position, stop_loss=scene.away(-700), take_profit=None)


def set_levels_answered_soon(scene: Scene) -> Any:
    return scene.account.set_levels(scene.position, stop_loss=scene.away(-700), take_profit=None, timeout=SOON)


def drop_levels(scene: Scene) -> Any:
    return scene.account.set_levels(scene.position, stop_loss=None, take_profit=None)


def trail(scene: Scene) -> Any:
    return scene.account.trail(scene.position, Pips(2))


def cancel(scene: Scene) -> Any:
    assert scene.order is not None
    return scene.order.cancel()


def cancel_answered_soon(scene: Scene) -> Any:
    assert scene.order is not None
    return scene.account.cancel(scene.order, timeout=SOON)


def amend(scene: Scene) -> Any:
    assert scene.order is not None
    return scene.order.amend(price=scene.away(-600), volume=Lots("0.2"))


def amend_answered_soon(scene: Scene) -> Any:
    assert scene.order is not None
    return scene.account.amend(scene.order, price=scene.away(-600), volume=Lots("0.2"), timeout=SOON)


def flatten(scene: Scene) -> Any:
    return scene.account.flatten()


def order_and_flatten(scene: Scene) -> Any:
    """What has just left is to be closed, too."""
    market(scene)
    return scene.account.flatten()


# What a command wants, as the venue's book has it


def has_no_take_profit(scene: Scene) -> bool:
    return scene.theirs.take_profit is None


def has_no_levels(scene: Scene) -> bool:
    return (scene.theirs.stop_loss, scene.theirs.take_profit) == (None, None)


def trails(scene: Scene) -> bool:
    return bool(scene.theirs.trailing)


def is_cancelled(scene: Scene) -> bool:
    assert scene.order is not None
    return scene.order.order_id not in scene.ledger.orders


def is_amended(scene: Scene) -> bool:
    assert scene.order is not None and scene.order.order_id is not None
    return scene.ledger.orders[scene.order.order_id].volume == 2_000_000


def is_flat(scene: Scene) -> bool:
    return not scene.ledger.open_positions() and not scene.ledger.orders


@dataclass(frozen=True)
class Exchange:
    """A command and what it is given in.

    :ivar ready: makes ready what there is before.
    :ivar act: gives the command: an order, several, or a Deferred.
    :ivar wanted: says whether what a command that is no order wanted is so.
    :ivar options: of the venue.
    :ivar start: its time, ms UTC; None for its own.
    """

    ready: Callable[[Scene], None]
    act: Callable[[Scene], Any]
    wanted: Callable[[Scene], bool] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    start: int | None = None


_NEW, _CLOSE, _CANCEL, _AMEND, _LEVELS = (
    "ProtoOANewOrderReq",
    "ProtoOAClosePositionReq",
    "ProtoOACancelOrderReq",
    "ProtoOAAmendOrderReq",
    "ProtoOAAmendPositionSLTPReq",
)

EXCHANGES: Final[dict[str, Exchange]] = {
    "market": Exchange(nothing, market),
    "market with levels": Exchange(nothing, market_with_levels),
    "market with prices": Exchange(nothing, market_with_prices),
    "market trailing": Exchange(nothing, market_trailing),
    "market on open": Exchange(nothing, market_on_open, start=SATURDAY),
    "market range": Exchange(nothing, market_range),
    "increase": Exchange(a_position, increase),
    "limit": Exchange(nothing, limit),
    "limit at once": Exchange(nothing, limit_at_once),
    "stop": Exchange(nothing, stop),
    "stop limit": Exchange(nothing, stop_limit),
    "two orders": Exchange(nothing, two_orders),
    "close": Exchange(a_position, close),
    "close bare": Exchange(a_bare_position, close),
    "close a part": Exchange(a_position, close_a_part),
    "close two parts": Exchange(a_position, close_two_parts),
    "close and open": Exchange(a_position, close_and_open),
    "reverse": Exchange(a_position, reverse),
    "set levels": Exchange(a_position, set_levels, has_no_take_profit),
    "drop levels": Exchange(a_position, drop_levels, has_no_levels),
    "trail": Exchange(a_position, trail, trails),
    "cancel": Exchange(a_limit, cancel, is_cancelled),
    "amend": Exchange(a_limit, amend, is_amended),
    "flatten": Exchange(positions_and_orders, flatten, is_flat),
    "flatten what leaves": Exchange(a_position, order_and_flatten, is_flat),
    # The connection lives, and the answer is lost.
    "market withheld": Exchange(withheld(_NEW), market_answered_soon),
    "limit withheld": Exchange(withheld(_NEW), limit_answered_soon),
    "close withheld": Exchange(withheld(_CLOSE, a_position), close_answered_soon),
    "set levels withheld": Exchange(withheld(_LEVELS, a_position), set_levels_answered_soon, has_no_take_profit),
    "cancel withheld": Exchange(withheld(_CANCEL, a_limit), cancel_answered_soon, is_cancelled),
    "amend withheld": Exchange(withheld(_AMEND, a_limit), amend_answered_soon, is_amended),
    # The answer comes, and nothing tells that it is one.
    "market nameless": Exchange(nameless(), market_answered_soon),
    "limit nameless": Exchange(nameless(), limit_answered_soon),
    "close nameless": Exchange(nameless(a_position), close_answered_soon),
    "cancel nameless": Exchange(nameless(a_limit), cancel_answered_soon, is_cancelled),
    "market told twice": Exchange(nothing, market_with_levels, None, {"uncorrelated_copies": True}),
    "market accepted alone": Exchange(nothing, market_with_levels, None, {"fills_carry_id": False}),
}
