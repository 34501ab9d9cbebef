"""A recorded session played to a fresh client: it hears the same."""

from __future__ import annotations

import math
import random
import re
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import Message
from twisted.internet.task import Clock

from ctrader_twisted import (
    AccountChanged,
    Disconnected,
    OpenApiClient,
    Problem,
    Ready,
    Resynchronised,
    messages,
)
from ctrader_twisted.errors import ServerError, TruncatedFrame
from ctrader_twisted.flight import Failed, FlightRecorder, Header, Opened, ReplayVenue, Said, read, select
from ctrader_twisted.flight.format import Unreadable
from ctrader_twisted.flight.venue import _nonsense
from ctrader_twisted.sim import script
from ctrader_twisted.sim.memory import Network
from ctrader_twisted.sim.testing import ACCESS_TOKEN, EUR_ACCOUNT, USD_ACCOUNT, VenueKit, WireClient
from ctrader_twisted.sim.weather import KINDS, NEED_REFRESH, weather
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ctrader_twisted.flight import Entry

HEARD = (Message, Ready, Disconnected, AccountChanged, Resynchronised, Problem)


def session(
    kit: VenueKit,
    behave: Callable[[VenueKit, OpenApiClient], None],
    recorder: FlightRecorder | None = None,
    replay: ReplayVenue | None = None,
) -> list[Any]:
    """Let a fresh client do something, and give everything it heard, with the time."""
    client = kit.client(start=False, tap=recorder)
    heard: list[Any] = []
    for cls in HEARD:
        client.on(cls, lambda event: heard.append((round(kit.clock.seconds(), 6), _comparable(event))))
    client.start()
    behave(kit, client)
    if replay is not None:
        kit.settle(replay.when_finished())
    kit.settle(client.close())
    return heard


def _comparable(event: Any) -> Any:
    """Errors compare by identity; their words are the same."""
    return event if isinstance(event, Message) else repr(event)


def recorded(behave: Callable[[VenueKit, OpenApiClient], None], **venue: Any) -> tuple[list[Any], list[Entry]]:
    """Record a session against the simulated venue."""
    recorder = FlightRecorder(None, max_bytes=100_000_000)
    with VenueKit(**venue) as kit:
        heard = session(kit, behave, recorder)
    assert recorder.failure is None
    return heard, recorder.entries()


def replayed(
    entries: list[Entry], behave: Callable[[VenueKit, OpenApiClient], None], **options: Any
) -> tuple[list[Any], ReplayVenue]:
    """Play a recording to another client that does the same."""
    with VenueKit() as kit:
        replay = ReplayVenue(entries, kit.clock, **options)
        kit.network = Network(kit.clock, replay.factory)
        heard = session(kit, behave, replay=replay)
    return heard, replay


def said(heard: list[Any]) -> list[Any]:
    """Give what was heard without the times, which vary: the delay before a reconnect is drawn by lot."""
    return [
        event if isinstance(event, Message) else re.sub(r"\b(\w+_at|at|retry_in)=[\d.]+", r"\1", event)
        for _, event in heard
    ]


def cut_and_restored(kit: VenueKit, client: OpenApiClient) -> None:
    """Two accounts, spots, live bars and depth; a cut in the middle, and a minute after it."""
    kit.settle(client.when_ready())
    for account in (EUR_ACCOUNT, USD_ACCOUNT):
        kit.settle(client.account_auth(ctidTraderAccountId=account, accessToken=ACCESS_TOKEN))
        kit.settle(client.subscribe_spots(ctidTraderAccountId=account, symbolId=[1, 41]))
    kit.settle(client.subscribe_live_trendbar(ctidTraderAccountId=EUR_ACCOUNT, symbolId=1, period="M1"))
    kit.settle(client.subscribe_depth_quotes(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[1]))
    kit.advance(20)
    order = {"ctidTraderAccountId": EUR_ACCOUNT, "symbolId": 1, "orderType": "MARKET", "tradeSide": "BUY"}
    kit.settle(client.new_order(**order, volume=100_000, relativeStopLoss=1_000))
    with pytest.raises(ServerError):
        kit.settle(client.new_order(**order, volume=1))
    kit.advance(5)
    if kit.venue.conversations:
        kit.cut()
    kit.advance(60)


