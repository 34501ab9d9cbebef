"""More accounts than may be authorised in a second, and a venue that counts: all stand as soon as the limits allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted import AccountState, Resynchronised, messages
from ctrader_twisted.session.pacing import GUARD
from ctrader_twisted.sim.accounts import Grant, TradingAccount
from ctrader_twisted.sim.testing import VenueKit
from ctrader_twisted.wire import catalogue, codec
from tests.healing.world import SlowFeed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ctrader_twisted import Envelope, OpenApiClient
    from ctrader_twisted.wire.envelope import Burst

ACCOUNTS = tuple(range(1_000_001, 1_000_121))
LIMIT = 50
TOKEN = "the-access-token"
AUTH = messages.ProtoOAAccountAuthReq
ORDER = messages.ProtoOANewOrderReq


class Ear:
    """Hears when each request leaves, and what is refused."""

    def __init__(self) -> None:
        self.sent_at: list[tuple[int, float, Envelope]] = []
        self.refusals: list[Any] = []

    def sent(self, connection: int, envelopes: Sequence[Envelope], at: float) -> None:
        self.sent_at += [(connection, at, each) for each in envelopes if each.payload_type != catalogue.HEARTBEAT]

    def received(self, connection: int, items: Sequence[Envelope | Burst], at: float) -> None:
        self.refusals += [codec.unpack(each) for each in items if each.payload_type in catalogue.ERRORS]

    def opened(self, *_: Any) -> None: ...

    ended = unreadable = failed = opened

    def times(self, connection: int, *classes: type[Any]) -> list[float]:
        """When requests of these classes left, or all."""
        numbers = {catalogue.payload_type(cls) for cls in classes}
        return [
            at
            for number, at, envelope in self.sent_at
            if number == connection and (not numbers or envelope.payload_type in numbers)
        ]

    def check_limit(self, connection: int) -> None:
        times = self.times(connection)
        assert len(times) > LIMIT
        for first, beyond in zip(times, times[LIMIT:], strict=False):
            assert beyond - first > 1.0


def as_fast_as_allowed(count: int, since: float) -> Iterator[float]:
    """When so many requests leave of which nothing but the application's authorisation came before."""
    for place in range(1, count + 1):
        yield since + place // LIMIT * (1 + GUARD)


def all_stand(client: OpenApiClient) -> bool:
    return all(client.account_state(one) is AccountState.AUTHORISED for one in ACCOUNTS)


def test_a_hundred_and_twenty_accounts_stand_again_within_the_limits() -> None:
    ear = Ear()
    with VenueKit(
        feed=SlowFeed(),
        accounts=[TradingAccount(one, one + 1_000_000) for one in ACCOUNTS],
        grants=[Grant(ACCOUNTS, TOKEN, "the-refresh-token")],
    ) as kit:
        client = kit.client(tap=ear)
        told: list[Resynchronised] = []
        client.on(Resynchronised, told.append)
        for one in ACCOUNTS:
            client.authorise(one, TOKEN)
        began = kit.clock.seconds()
        kit.advance(10.0)
        assert ear.times(1, AUTH) == pytest.approx(list(as_fast_as_allowed(len(ACCOUNTS), began)))
        assert all_stand(client)
        for one in ACCOUNTS:
            client.subscribe_spots(ctidTraderAccountId=one, symbolId=[1])
        kit.advance(10.0)
        assert all(client.subscriptions(one) for one in ACCOUNTS)

        kit.cut()
        kit.advance(5.0)
        began = ear.times(2)[0]
        assert kit.clock.seconds() - began < 10.0
        kit.advance(60.0)
        ear.check_limit(1)
        ear.check_limit(2)
        assert ear.times(2, AUTH) == pytest.approx(list(as_fast_as_allowed(len(ACCOUNTS), began)))
        # Each is authorised, reconciled and subscribed: 361 requests with the application's, 50 at a time.
        assert len(ear.times(2)) == 1 + 3 * len(ACCOUNTS)
        assert ear.times(2)[-1] == pytest.approx(began + 7 * (1 + GUARD))
        assert all_stand(client)
        assert sorted(each.account_id for each in told) == list(ACCOUNTS)
        assert all(len(each.renewed) == 1 and each.unreconciled is None for each in told)
        assert ear.refusals == []


def test_an_order_does_not_wait_until_all_accounts_stand() -> None:
    ear = Ear()
    with VenueKit(
        feed=SlowFeed(),
        accounts=[TradingAccount(one, one + 1_000_000) for one in ACCOUNTS],
        grants=[Grant(ACCOUNTS, TOKEN, "the-refresh-token")],
    ) as kit:
        client = kit.client(tap=ear)
        for one in ACCOUNTS:
            client.authorise(one, TOKEN)
        kit.advance(0.5)
        assert client.account_state(ACCOUNTS[0]) is AccountState.AUTHORISED
        assert client.account_state(ACCOUNTS[-1]) is AccountState.UNAUTHORISED
        began = ear.times(1)[0]
        order = ORDER(ctidTraderAccountId=ACCOUNTS[0], symbolId=1, orderType=1, tradeSide=1, volume=100_000)
        client.request(order).addErrback(lambda _: None)
        kit.advance(10.0)
        assert ear.times(1, ORDER) == pytest.approx([began + 1 + GUARD])
        assert all_stand(client)
        ear.check_limit(1)
