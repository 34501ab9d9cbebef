"""Over real sockets and TLS: a session is recorded, and played to another client."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import Message
from twisted.internet import defer, task

from ctrader_twisted import Application, Environment, OpenApiClient, Resynchronised, Settings, messages
from ctrader_twisted.errors import ServerError
from ctrader_twisted.flight import FlightRecorder, Recording, ReplayVenue, Said, read
from ctrader_twisted.flight.venue import CODE
from ctrader_twisted.sim.testing import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, DEFAULT_START, EUR_ACCOUNT
from ctrader_twisted.sim.venue import Venue
from ctrader_twisted.wire.envelope import Burst
from tests.loopback.servers import certificate, over_sockets

if TYPE_CHECKING:
    from pathlib import Path

SYMBOLS = [1, 2, 3, 41]


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


def client_of(reactor: Any, port: int, trust_root: Any, recorder: FlightRecorder | None = None) -> OpenApiClient:
    return OpenApiClient(
        reactor,
        Application(CLIENT_ID, CLIENT_SECRET),
        Environment("test", "localhost", port, trust_root=trust_root),
        settings=Settings(retry_after=0.05),
        tap=recorder,
    )


async def subscribe(client: OpenApiClient, heard: list[Message]) -> None:
    """Bring a client to where spots arrive, keeping what it hears."""
    client.on(Message, heard.append)
    await client.when_ready(timeout=60)
    await client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN)
    await client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=SYMBOLS)


async def unsubscribe(client: OpenApiClient) -> None:
    """Wait for the last message that a client hears: what comes while it is being closed is recorded and not heard."""
    await client.unsubscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=SYMBOLS)


def resynchronised(client: OpenApiClient) -> defer.Deferred[Any]:
    again: defer.Deferred[Any] = defer.Deferred()
    client.once(Resynchronised, again.callback)
    return again


@over_sockets
async def test_a_session_with_a_cut_is_recorded_and_heard_again(reactor: Any, tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    recorder = FlightRecorder(path)
    venue = Venue(reactor, start=DEFAULT_START)
    port: Any = venue.listen(reactor).getHost()
    client = client_of(reactor, port.port, venue.trust_root_pem, recorder)
    first: list[Message] = []
    await subscribe(client, first)
    await task.deferLater(reactor, 0.5)
    again = resynchronised(client)
    for conversation in list(venue.conversations.values()):
        conversation.peer.abort()
    await again
    await task.deferLater(reactor, 0.5)
    await unsubscribe(client)
    await client.close()
    await venue.close()
    recorder.close()
    assert recorder.failure is None
    text = path.read_text("ascii")
    payloads = b"".join(payload for entry in read(path) if isinstance(entry, Said) for payload in entry.payloads)
    for secret in (CLIENT_ID, CLIENT_SECRET, ACCESS_TOKEN):
        assert secret not in text and secret.encode() not in payloads

    pem, pair = certificate()
    recording = Recording(path)
    replay = ReplayVenue(recording, reactor, speed=5)
    listening: Any = replay.listen(reactor, pair.options())
    client = client_of(reactor, listening.getHost().port, pem)
    second: list[Message] = []
    again = resynchronised(client)
    await subscribe(client, second)
    await again
    await unsubscribe(client)  # answered in its place in the recording: after everything that came before it
    await replay.when_finished()
    assert replay.divergences == replay.differences == []
    with pytest.raises(ServerError, match=CODE):  # not recorded; whatever has been said comes before its answer
        await client.version()
    await client.close()
    await listening.stopListening()
    assert recording.notes == []
    refusal: Any = second.pop()
    assert refusal.errorCode == CODE
    assert second == first
    assert isinstance(second[-1], messages.ProtoOAUnsubscribeSpotsRes)


@over_sockets
async def test_a_flood_replayed_as_quickly_as_possible_arrives_whole(reactor: Any) -> None:
    recorder = FlightRecorder(None, max_bytes=100_000_000)
    events = 100_000
    for at in range(events // 1000):
        spots = [
            messages.ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=1, bid=at * 1000 + number).SerializeToString()
            for number in range(1000)
        ]
        recorder.received(1, [Burst(2131, spots)], float(at))
    pem, pair = certificate()
    replay = ReplayVenue(recorder.entries(), reactor, speed=math.inf)
    listening: Any = replay.listen(reactor, pair.options())
    client = client_of(reactor, listening.getHost().port, pem)
    everything: defer.Deferred[None] = defer.Deferred()
    bids: list[int] = []

    def spot(event: messages.ProtoOASpotEvent) -> None:
        bids.append(event.bid)
        if len(bids) == events:
            everything.callback(None)

    client.on(messages.ProtoOASpotEvent, spot)
    client.start()
    await everything
    assert bids == list(range(events))
    await client.close()
    await listening.stopListening()