def test_a_session_with_a_cut_and_a_restoration_is_heard_again_event_by_event() -> None:
    first, entries = recorded(cut_and_restored)
    again, replay = replayed(entries, cut_and_restored)
    assert said(again) == said(first)
    assert sum(isinstance(event, messages.ProtoOASpotEvent) for _, event in first) > 100
    assert sum(isinstance(event, str) and event.startswith("Resynchronised") for _, event in first) == 2
    assert replay.divergences == replay.differences == []
    assert replay.finished


def test_with_the_same_lots_drawn_it_is_heard_at_the_same_times_too() -> None:
    random.seed(3)
    first, entries = recorded(cut_and_restored)
    random.seed(3)
    again, _ = replayed(entries, cut_and_restored)
    assert again == first


def test_it_is_heard_again_however_it_comes_in_pieces() -> None:
    first, entries = recorded(cut_and_restored, chunk=7)
    again, _ = replayed(entries, cut_and_restored)
    assert said(again) == said(first)


@pytest.mark.slow
def test_a_recording_in_files_is_replayed_alike(tmp_path: Path) -> None:
    _, entries = recorded(cut_and_restored)
    recorder = FlightRecorder(tmp_path / "flight.jsonl", max_bytes=2000, parts=1000)
    with VenueKit() as kit:
        first = session(kit, cut_and_restored, recorder)
    recorder.close()
    again, replay = replayed(read(tmp_path / "flight.jsonl"), cut_and_restored)
    assert said(again) == said(first) and replay.divergences == []


def test_a_replay_can_be_recorded_and_replayed() -> None:
    first, entries = recorded(cut_and_restored)
    recorder = FlightRecorder(None, max_bytes=100_000_000)
    with VenueKit() as kit:
        replay = ReplayVenue(entries, kit.clock)
        kit.network = Network(kit.clock, replay.factory)
        session(kit, cut_and_restored, recorder, replay)
    again, replay = replayed(recorder.entries(), cut_and_restored)
    assert said(again) == said(first) and replay.divergences == []


# Ways of losing a session


def silent_death(kit: VenueKit, client: OpenApiClient) -> None:
    kit.settle(client.when_ready())
    kit.venue.play(script.fall_silent())
    kit.advance(100)


def server_closes(kit: VenueKit, client: OpenApiClient) -> None:
    kit.settle(client.when_ready())
    for conversation in list(kit.venue.conversations.values()):
        conversation.peer.close()
    kit.advance(10)


def account_is_cut(kit: VenueKit, client: OpenApiClient) -> None:
    kit.settle(client.when_ready())
    kit.settle(client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN))
    kit.settle(client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[1]))
    for conversation in kit.venue.conversations.values():
        conversation.disconnect_account(EUR_ACCOUNT)
    kit.advance(20)


def application_is_cut(kit: VenueKit, client: OpenApiClient) -> None:
    kit.settle(client.when_ready())
    kit.settle(client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN))
    for conversation in list(kit.venue.conversations.values()):
        conversation.disconnect_client("maintenance")
    kit.advance(20)


def garbage(kit: VenueKit, client: OpenApiClient) -> None:
    kit.settle(client.when_ready())
    for conversation in list(kit.venue.conversations.values()):
        conversation.peer.write_raw(b"\0\0\0\x05nonse")
        conversation.push_message(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=9))
        conversation.push(Envelope(50_000, b"of a later schema"))
    kit.advance(2)
    for conversation in list(kit.venue.conversations.values()):
        conversation.peer.write_raw(b"HTTP/1.1 400")
    kit.advance(20)


@pytest.mark.parametrize("behave", [silent_death, server_closes, account_is_cut, application_is_cut, garbage])
def test_every_way_of_losing_a_session_is_replayed(behave: Callable[[VenueKit, OpenApiClient], None]) -> None:
    first, entries = recorded(behave)
    again, replay = replayed(entries, behave)
    assert said(again) == said(first)
    assert replay.divergences == [] and replay.finished


def test_a_request_that_the_loss_caught_is_caught_again() -> None:
    outcomes: list[Any] = []

    def behave(kit: VenueKit, client: OpenApiClient) -> None:
        kit.settle(client.when_ready())
        kit.venue.play(script.fall_silent(5))
        client.version().addBoth(lambda failure: outcomes.append(repr(failure.value)))
        kit.advance(5)
        if kit.venue.conversations:
            kit.cut()
        kit.advance(10)

    _, entries = recorded(behave)
    _, replay = replayed(entries, behave)
    assert outcomes[0] == outcomes[1] and outcomes[0].startswith("OutcomeUnknown")
    assert replay.divergences == []


