"""The keywords of orders: listed and described where they are looked for, and a wrong one is refused."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.account import Account, Order
from ctrader_twisted.errors import OrderNotPlaced
from ctrader_twisted.market import Lots, Pips, Price
from ctrader_twisted.messages import ProtoOAOrderType, ProtoOATimeInForce
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

METHODS = ("buy", "sell", "market", "market_range", "limit", "stop", "stop_limit")
COMMON = {
    "stop_loss",
    "take_profit",
    "trailing",
    "guaranteed",
    "position",
    "rounding",
    "label",
    "comment",
    "client_order_id",
    "timeout",
}
OWN = {
    "buy": {"time_in_force"},
    "sell": {"time_in_force"},
    "market": {"time_in_force"},
    "market_range": {"slippage", "price"},
    "limit": {"time_in_force", "expires"},
    "stop": {"trigger", "expires"},
    "stop_limit": {"trigger", "expires", "slippage"},
}


@pytest.fixture
def account() -> Iterator[Account]:
    with VenueKit() as kit:
        yield kit.client().account(USD_ACCOUNT)


@pytest.mark.parametrize("name", METHODS)
def test_help_lists_every_keyword_and_describes_it_once(name: str) -> None:
    method = getattr(Account, name)
    keywords = {
        one.name for one in inspect.signature(method).parameters.values() if one.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert keywords == COMMON | OWN[name]
    doc = inspect.getdoc(method) or ""
    for keyword in keywords - {"slippage"}:  # told in its first sentence
        assert doc.count(f":param {keyword}:") == 1, keyword
    assert "nearest" in doc, "a description of two lines is there with both"


def test_each_order_that_waits_describes_its_own_time_in_force() -> None:
    assert "MARKET_ON_OPEN" in (Account.market.__doc__ or "") and "MARKET_ON_OPEN" not in (Account.limit.__doc__ or "")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda account: account.buy("EURUSD", Lots(1), stoploss=None),
            r"buy\(\) takes no stoploss: did you mean stop_loss",
        ),
        (lambda account: account.stop("buy", "EURUSD", Lots(1), Price(1), trigered=1), "did you mean trigger"),
        (lambda account: account.market_range("buy", "EURUSD", Lots(1), slippage=None, trigger=1), "takes no trigger"),
        (lambda account: account.amend(5, limit_price=1), "amend.. takes no limit_price"),
        (lambda account: account.buy("EURUSD", Lots(1), xyz=1), "it takes amount, client_order_id"),
    ],
)
def test_a_keyword_that_there_is_not_is_refused_with_the_nearest(
    account: Account, call: Callable[[Any], object], words: str
) -> None:
    with pytest.raises(TypeError, match=words):
        call(account)


def test_defaults_are_those_that_count() -> None:
    parameters = inspect.signature(Order.amend).parameters
    assert repr(parameters["take_profit"].default) == "<Keep.KEEP: 'keep'>" and parameters["price"].default is None
    assert inspect.signature(Account.buy).parameters["rounding"].default == "refuse"


@pytest.mark.parametrize(("what", "most"), [("label", 100), ("comment", 512), ("client_order_id", 50)])
def test_a_text_that_the_server_would_find_too_long_is_refused(account: Account, what: str, most: int) -> None:
    account.buy("EURUSD", Lots(1), **{what: "x" * most})  # type: ignore[misc]
    with pytest.raises(ValueError, match=str(most)):
        account.buy("EURUSD", Lots(1), **{what: "x" * (most + 1)})  # type: ignore[misc]


def test_an_order_has_one_time_in_force() -> None:
    with VenueKit() as kit:
        account = kit.settle(kit.ready_client(USD_ACCOUNT).account(USD_ACCOUNT).ready())
        order = account.limit(
            "buy",
            "EURUSD",
            Lots("0.1"),
            Price("1.05"),
            expires=datetime(2026, 3, 5, tzinfo=UTC),
            time_in_force=ProtoOATimeInForce.IMMEDIATE_OR_CANCEL,
        )
        with pytest.raises(OrderNotPlaced, match="leave one of the two out"):
            kit.settle(order.accepted())


def test_an_order_says_what_was_asked_for_before_its_symbol_is_known(account: Account) -> None:
    assert "BUY 0.1 lots EURUSD" in repr(account.buy("EURUSD", Lots("0.1")))
    assert "SELL all" in repr(account.close(5))


# Units


@pytest.mark.parametrize(
    "call",
    [
        lambda account: account.limit("buy", "EURUSD", Lots(1), 1.05),
        lambda account: account.limit("buy", "EURUSD", Lots(1), "1.05"),
        lambda account: account.limit("buy", "EURUSD", Lots(1), Pips(20)),
        lambda account: account.stop("buy", "EURUSD", Lots(1), 1.08),
        lambda account: account.market_range("buy", "EURUSD", Lots(1), slippage=2),
        lambda account: account.market_range("buy", "EURUSD", Lots(1), slippage=Pips(2), price=1.0673),
        lambda account: account.buy("EURUSD", Lots(1), stop_loss=20),
        lambda account: account.buy("EURUSD", Lots(1), take_profit=Lots(1)),
        lambda account: account.close(1, 0.05),
        lambda account: account.set_levels(1, stop_loss=1.05),
        lambda account: account.trail(1, 20),
        lambda account: account.amend(1, price=1.05),
        lambda account: account.amend(1, volume=0.1),
    ],
)
def test_a_number_without_its_unit_is_refused_where_it_is_given(
    account: Account, call: Callable[[Account], object]
) -> None:
    with pytest.raises(TypeError, match=r"unit.*: write (Price|Pips|Lots)\("):
        call(account)
    assert account.orders == ()


@pytest.mark.parametrize(
    "call", [lambda account: account.close("EURUSD"), lambda account: account.trail(None, Pips(1))]
)
def test_what_is_no_position_is_refused_where_it_is_given(account: Account, call: Callable[[Account], object]) -> None:
    with pytest.raises(TypeError, match="one of account.positions"):
        call(account)


def test_an_account_s_id_is_a_number() -> None:
    with VenueKit() as kit, pytest.raises(TypeError, match="'1000002': it is a number"):
        kit.client().account("1000002")  # type: ignore[arg-type]


def test_a_position_and_a_working_order_name_their_side() -> None:
    with VenueKit() as kit:
        account = kit.settle(kit.ready_client(USD_ACCOUNT).account(USD_ACCOUNT).ready())
        position = kit.settle(account.sell("EURUSD", Lots("0.1")).protected())
        order = account.limit("buy", "EURUSD", Lots("0.1"), Price("1.0100"))
        kit.settle(order.accepted())
        (pending,) = account.pending.values()
        assert (position.side.name, pending.side.name) == ("SELL", "BUY")
        assert isinstance(pending.order_type, ProtoOAOrderType) and pending.order_type.name == "LIMIT"
        half = kit.settle(account.symbol("EURUSD")).lots(position.volume) / 2
        assert kit.settle(account.close(position, half).filled()).lots == Lots("0.05")
