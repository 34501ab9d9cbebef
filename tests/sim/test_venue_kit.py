"""The kit that ships with the package: the real client against the venue, on a clock, in memory."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone, ConnectionLost, UserError
from twisted.internet.interfaces import IConnector, IConsumer, IPushProducer, ITransport
from twisted.internet.protocol import ClientFactory, Protocol, ReconnectingClientFactory
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from ctrader_twisted import messages
from ctrader_twisted.errors import ConnectionFailed, NotAuthorised, OutcomeUnknown
from ctrader_twisted.session.events import Disconnected, Ready, Resynchronised
from ctrader_twisted.sim import Grant, Limits, Options, TradingAccount, Venue, script
from ctrader_twisted.sim.testing import (
    ACCESS_TOKEN,
    DEFAULT_START,
    EUR_ACCOUNT,
    USD_ACCOUNT,
    NotSettled,
    VenueKit,
    join,
)
from tests.sim.venues import EURUSD, XAUUSD


def test_a_client_talks_to_the_venue():
    with VenueKit() as kit:
        client = kit.client()
        assert kit.settle(client.when_ready()) is client
        kit.settle(client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN))
        trader = kit.settle(client.trader(ctidTraderAccountId=EUR_ACCOUNT)).trader
        assert trader.balance == 1_000_000
        spots = []
        client.on(messages.ProtoOASpotEvent, spots.append)
        kit.settle(client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[EURUSD]))
        kit.advance(60)
        assert len(spots) > 30
    assert not kit.clock.getDelayedCalls()


def test_a_failure_is_raised_and_waiting_is_bounded():
    with VenueKit() as kit:
        client = kit.ready_client()
        with pytest.raises(NotAuthorised):
            kit.settle(client.trader(ctidTraderAccountId=EUR_ACCOUNT))
        with pytest.raises(ZeroDivisionError):
            kit.settle(fail(ZeroDivisionError()))
        before = kit.clock.seconds()
        with pytest.raises(NotSettled, match="not fired within 7 s"):
            kit.settle(Deferred(), within=7)
        assert kit.clock.seconds() == before + 7


def test_a_connection_that_is_over_is_not_kept():
    with VenueKit() as kit:
        kit.ready_client()
        assert len(kit.network.links) == 1
        kit.cut()
        assert kit.network.links == []


def test_a_client_that_was_cut_off_comes_back_and_everything_stands_again():
    with VenueKit() as kit:
        client = kit.ready_client(EUR_ACCOUNT, USD_ACCOUNT)
        events, spots = [], []
        for cls in (Ready, Disconnected, Resynchronised):
            client.on(cls, events.append)
        client.on(messages.ProtoOASpotEvent, spots.append)
        kit.settle(client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[EURUSD, XAUUSD]))
        kit.settle(client.subscribe_live_trendbar(ctidTraderAccountId=EUR_ACCOUNT, symbolId=EURUSD, period=1))
        pending = client.trader(ctidTraderAccountId=EUR_ACCOUNT)
        kit.clock.advance(0)  # it has left, and is on its way
        kit.cut()
        with pytest.raises(OutcomeUnknown):
            kit.settle(pending)
        kit.refuse_connections()
        kit.advance(30)
        assert not kit.venue.conversations
        kit.accept_connections()
        spots.clear()
        kit.advance(30)
        assert {spot.symbolId for spot in spots} == {EURUSD, XAUUSD}
        assert any(spot.trendbar for spot in spots)
        assert sorted({event.account_id for event in events if isinstance(event, Resynchronised)}) == [
            EUR_ACCOUNT,
            USD_ACCOUNT,
        ]
        assert all(isinstance(event.reason, ConnectionFailed) for event in events if isinstance(event, Disconnected))


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_bytes_may_come_in_pieces(chunk):
    with VenueKit(chunk=chunk) as kit:
        client = kit.ready_client(EUR_ACCOUNT)
        answer = kit.settle(client.get_trendbars(ctidTraderAccountId=EUR_ACCOUNT, symbolId=EURUSD, period=1, count=500))
        assert len(answer.trendbar) >= 499


def test_a_client_keeps_to_the_limits_of_the_venue():
    with VenueKit() as kit:
        client = kit.ready_client(EUR_ACCOUNT)
        kit.advance(2)
        for answered in [client.trader(ctidTraderAccountId=EUR_ACCOUNT) for _ in range(160)]:
            assert kit.settle(answered).trader.ctidTraderAccountId == EUR_ACCOUNT
        asked = [client.deal_list(ctidTraderAccountId=EUR_ACCOUNT) for _ in range(16)]
        for answered in asked:
            assert kit.settle(answered).hasMore is False


def test_a_client_obeys_a_block():
    with VenueKit(limits=Limits(general=5, block=3.0)) as kit:
        client = kit.ready_client(EUR_ACCOUNT)
        kit.advance(2)
        results = [client.trader(ctidTraderAccountId=EUR_ACCOUNT) for _ in range(6)]
        outcomes = []
        for result in results:
            result.addCallbacks(lambda _: outcomes.append("answered"), lambda why: outcomes.append(why.value.code))
        kit.advance(20)
        assert len(outcomes) == 6
        assert set(outcomes) <= {"answered", "BLOCKED_PAYLOAD_TYPE"}


def test_a_client_gives_a_silent_venue_up_and_starts_again():
    with VenueKit() as kit:
        client = kit.ready_client(EUR_ACCOUNT, dead_after=40.0)
        lost, back = [], []
        client.on(Disconnected, lost.append)
        client.on(Resynchronised, back.append)
        kit.venue.play(script.fall_silent())
        kit.advance(60)
        assert len(lost) == len(back) == 1


def test_closing_names_what_was_left_behind():
    kit = VenueKit()
    kit.clock.callLater(1_000, print)
    with pytest.raises(AssertionError, match="left on the clock"):
        kit.close()


def test_an_error_inside_the_with_is_not_hidden():
    with pytest.raises(KeyError, match="mine"), VenueKit() as kit:
        kit.clock.callLater(1_000, print)
        raise KeyError("mine")


def test_two_ends_that_never_rest_are_noticed():
    class Echo(Protocol):
        def dataReceived(self, data):
            self.transport.write(data)

    with VenueKit() as kit:

        class Shouting(ClientFactory):
            noisy = False

            def buildProtocol(self, addr):
                return Echo()

        kit.network._server = Shouting()
        kit.network.connect(Shouting())
        with pytest.raises(AssertionError, match="no rest"):
            kit.pump()
            kit.network.links[0].client.write(b"x")
            kit.pump()
        kit.cut()


# ------------------------------------------------------------------------------------------------------- the network


class Recorder(Protocol):
    def __init__(self):
        self.data, self.reasons = b"", []

    def dataReceived(self, data):
        self.data += data

    def connectionLost(self, reason):
        self.reasons.append(reason.type)


def pair(**options):
    client, server = Recorder(), Recorder()
    return client, server, join(client, server, **options)


def quiet(link):
    while link.pump():
        pass


def test_any_two_protocols_can_be_joined():
    client, server, link = pair()
    for end in (client, server):
        assert verifyObject(ITransport, end.transport)
        assert verifyObject(IConsumer, end.transport)
        assert verifyObject(IPushProducer, end.transport)
    client.transport.write(b"to the server")
    server.transport.writeSequence([b"to the ", b"client"])
    quiet(link)
    assert (client.data, server.data) == (b"to the client", b"to the server")
    assert client.transport.getPeer() == server.transport.getHost()


def test_a_close_is_heard_after_what_was_written():
    client, server, link = pair(chunk=3)
    server.transport.write(b"farewell")
    server.transport.loseConnection()
    server.transport.write(b"too late")
    quiet(link)
    assert client.data == b"farewell"
    assert client.reasons == server.reasons == [ConnectionDone]
    assert not link.open


def test_an_abort_loses_what_was_on_its_way():
    from twisted.internet.error import ConnectionAborted

    client, server, link = pair()
    server.transport.write(b"farewell")
    server.transport.abortConnection()
    quiet(link)
    assert client.data == b""
    assert (client.reasons, server.reasons) == ([ConnectionLost], [ConnectionAborted])


def test_a_writer_is_told_to_pause_until_the_reader_has_caught_up():
    told = []

    class Producer:
        def pauseProducing(self):
            told.append("pause")

        def resumeProducing(self):
            told.append("resume")

        def stopProducing(self):
            told.append("stop")

    client, server, link = pair()
    server.transport.registerProducer(Producer(), True)
    client.transport.pauseProducing()
    server.transport.write(bytes(60_000))
    quiet(link)
    assert told == []
    server.transport.write(bytes(60_000))
    server.transport.write(bytes(60_000))
    quiet(link)
    assert told == ["pause"]
    client.transport.resumeProducing()
    quiet(link)
    assert told == ["pause", "resume"]
    assert len(client.data) == 180_000
    link.cut()
    assert told == ["pause", "resume", "stop"]


class Factory(ReconnectingClientFactory):
    noisy = False

    def __init__(self, clock):
        self.clock = clock
        self.jitter = 0
        self.initialDelay = self.delay = 1.0
        self.seen = []

    def startedConnecting(self, connector):
        self.seen.append("connecting")

    def buildProtocol(self, addr):
        self.seen.append("connected")
        self.resetDelay()
        return Protocol()

    def clientConnectionLost(self, connector, reason):
        self.seen.append(reason.type.__name__)
        super().clientConnectionLost(connector, reason)

    def clientConnectionFailed(self, connector, reason):
        self.seen.append(reason.type.__name__)
        super().clientConnectionFailed(connector, reason)

    def startFactory(self):
        self.seen.append("start")

    def stopFactory(self):
        self.seen.append("stop")


def test_a_reconnecting_factory_takes_the_connector_for_a_real_one():
    with VenueKit() as kit:
        factory = Factory(kit.clock)
        connector = kit.network.connect(factory)
        assert verifyObject(IConnector, connector)
        assert connector.getDestination().port == 5035

        def seen():
            taken, factory.seen = factory.seen, []
            return taken

        assert seen() == ["start", "connecting"]
        kit.pump()
        kit.cut()
        kit.advance(5)
        # As with TCP: between two attempts the connector has stopped the factory.
        assert seen() == ["connected", "ConnectionLost", "stop", "start", "connecting", "connected"]
        kit.network.unreachable = True
        connector.disconnect()
        kit.advance(10)
        assert seen() == ["ConnectionDone", "stop", "start", "connecting"]
        kit.advance(35)  # the attempt's 30 s, and a delay that differs between releases of Twisted
        assert seen() == ["TimeoutError", "stop", "start", "connecting"]
        factory.stopTrying()
        assert seen() == [UserError.__name__, "stop"]


def test_a_venue_needs_nothing_but_a_clock():
    clock = Clock()
    assert Venue(clock).now() == DEFAULT_START  # there are no prices in 1970
    clock.rightNow = 1_800_000_000.25
    venue = Venue(clock)
    assert venue.now() == 1_800_000_000_250
    clock.advance(0.5)
    assert venue.now() == 1_800_000_000_750
    assert venue.seconds_until(1_800_000_001_000) == pytest.approx(0.25)
    assert venue.seconds_until(0) == 0.0


@pytest.mark.parametrize(
    ("accounts", "grants", "problem"),
    [
        ([TradingAccount(1, 1, "DOUBLOON")], [Grant((1,))], "DOUBLOON, which is no asset"),
        ([TradingAccount(1, 1)], [Grant((1, 2))], "account 2, and there is no such account"),
    ],
)
def test_what_does_not_belong_together_is_refused(accounts, grants, problem):
    with pytest.raises(ValueError, match=problem):
        Venue(Clock(), accounts=accounts, grants=grants)


def test_venues_share_nothing_of_what_they_were_told():
    accounts, grants = [TradingAccount(EUR_ACCOUNT, 1)], [Grant((EUR_ACCOUNT,))]
    first, second = (Venue(Clock(), accounts=accounts, grants=grants).registry for _ in range(2))
    first.refresh("sim-refresh-token", 0)
    first.accounts[EUR_ACCOUNT].margin_calls[61] = (1.0, 1)
    assert second.token_for(EUR_ACCOUNT) == grants[0].access_token == ACCESS_TOKEN
    assert second.accounts[EUR_ACCOUNT].margin_calls[61] == (100.0, 0)


def test_options_reach_the_venue():
    with VenueKit(options=Options(version="7"), seed=3) as kit:
        client = kit.ready_client()
        assert kit.settle(client.version()).version == "7"
        assert kit.venue.seed == 3