# What is made by hand, to the last byte


_kits: list[VenueKit] = []


@pytest.fixture(autouse=True)
def nothing_is_left_on_the_clock() -> Iterator[None]:
    yield
    while _kits:
        _kits.pop().close()


class Hand:
    """A recording made line by line, and a client that knows envelopes only."""

    def __init__(self) -> None:
        self.recorder = FlightRecorder(None)

    def opened(self, at: float, number: int = 1) -> Hand:
        self.recorder.opened(number, "here", at)
        return self

    def ended(self, at: float, reason: str = "the connection was lost", number: int = 1) -> Hand:
        self.recorder.ended(number, reason, at)
        return self

    def asked(self, at: float, message: Message, key: str | None = None, number: int = 1) -> Hand:
        self.recorder.sent(number, [codec.pack(message, key)], at)
        return self

    def told(self, at: float, message: Message, key: str | None = None, number: int = 1) -> Hand:
        self.recorder.received(number, [codec.pack(message, key)], at)
        return self

    def play(self, **options: Any) -> tuple[VenueKit, ReplayVenue, WireClient]:
        kit = VenueKit()
        _kits.append(kit)
        replay = ReplayVenue(self.recorder.entries(), kit.clock, **options)
        kit.network = Network(kit.clock, replay.factory)
        return kit, replay, kit.wire_client()


def trader(account: int = 1) -> Message:
    return messages.ProtoOATraderReq(ctidTraderAccountId=account)


def is_trader(account: int = 1, balance: int = 0) -> Message:
    details = {"ctidTraderAccountId": account, "balance": balance, "depositAssetId": 1}
    return messages.ProtoOATraderRes(ctidTraderAccountId=account, trader=details)


def spot(bid: int) -> Message:
    return messages.ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=1, bid=bid)


def bids(client: WireClient) -> list[int]:
    return [event.bid for event in client.take(messages.ProtoOASpotEvent)]


def test_answers_carry_the_id_of_the_request_and_foreign_ids_stay() -> None:
    hand = Hand().opened(0).asked(1, trader(), "then-1").told(2, is_trader(), "then-1").told(2, spot(5), "another's")
    kit, _, client = hand.play()
    client.send(trader(), "now-1")
    kit.advance(1)
    assert [(envelope.payload_type, envelope.client_msg_id) for envelope in client.received] == [
        (2122, "now-1"),
        (2131, "another's"),
    ]


def test_every_later_message_with_the_id_of_a_request_gets_the_new_one() -> None:
    event = messages.ProtoOAOrderErrorEvent(errorCode="X", ctidTraderAccountId=1)
    hand = Hand().opened(0).asked(1, trader(), "a").told(2, is_trader(), "a").told(5, event, "a")
    kit, _, client = hand.play()
    client.send(trader(), "b")
    kit.advance(10)
    assert [envelope.client_msg_id for envelope in client.received] == ["b", "b"]


def test_what_is_said_by_itself_comes_as_long_after_the_request_before_it() -> None:
    hand = Hand().opened(0).told(1, spot(1)).asked(5, trader(), "a").told(6, is_trader(), "a").told(8, spot(2))
    kit, replay, client = hand.play()
    kit.advance(0.9)
    assert bids(client) == []
    kit.advance(0.2)
    assert bids(client) == [1]
    client.send(trader(), "b")  # at 1.1, and not at 5
    kit.advance(2.8)
    assert bids(client) == [] and not replay.finished
    kit.advance(0.3)
    assert bids(client) == [2] and replay.finished


def test_a_request_that_comes_later_holds_back_what_came_after_it() -> None:
    hand = Hand().opened(0).asked(1, trader(), "a").told(2, is_trader(), "a").told(3, spot(1))
    kit, replay, client = hand.play()
    kit.advance(8)
    assert client.received == []
    client.send(trader(), "b")
    kit.advance(2.1)
    assert bids(client) == [1] and replay.divergences == []


def test_requests_of_one_type_are_told_apart_by_what_they_ask() -> None:
    hand = Hand().opened(0)
    for at, account in ((1, 1), (2, 2), (3, 1)):
        hand.asked(at, trader(account), f"a-{at}").told(at, is_trader(account, balance=at), f"a-{at}")
    kit, replay, client = hand.play(speed=math.inf)
    balances = []
    for number, account in enumerate((2, 1, 1)):
        client.send(trader(account), f"b-{number}")
    kit.advance(1)
    balances = [message.trader.balance for message in client.take()]
    assert sorted(balances) == [1, 2, 3] and replay.divergences == replay.differences == []


