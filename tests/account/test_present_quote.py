"""What an account may trade, and what it costs now: names without details, one quote without a feed."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError

from ctrader_twisted import messages
from ctrader_twisted.errors import ClientClosed, OrderNotPlaced, ServerError, UnknownSymbol
from ctrader_twisted.market import Lots, Quote
from ctrader_twisted.messages import ProtoOASpotEvent
from ctrader_twisted.sim.answers import ANSWERS
from ctrader_twisted.sim.answers.refusal import Refusal
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit
from tests.account.live_desks import USDJPY, Desk, ms, price
from tests.sim.trading.staged import stage
from tests.sim.venues import EURUSD


@pytest.fixture
def kit() -> Any:
    with VenueKit() as made:
        yield made


@pytest.fixture
def desk(kit: VenueKit) -> Desk:
    return Desk(kit)


@pytest.fixture
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A venue that takes subscriptions to spots and tells none."""
    scope, _ = ANSWERS[messages.ProtoOASubscribeSpotsReq]
    done = messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=USD_ACCOUNT)
    monkeypatch.setitem(ANSWERS, messages.ProtoOASubscribeSpotsReq, (scope, lambda session, request: done))


# Names


def test_the_symbols_are_those_that_may_be_traded_by_the_brokers_names(kit: VenueKit) -> None:
    account = kit.ready_client(USD_ACCOUNT).account(USD_ACCOUNT)
    assert account.symbols == ()
    kit.settle(account.ready())
    known = [one for one in HOUSE.instruments if one.enabled]
    assert account.symbols == tuple(one.name for one in known) and len(known) < len(HOUSE.instruments)


# One quote


def test_a_quote_has_both_sides_and_leaves_nothing_subscribed(desk: Desk) -> None:
    quote = desk.settle(desk.account.quote("usdjpy"))
    there = desk.kit.venue.exchange.quote(USDJPY)
    assert there is not None
    assert quote == Quote(USDJPY, price(there.bid), price(there.ask), quote.timestamp)
    assert str(quote.bid).endswith(f"{there.bid / 100_000:.3f}"), "in the symbol's own digits"
    desk.kit.advance(1)
    assert desk.standing() == desk.served() == set()


def test_what_is_subscribed_stays_so_and_is_known_at_once(desk: Desk) -> None:
    feed = desk.settle(desk.live.quotes("EURUSD"))
    sent = desk.requests()
    quote = desk.settle(desk.account.quote("EURUSD"), 0.5)
    assert quote == feed.latest["EURUSD"]
    desk.kit.advance(1)
    assert sent == [] and desk.standing() == desk.served() == {("spots", EURUSD, None)}


def test_where_figures_have_subscribed_it_is_known_at_once(desk: Desk) -> None:
    desk.settle(desk.account.buy("EURUSD", Lots("0.1")).filled())
    desk.settle(desk.account.priced())
    quote = desk.settle(desk.account.quote("EURUSD"), 0.5)
    assert quote.bid is not None and quote.ask is not None
    desk.kit.advance(1)
    assert ("spots", EURUSD, None) in desk.served()


def test_two_at_once_are_both_told(desk: Desk) -> None:
    first, second = desk.account.quote("EURUSD"), desk.account.quote("EURUSD")
    assert desk.settle(first).bid is not None and desk.settle(second).ask is not None
    desk.kit.advance(1)
    assert desk.standing() == desk.served() == set()


@pytest.mark.usefixtures("_silent")
@pytest.mark.parametrize("first", ["bid", "ask"])
def test_a_quote_of_one_side_is_not_enough(desk: Desk, first: str) -> None:
    (conversation,) = desk.kit.venue.conversations.values()
    told = {"bid": 110_000, "ask": 110_010}
    quotes = desk.account.quote("EURUSD")
    for side in (first, *told.keys() - {first}):
        desk.kit.advance(1)
        assert not quotes.called
        spot = ProtoOASpotEvent(ctidTraderAccountId=USD_ACCOUNT, symbolId=EURUSD)
        setattr(spot, side, told[side])
        conversation.push_message(spot)
    assert desk.settle(quotes) == Quote(EURUSD, price(110_000), price(110_010), None)


def test_a_market_that_is_closed_has_its_last_quote() -> None:
    with VenueKit(start=ms("2026-03-07T12:00")) as kit:
        desk = Desk(kit)
        assert not kit.venue.feed.is_open(EURUSD, kit.venue.now())
        quote = desk.settle(desk.account.quote("EURUSD"))
        assert quote.bid is not None and quote.ask is not None


@pytest.mark.usefixtures("_silent")
def test_a_quote_that_does_not_come_is_not_waited_for_forever(desk: Desk) -> None:
    with pytest.raises(OrderNotPlaced, match="no quote of EURUSD with both sides came within 3 s"):
        desk.settle(desk.account.quote("EURUSD", within=3))
    desk.kit.advance(1)
    assert desk.standing() == set()


def test_a_quote_is_waited_for_through_a_loss(desk: Desk) -> None:
    desk.kit.refuse_connections()
    desk.kit.cut()
    quotes = desk.account.quote("EURUSD", within=60)
    desk.kit.advance(5)
    assert not quotes.called
    desk.kit.accept_connections()
    assert desk.settle(quotes).bid is not None
    desk.kit.advance(1)
    assert desk.standing() == desk.served() == set()


def test_what_can_not_be_quoted_says_why(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownSymbol):
        desk.settle(desk.account.quote("EURUSX"))

    def refuse(session: Any, request: Any) -> Any:
        raise Refusal("SYMBOL_NOT_FOUND", "No such symbol")

    scope, _ = ANSWERS[messages.ProtoOASubscribeSpotsReq]
    monkeypatch.setitem(ANSWERS, messages.ProtoOASubscribeSpotsReq, (scope, refuse))
    with pytest.raises(ServerError, match="SYMBOL_NOT_FOUND"):
        desk.settle(desk.account.quote("EURUSD"))


def test_given_up_it_leaves_nothing_subscribed(desk: Desk) -> None:
    quotes = desk.account.quote("EURUSD")
    quotes.cancel()
    with pytest.raises(CancelledError):
        desk.settle(quotes)
    desk.kit.advance(5)
    assert desk.standing() == desk.served() == set()


@pytest.mark.usefixtures("_silent")
def test_closed_meanwhile_it_says_so(desk: Desk) -> None:
    quotes = desk.account.quote("EURUSD")
    desk.kit.advance(1)
    desk.settle(desk.client.close())
    with pytest.raises(ClientClosed):
        desk.settle(quotes)


def test_one_staged_quote_is_exact() -> None:
    with stage((-1, 110_000, 110_010), changes={"digits": 4, "start_price": 114_820}) as kit:
        desk = Desk(kit)
        quote = desk.settle(desk.account.quote("EURUSD"))
        assert (str(quote.bid), str(quote.ask)) == ("1.1000", "1.1001")
