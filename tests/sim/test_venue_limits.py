from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.sim import Limits, Options
from ctrader_twisted.sim.limits import HISTORICAL, Budget
from ctrader_twisted.sim.testing import EUR_ACCOUNT, NotSettled, VenueKit
from ctrader_twisted.wire import catalogue, codec
from tests.sim.venues import EURUSD, of_account, with_account, with_application

TRADER, BARS, DEALS, ASSETS = 2121, 2137, 2133, 2112


def burst(client, *requests):
    """Send requests in one write; give the error codes, "" for an answer."""
    client.take()
    client.send_envelope(*(codec.pack(request, str(number)) for number, request in enumerate(requests)))
    answers = sorted((int(one.client_msg_id), codec.unpack(one)) for one in client.received)
    client.take()
    assert [number for number, _ in answers] == list(range(len(requests)))
    return [getattr(answer, "errorCode", "") for _, answer in answers], [answer for _, answer in answers]


# ---------------------------------------------------------------------------------------------------- arithmetic


def test_no_second_holds_more_than_the_limit():
    budget = Budget(Limits(general=3, historical=2))
    assert [budget.spend(TRADER, at) for at in (0.0, 0.4, 0.8)] == [None, None, None]
    assert budget.spend(TRADER, 0.9) == 1.0
    assert budget.spend(TRADER, 1.4) == pytest.approx(0.5)  # blocked, and asking does not prolong it
    assert budget.spend(TRADER, 1.9) is None
    assert budget.spend(TRADER, 1.9) is None


def test_a_blocked_type_blocks_no_other():
    budget = Budget(Limits(general=2, block=5.0))
    assert [budget.spend(TRADER, 0.0) for _ in range(3)] == [None, None, 5.0]
    assert budget.spend(ASSETS, 1.0) is None
    assert budget.spend(TRADER, 4.9) == pytest.approx(0.1)
    assert budget.spend(TRADER, 5.0) is None


def test_historical_requests_count_for_themselves():
    budget = Budget(Limits(general=1, historical=2))
    assert [budget.spend(number, 0.0) for number in (BARS, DEALS, TRADER)] == [None, None, None]
    assert budget.spend(DEALS, 0.5) == 1.0
    assert budget.spend(BARS, 0.5) == 1.0
    assert BARS in HISTORICAL and TRADER not in HISTORICAL


@pytest.mark.parametrize("number", sorted(HISTORICAL))
def test_the_venue_counts_as_historical_what_is_a_request(number):
    assert number in catalogue.REQUESTS


@given(st.lists(st.floats(0, 0.5), max_size=80), st.integers(1, 4), st.sampled_from([0.0, 1.0, 3.0]))
def test_whatever_is_asked_when_no_span_of_a_second_holds_more_than_the_limit(pauses, limit, block):
    budget, now, answered = Budget(Limits(general=limit, block=block)), 0.0, []
    for pause in pauses:
        now += pause
        wait = budget.spend(TRADER, now)
        if wait is None:
            answered.append(now)
        else:
            assert 0 <= wait <= block
    for at in answered:
        assert sum(at - 1 + 1e-6 < other <= at for other in answered) <= limit


def test_no_limit_is_none():
    budget = Budget(Limits(general=0, historical=0))
    assert not any(budget.spend(number, 0.0) for number in (TRADER, BARS) for _ in range(1_000))


# ------------------------------------------------------------------------------------------------------- on the wire


def test_fifty_in_a_second_are_answered_and_the_next_is_blocked():
    with VenueKit() as kit:
        client = with_account(kit)
        kit.advance(1)
        codes, answers = burst(client, *[of_account("Trader")] * 51, of_account("AssetList"))
        assert codes == [""] * 50 + ["BLOCKED_PAYLOAD_TYPE"] * 2
        assert type(answers[50]) is messages.ProtoOAErrorRes
        assert answers[50].retryAfter == 1
        kit.advance(0.9)
        assert burst(client, of_account("Trader"), of_account("AssetClassList"))[0] == ["BLOCKED_PAYLOAD_TYPE"] * 2
        kit.advance(1.0)
        assert burst(client, of_account("Trader"), of_account("AssetList"))[0] == ["", ""]