def test_a_request_with_other_fields_is_answered_and_noted() -> None:
    hand = Hand().opened(0)
    hand.asked(1, messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=1, symbolId=[1]), "a")
    hand.told(1, messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=1), "a")
    kit, replay, client = hand.play()
    answer = client.ask(messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=1, symbolId=[2]))
    assert isinstance(answer, messages.ProtoOASubscribeSpotsRes)
    assert replay.divergences == []
    assert [str(difference) for difference in replay.differences] == [
        "connection 1: ProtoOASubscribeSpotsReq has other fields than the recorded one"
    ]


def test_any_credentials_will_do() -> None:
    hand = Hand().opened(0)
    hand.asked(1, messages.ProtoOAApplicationAuthReq(clientId="then", clientSecret="then"), "a")
    hand.told(1, messages.ProtoOAApplicationAuthRes(), "a")
    _, replay, client = hand.play()
    request = messages.ProtoOAApplicationAuthReq(clientId="now", clientSecret="now")
    assert client.ask(request) == messages.ProtoOAApplicationAuthRes()
    assert replay.divergences == replay.differences == []


@pytest.mark.parametrize("request_", [trader(2), messages.ProtoOAVersionReq()])
def test_a_request_that_is_not_recorded_is_refused_and_listed(request_: Message) -> None:
    kit, replay, client = Hand().opened(0).asked(1, trader(), "a").told(1, is_trader(), "a").play()
    refusal = client.ask(request_)
    assert isinstance(refusal, messages.ProtoOAErrorRes) and refusal.errorCode == "NOT_RECORDED"
    name = request_.DESCRIPTOR.name
    assert name in refusal.description
    [divergence] = replay.divergences
    assert (divergence.connection, divergence.request) == (1, name)
    assert client.ask(trader()) == is_trader()


def test_a_request_that_comes_once_too_often_is_refused() -> None:
    _, replay, client = Hand().opened(0).asked(1, trader(), "a").told(1, is_trader(), "a").play()
    assert client.ask(trader()) == is_trader()
    assert client.ask(trader()).errorCode == "NOT_RECORDED"
    assert len(replay.divergences) == 1


def test_a_recorded_request_that_does_not_come_is_listed_and_the_rest_goes_on() -> None:
    hand = Hand().opened(0).asked(1, trader(), "a").told(2, is_trader(), "a").told(3, spot(1))
    hand.asked(4, messages.ProtoOAVersionReq(), "b").told(5, messages.ProtoOAVersionRes(version="9"), "b").told(
        6, spot(2)
    )
    kit, replay, client = hand.play(patience=10)
    kit.advance(10)
    assert replay.divergences == []
    kit.advance(20)
    assert [divergence.request for divergence in replay.divergences] == ["ProtoOATraderReq", "ProtoOAVersionReq"]
    assert bids(client) == [1, 2]
    # It comes after all: it is answered as it was.
    began = kit.clock.seconds()
    assert client.ask(trader()) == is_trader()
    assert kit.clock.seconds() - began == pytest.approx(1)
    assert len(replay.divergences) == 2


def test_a_recorded_request_that_never_came_is_listed_when_the_client_goes() -> None:
    kit, replay, client = Hand().opened(0).asked(1, trader(), "a").play()
    client.close()
    assert [str(divergence) for divergence in replay.divergences] == [
        "connection 1: ProtoOATraderReq was recorded and did not come"
    ]


def test_a_connection_beyond_the_recorded_ones_is_closed_and_listed() -> None:
    kit, replay, first = Hand().opened(0).ended(1).play()
    kit.advance(2)
    second = kit.wire_client()
    kit.advance(1)
    assert first.lost is not None and second.lost is not None
    assert [divergence.connection for divergence in replay.divergences] == [2]


def test_what_can_t_be_read_is_listed() -> None:
    _, replay, client = Hand().opened(0).play()
    client.write(b"\0\0\0\1x")
    assert "does not hold a ProtoMessage" in replay.divergences[0].problem


