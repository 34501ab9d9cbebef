"""Over real sockets and every wire: TLS is verified before a word is said, and a handshake that fails is told for what
it is.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.protocol import Protocol, ServerFactory

from ctrader_twisted import Application, Disconnected, Environment, OpenApiClient, Settings, Wire, messages
from ctrader_twisted.errors import ConfigurationError, DeadPeer
from ctrader_twisted.tls import ClientTLS
from ctrader_twisted.wire import codec
from tests.loopback.servers import AnsweringFactory, accept_all, certificate, listen, over_sockets


def client_of(reactor: Any, port: int, trust_root: bytes | None, wire: Wire, **settings: Any) -> OpenApiClient:
    return OpenApiClient(
        reactor,
        Application("id", "the-secret"),
        Environment("test", "localhost", port, trust_root=trust_root, wire=wire),
        settings=Settings(retry_after=60, **settings),
    )


async def first_loss(client: OpenApiClient) -> Disconnected:
    lost: defer.Deferred[Disconnected] = defer.Deferred()
    client.once(Disconnected, lost.callback)
    client.start()
    try:
        return await lost
    finally:
        await client.close()


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


@pytest.fixture(params=list(Wire), ids=lambda wire: wire.value)
def wire(request: pytest.FixtureRequest) -> Any:
    return request.param


@over_sockets
async def test_the_right_certificate_is_accepted_and_requests_are_answered(reactor: Any, wire: Wire) -> None:
    pem, pair = certificate()
    server = AnsweringFactory(accept_all, wire)
    port = listen(reactor, server, pair)
    client = client_of(reactor, port.getHost().port, pem, wire).start()
    await client.when_ready()
    answer = await client.account_auth(ctidTraderAccountId=7, accessToken="t")
    assert answer == messages.ProtoOAAccountAuthRes(ctidTraderAccountId=7)
    await client.close()
    await port.stopListening()


@pytest.mark.parametrize(
    ("host", "days", "trusted", "expected"),
    [
        pytest.param("other.example", 3650, True, "another host name", id="wrong host name"),
        pytest.param("localhost", 1, True, "expired", id="expired"),
        pytest.param("localhost", 3650, False, "self-signed and not among the trusted", id="self-signed"),
    ],
)
@over_sockets
async def test_a_wrong_certificate_is_refused_before_a_word_is_said(
    reactor: Any, wire: Wire, host: str, days: int, trusted: bool, expected: str
) -> None:
    pem, pair = certificate(host, days=days)
    other, _ = certificate()
    server = AnsweringFactory(accept_all, wire)
    port = listen(reactor, server, pair)
    lost = await first_loss(client_of(reactor, port.getHost().port, pem if trusted else other, wire))
    assert expected in str(lost.reason), str(lost.reason)
    assert "test (localhost:" in str(lost.reason)
    assert server.bytes_received == 0
    await port.stopListening()


@over_sockets
async def test_the_system_does_not_trust_a_certificate_of_ours(reactor: Any, wire: Wire) -> None:
    _, pair = certificate()
    server = AnsweringFactory(accept_all, wire)
    port = listen(reactor, server, pair)
    lost = await first_loss(client_of(reactor, port.getHost().port, None, wire))
    assert "self-signed" in str(lost.reason)
    assert server.bytes_received == 0
    await port.stopListening()


@over_sockets
async def test_authorities_that_are_named_and_not_there_are_told_of(
    reactor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL passes over them; whoever is trusted all the same needs to hear nothing of it."""
    pem, pair = certificate()
    port = listen(reactor, AnsweringFactory(accept_all, Wire.PROTOBUF), pair)
    number = port.getHost().port
    monkeypatch.setenv("SSL_CERT_FILE", "none.pem")
    lost = await first_loss(client_of(reactor, number, None, Wire.PROTOBUF))
    assert str(lost.reason).endswith(". SSL_CERT_FILE names none.pem, which can't be read: No such file or directory")
    other, _ = certificate()
    lost = await first_loss(client_of(reactor, number, other, Wire.PROTOBUF))
    assert "SSL_CERT_FILE" not in str(lost.reason), "it is not looked at where a trust root is given"
    client = client_of(reactor, number, pem, Wire.PROTOBUF).start()
    await client.when_ready()
    await client.close()
    await port.stopListening()


class Mute(Protocol):
    """Says nothing, whatever it is sent."""