def test_five_historical_requests_in_a_second():
    with VenueKit(limits=Limits(block=2.5)) as kit:
        client = with_account(kit)
        bars = of_account("GetTrendbars", symbolId=EURUSD, period=1, count=1)
        codes, answers = burst(client, *[bars] * 6, of_account("DealList"), of_account("Trader"))
        assert codes == [""] * 5 + ["BLOCKED_PAYLOAD_TYPE", "BLOCKED_PAYLOAD_TYPE", ""]
        assert answers[5].retryAfter == 3  # whole seconds, and never too short
        kit.advance(2.4)
        codes, answers = burst(client, bars)
        assert (codes, answers[0].retryAfter) == (["BLOCKED_PAYLOAD_TYPE"], 1)
        kit.advance(0.1)
        assert burst(client, bars)[0] == [""]


def test_the_other_code_for_a_breach_is_an_option():
    with VenueKit(limits=Limits(general=3, code="REQUEST_FREQUENCY_EXCEEDED")) as kit:
        client = with_application(kit)
        kit.advance(1)
        codes, answers = burst(client, *[messages.ProtoOAVersionReq()] * 4)
        assert codes == ["", "", "", "REQUEST_FREQUENCY_EXCEEDED"]
        assert not answers[-1].HasField("retryAfter")
        kit.advance(1)
        assert burst(client, messages.ProtoOAVersionReq())[0] == [""]


def test_each_connection_has_a_budget_of_its_own_and_heartbeats_cost_nothing():
    with VenueKit(limits=Limits(general=3)) as kit:
        first, second = with_account(kit), with_account(kit)
        for _ in range(100):
            first.send(messages.ProtoHeartbeatEvent())
        for client in (first, second):
            assert burst(client, of_account("Trader"), of_account("Trader"))[0] == ["", "BLOCKED_PAYLOAD_TYPE"]


# -------------------------------------------------------------------------------------------------------- keeping up


def heartbeats(client):
    return len(client.take(messages.ProtoHeartbeatEvent))


def test_the_venue_sends_a_heartbeat_when_it_has_nothing_else_to_say():
    with VenueKit(options=Options(inactivity=0)) as kit:
        client = with_application(kit)
        kit.advance(24.9)
        assert heartbeats(client) == 0
        kit.advance(0.1)
        assert heartbeats(client) == 1
        kit.advance(10)
        assert client.ask(messages.ProtoOAVersionReq())  # so the next one is put off
        kit.advance(24.9)
        assert heartbeats(client) == 0
        kit.advance(50.1)
        assert heartbeats(client) == 3


def test_a_busy_connection_needs_no_heartbeat():
    with VenueKit(options=Options(inactivity=0)) as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        kit.advance(120)
        assert heartbeats(client) == 0


def test_by_option_heartbeats_come_whatever_else_is_said():
    with VenueKit(options=Options(inactivity=0, busy_heartbeats=True, heartbeat=10)) as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        kit.advance(9.9)
        assert heartbeats(client) == 0
        kit.advance(50.2)
        assert heartbeats(client) == 6


@pytest.mark.parametrize("inactivity", [35.0, 10.0])
def test_a_silent_client_is_disconnected(inactivity):
    with VenueKit(options=Options(inactivity=inactivity)) as kit:
        client = with_application(kit)
        kit.advance(inactivity - 0.1)
        assert client.lost is None
        client.send(messages.ProtoHeartbeatEvent())  # anything will do
        kit.advance(inactivity - 0.1)
        assert client.lost is None
        kit.advance(0.1)
        assert client.lost is not None


def test_a_client_that_never_says_anything_is_disconnected():
    with VenueKit() as kit:
        client = kit.wire_client()
        kit.advance(40)
        assert client.lost is not None
        assert not kit.venue.conversations


def test_neither_is_done_where_it_is_switched_off():
    with VenueKit(options=Options(inactivity=0, heartbeat=0)) as kit:
        client = with_application(kit)
        assert not kit.clock.getDelayedCalls()
        kit.advance(10_000)
        assert client.lost is None and not client.received


def test_a_request_that_is_not_answered_is_told_so_by_the_kit():
    with VenueKit() as kit:
        client = with_account(kit)
        (talk,) = kit.venue.conversations.values()
        talk.silence.begin()
        with pytest.raises(NotSettled, match="ProtoOATraderReq was not answered within 3 s"):
            client.ask(of_account("Trader"), within=3)
        assert EUR_ACCOUNT in talk.sessions