@pytest.mark.parametrize(
    ("reason", "lost"),
    [
        ("here: the server closed the connection", "closed cleanly"),
        ("here: the connection was lost", "non-clean"),
        ("the client was closed: start a new one", ""),
        ("here: nothing arrived for 75 s", ""),
    ],
)
def test_it_ends_as_it_ended_if_the_client_did_not_end_it(reason: str, lost: str) -> None:
    kit, replay, client = Hand().opened(0).told(1, spot(1)).ended(2, reason).play()
    kit.advance(1.9)
    assert client.lost is None and bids(client) == [1]
    kit.advance(0.2)
    assert replay.finished
    if lost:
        assert client.lost is not None and lost in str(client.lost.value)
    else:
        assert client.lost is None


def test_heartbeats_are_said_and_not_waited_for() -> None:
    beat = messages.ProtoHeartbeatEvent()
    kit, replay, client = Hand().opened(0).asked(10, beat).told(25, beat).told(26, spot(1)).play()
    client.send(beat)
    kit.advance(26)
    assert [envelope.payload_type for envelope in client.received] == [catalogue.HEARTBEAT, 2131]
    client.close()
    assert replay.divergences == []


# Time


def test_it_can_be_quicker() -> None:
    kit, _, client = Hand().opened(0).told(10, spot(1)).told(20, spot(2)).play(speed=10)
    kit.advance(1.5)
    assert bids(client) == [1]
    kit.advance(0.6)
    assert bids(client) == [2]


def test_it_can_be_as_quick_as_possible() -> None:
    kit, replay, client = Hand().opened(0).told(1000, spot(1)).told(2000, spot(2)).play(speed=math.inf)
    kit.pump()
    assert bids(client) == [1, 2] and replay.finished and kit.clock.seconds() == 0


def test_what_was_said_just_before_a_loss_is_said() -> None:
    kit, replay, client = Hand().opened(0).told(1, spot(1)).told(2, spot(2)).ended(2).play(speed=math.inf)
    kit.advance(0.01)
    assert bids(client) == [1, 2] and client.lost is not None and replay.finished


def test_long_silences_can_be_shortened() -> None:
    kit, _, client = Hand().opened(0).told(1000, spot(1)).told(1000.5, spot(2)).play(longest_gap=2)
    kit.advance(2.1)
    assert bids(client) == [1]
    kit.advance(0.5)
    assert bids(client) == [2]


def test_a_step_back_of_the_clock_takes_no_time() -> None:
    kit, _, client = Hand().opened(1000).told(1001, spot(1)).told(500, spot(2)).told(501, spot(3)).play()
    kit.advance(1.1)
    assert bids(client) == [1, 2]
    kit.advance(1)
    assert bids(client) == [3]


def test_a_speed_that_is_none_is_refused() -> None:
    for speed in (0, -1, math.nan):
        with pytest.raises(ValueError, match="more than 0"):
            ReplayVenue(Hand().opened(0).recorder.entries(), Clock(), speed=speed)


def test_one_is_told_when_everything_was_said() -> None:
    kit, replay, _ = Hand().opened(0).told(5, spot(1)).play()
    given_up = replay.when_finished()
    given_up.addErrback(lambda failure: None)
    given_up.cancel()
    kit.settle(replay.when_finished())
    assert kit.clock.seconds() == 5
    kit.settle(replay.when_finished(), within=0)


# Whole and in part


def test_a_recording_without_its_beginning_is_played_from_where_it_begins() -> None:
    hand = Hand().told(100, spot(1)).asked(101, trader(), "a").told(102, is_trader(), "a").told(103, spot(2))
    kit, replay, client = hand.play()
    auth = messages.ProtoOAApplicationAuthReq(clientId="now", clientSecret="now")
    assert client.ask(auth) == messages.ProtoOAApplicationAuthRes()
    account = messages.ProtoOAAccountAuthReq(ctidTraderAccountId=3, accessToken="t")
    assert client.ask(account) == messages.ProtoOAAccountAuthRes(ctidTraderAccountId=3)
    spots = messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=3, symbolId=[1])
    assert client.ask(spots) == messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=3)
    assert client.ask(trader()) == is_trader()
    kit.advance(2)
    assert bids(client) == [1, 2] and replay.divergences == []
    assert client.ask(messages.ProtoOAVersionReq()).errorCode == "NOT_RECORDED"


