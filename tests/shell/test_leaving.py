"""A request says when it leaves; until then, cancelling it keeps it from the server for certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted import messages
from ctrader_twisted.errors import OutcomeUnknown, RequestNotSent
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctrader_twisted import OpenApiClient
    from tests.conftest import LoggedErrors

LIMIT = 50


@pytest.fixture
def kit() -> Iterator[VenueKit]:
    with VenueKit() as kit:
        yield kit


@pytest.fixture
def client(kit: VenueKit) -> OpenApiClient:
    client = kit.ready_client(USD_ACCOUNT)
    kit.advance(2)  # what it asked for to begin with counts no longer
    return client


def order(name: str = "") -> messages.ProtoOANewOrderReq:
    return messages.ProtoOANewOrderReq(
        ctidTraderAccountId=USD_ACCOUNT, symbolId=1, orderType="MARKET", tradeSide="BUY", volume=100_000, label=name
    )


def made(kit: VenueKit) -> set[str]:
    ledger = kit.venue.exchange.desk(USD_ACCOUNT).ledger
    return {one.label for one in (*ledger.orders.values(), *ledger.past_orders.values())}


def test_it_is_told_once_when_it_leaves(kit: VenueKit, client: OpenApiClient) -> None:
    told: list[float] = []
    answered = client.request(order(), left=lambda: told.append(kit.clock.seconds()))
    assert told == []
    now = kit.clock.seconds()
    kit.clock.advance(0)
    assert told == [now]
    kit.settle(answered)
    kit.advance(5)
    assert told == [now]


def test_what_is_cancelled_before_it_leaves_never_does(kit: VenueKit, client: OpenApiClient) -> None:
    told: list[str] = []
    answered = client.request(order("never"), left=lambda: told.append("left"))
    other = client.request(order("other"), left=lambda: told.append("the other"))
    answered.cancel()
    with pytest.raises(RequestNotSent):
        kit.settle(answered)
    kit.settle(other)
    kit.advance(2)
    assert told == ["the other"] and made(kit) == {"other"}


def test_what_is_cancelled_afterwards_may_be_carried_out(kit: VenueKit, client: OpenApiClient) -> None:
    told: list[str] = []
    answered = client.request(order("perhaps"), left=lambda: told.append("left"))
    kit.clock.advance(0)
    answered.cancel()
    with pytest.raises(OutcomeUnknown):
        kit.settle(answered)
    kit.advance(2)
    assert told == ["left"] and made(kit) == {"perhaps"}


def test_each_is_told_in_its_turn_and_only_what_has_left(kit: VenueKit, client: OpenApiClient) -> None:
    told: list[int] = []
    answers = [client.request(order(str(number)), left=lambda n=number: told.append(n)) for number in range(LIMIT + 10)]
    kit.clock.advance(0)
    assert told == list(range(LIMIT))
    for answer in answers[LIMIT:]:
        answer.addErrback(lambda failure: failure.trap(RequestNotSent))
    answers[LIMIT].cancel()
    kit.advance(3)
    assert told == [*range(LIMIT), *range(LIMIT + 1, LIMIT + 10)]
    assert made(kit) == {str(number) for number in told}


def test_what_a_full_transport_holds_back_has_not_left(kit: VenueKit, client: OpenApiClient) -> None:
    told: list[str] = []
    connection: Any = client._factory._connection
    first = client.request(order("first"), left=lambda: told.append("first"))
    connection.pauseProducing()
    second = client.request(order("second"), left=lambda: told.append("second"))
    kit.clock.advance(0)
    assert told == []
    connection.resumeProducing()
    kit.settle(first)
    kit.settle(second)
    assert told == ["first", "second"]


def test_what_is_lost_with_the_connection_before_it_leaves_is_not_told(kit: VenueKit, client: OpenApiClient) -> None:
    told: list[str] = []
    answered = client.request(order("never"), left=lambda: told.append("left"))
    kit.network.cut()
    with pytest.raises(RequestNotSent):
        kit.settle(answered)
    kit.advance(10)
    assert told == [] and made(kit) == set()


def test_one_that_fails_is_logged_and_the_next_told(
    kit: VenueKit, client: OpenApiClient, logged_errors: LoggedErrors
) -> None:
    told: list[str] = []
    first = client.request(order("first"), left=lambda: told.append(str(1 // 0)))
    second = client.request(order("second"), left=lambda: told.append("second"))
    kit.settle(first)
    kit.settle(second)
    assert told == ["second"]
    assert len(logged_errors.flush(ZeroDivisionError)) == 1