class Plain(Protocol):
    """Speaks no TLS."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("protocol", "patience", "expected"),
    [(Mute, 0.5, "handshake was not completed within 0.5 s"), (Plain, 30, "does not speak TLS")],
)
@over_sockets
async def test_a_server_that_does_not_shake_hands_is_left(
    reactor: Any, wire: Wire, protocol: type[Protocol], patience: float, expected: str
) -> None:
    pem, _ = certificate()
    port = reactor.listenTCP(0, ServerFactory.forProtocol(protocol), interface="127.0.0.1")
    lost = await first_loss(client_of(reactor, port.getHost().port, pem, wire, connect_timeout=patience))
    assert expected in str(lost.reason)
    assert isinstance(lost.reason, DeadPeer) == (protocol is Mute)
    await port.stopListening()


@over_sockets
async def test_a_port_where_nobody_listens_is_named(reactor: Any, wire: Wire) -> None:
    port = reactor.listenTCP(0, ServerFactory.forProtocol(Mute), interface="127.0.0.1")
    number = port.getHost().port
    await port.stopListening()
    lost = await first_loss(client_of(reactor, number, None, wire))
    assert "refused" in str(lost.reason) and str(number) in str(lost.reason)


@over_sockets
async def test_the_records_of_one_read_arrive_together_and_in_order(reactor: Any, wire: Wire) -> None:
    pem, pair = certificate()
    server = AnsweringFactory(accept_all, wire)
    port = listen(reactor, server, pair)
    client = client_of(reactor, port.getHost().port, pem, wire).start()
    await client.when_ready()
    seen: list[int] = []
    everything: defer.Deferred[None] = defer.Deferred()

    def spot(event: messages.ProtoOASpotEvent) -> None:
        seen.append(event.bid)
        if len(seen) == 2000:
            everything.callback(None)

    client.on(messages.ProtoOASpotEvent, spot)
    for bid in range(2000):  # one record each
        server.connections[0].send(
            codec.pack(messages.ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=1, bid=bid + 1))
        )
    await everything
    assert seen == list(range(1, 2001))
    await client.close()
    await port.stopListening()


@over_sockets
async def test_a_cut_is_told_to_every_pending_request_at_once(reactor: Any, wire: Wire) -> None:
    pem, pair = certificate()
    server = AnsweringFactory(lambda envelope: accept_all(envelope) if envelope.payload_type == 2100 else [], wire)
    port = listen(reactor, server, pair)
    client = client_of(reactor, port.getHost().port, pem, wire).start()
    await client.when_ready()
    pending = [client.trader(ctidTraderAccountId=1) for _ in range(20)]
    await _until(reactor, lambda: len(server.requests) == 21)
    began = reactor.seconds()
    server.connections[0].transport.abortConnection()
    results = await defer.DeferredList(pending, consumeErrors=True)
    assert not any(success for success, _ in results)
    assert reactor.seconds() - began < 1
    await client.close()
    await port.stopListening()


async def _until(reactor: Any, condition: Any) -> None:
    while not condition():
        turn: defer.Deferred[None] = defer.Deferred()
        reactor.callLater(0.001, turn.callback, None)
        await turn


@pytest.mark.parametrize("host", ["", ".example", "x" * 64 + ".example"])
def test_what_can_t_be_a_host_name_is_refused_before_anything_connects(host: str) -> None:
    with pytest.raises(ConfigurationError, match="can't be a host name"):
        ClientTLS(host)


def test_a_trust_root_may_be_text() -> None:
    pem, _ = certificate()
    ClientTLS("localhost", pem.decode())


def test_a_trust_root_without_a_certificate_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no readable certificate"):
        ClientTLS("localhost", b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")


@over_sockets
async def test_closing_in_the_middle_of_a_flood_is_prompt(reactor: Any, wire: Wire) -> None:
    pem, pair = certificate()
    server = AnsweringFactory(accept_all, wire)
    port = listen(reactor, server, pair)
    client = client_of(reactor, port.getHost().port, pem, wire).start()
    await client.when_ready()
    closed: defer.Deferred[None] = defer.Deferred()
    client.once(messages.ProtoOASpotEvent, lambda event: client.close().chainDeferred(closed))
    spot = codec.pack(messages.ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=1, bid=1))
    began = reactor.seconds()
    for _ in range(3000):
        server.connections[0].send(spot)
    await closed
    assert reactor.seconds() - began < 2
    await port.stopListening()