def test_connections_of_two_clients_are_told_apart() -> None:
    recorder = FlightRecorder(None)
    demo, live = recorder.tap(), recorder.tap()
    demo.opened(1, "demo", 0.0)
    live.opened(1, "live", 0.5)
    demo.received(1, [codec.pack(spot(1))], 1.0)
    live.received(1, [codec.pack(spot(2))], 1.5)
    demo.ended(1, "the connection was lost", 2.0)
    with VenueKit() as kit:
        entries = list(select(recorder.entries(), connection=2))
        assert [type(entry) for entry in entries] == [Header, Opened, Said]
        replay = ReplayVenue(entries, kit.clock)
        kit.network = Network(kit.clock, replay.factory)
        client = kit.wire_client()
        kit.advance(5)
        assert bids(client) == [2] and client.lost is None


def test_a_recording_without_a_connection_is_refused() -> None:
    for entries in ([], [Header(0, 1, "", "")], [Failed(0, "here", "refused")]):
        with pytest.raises(ValueError, match="no connection"):
            ReplayVenue(entries, Clock())


def test_runs_one_after_the_other_are_connections_one_after_the_other() -> None:
    one = Hand().opened(0).told(1, spot(1)).recorder.entries()
    other = Hand().opened(0).told(1, spot(2)).recorder.entries()
    with VenueKit() as kit:
        replay = ReplayVenue([*one, *other], kit.clock)
        kit.network = Network(kit.clock, replay.factory)
        for expected in (1, 2):
            client = kit.wire_client()
            kit.advance(1)
            assert bids(client) == [expected]
        assert replay.finished


@pytest.mark.parametrize("error", [TruncatedFrame(3, None), TruncatedFrame(5, 210), TruncatedFrame(105, 210)])
def test_a_frame_that_was_cut_short_is_cut_short_again(error: TruncatedFrame) -> None:
    hand = Hand().opened(0)
    hand.recorder.unreadable(1, error, 1)
    kit, _, client = hand.ended(1).play()
    kit.advance(2)
    cut = client._wire.end()
    assert cut is not None and cut.args == error.args


# Whatever the weather


def ten_minutes(kit: VenueKit, client: OpenApiClient) -> None:
    """Two accounts and their spots, and a request now and then, of which some fail."""

    def forget(failure: object) -> None:
        pass

    for account in (EUR_ACCOUNT, USD_ACCOUNT):
        client.authorise(account, ACCESS_TOKEN).addErrback(forget)
    kit.advance(1)
    for account in (EUR_ACCOUNT, USD_ACCOUNT):
        client.subscribe_spots(ctidTraderAccountId=account, symbolId=[1, 2]).addErrback(forget)
    for _ in range(20):
        kit.advance(30)
        client.trader(ctidTraderAccountId=EUR_ACCOUNT).addErrback(forget)


# Without what happens outside the connection (the token endpoint).
FAULTS = sorted(set(KINDS) - NEED_REFRESH - {"delay_token_answers", "break_token_answers", "cut"})


@pytest.mark.parametrize("seed", range(6))
def test_whatever_goes_wrong_goes_wrong_again_at_the_same_time(seed: int) -> None:
    steps = weather(seed, 500, every=40, kinds=FAULTS, account_ids=[EUR_ACCOUNT, USD_ACCOUNT])
    random.seed(seed)
    first, entries = recorded(ten_minutes, script=steps)
    random.seed(seed)
    again, replay = replayed(entries, ten_minutes)
    assert said(again) == said(first)
    assert [at for at, _ in again] == pytest.approx([at for at, _ in first], abs=5e-3)
    assert replay.divergences == []


def test_a_client_that_leaves_early_is_told_of() -> None:
    _, entries = recorded(cut_and_restored)

    def leaves(kit: VenueKit, client: OpenApiClient) -> None:
        kit.settle(client.when_ready())
        kit.settle(client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN))

    with VenueKit() as kit:
        replay = ReplayVenue(entries, kit.clock)
        kit.network = Network(kit.clock, replay.factory)
        session(kit, leaves)
    problems = [divergence.problem for divergence in replay.divergences]
    assert any("the client left before" in problem for problem in problems), problems


@pytest.mark.parametrize("kind", ["FrameTooLong", "UndecodableEnvelope", "TruncatedFrame"])
@pytest.mark.parametrize("size", [-1, 0, 4, 2**32, 2**80])
def test_a_strangers_recording_can_not_ask_for_too_much(kind: str, size: int) -> None:
    assert len(_nonsense(Unreadable(0.0, 1, kind, size, "", size))) < 2_000_000
