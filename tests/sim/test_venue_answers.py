"""No request of the schema goes unanswered, whoever asks; what can't be read or is not known is said so."""

from __future__ import annotations

import pytest

from ctrader_twisted import messages
from ctrader_twisted.sim.limits import Limits
from ctrader_twisted.sim.testing import ACCESS_TOKEN, DEFAULT_START, EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Envelope
from tests.sim.venues import account_auth, application_auth, of_account, samples, told, with_account, with_application

UNLIMITED = Limits(general=0, historical=0)
REQUESTS = samples(DEFAULT_START)
OPEN_TO_ANYONE = (messages.ProtoOAVersionReq, messages.ProtoOAApplicationAuthReq)


def named(request: object) -> str:
    return type(request).__name__.removeprefix("ProtoOA")


def test_the_samples_are_every_request_of_the_schema():
    assert {catalogue.payload_type(request) for request in REQUESTS} == set(catalogue.REQUESTS)
    assert len(REQUESTS) == 40


@pytest.mark.parametrize("request_", REQUESTS, ids=named)
def test_a_stranger_is_told_that_he_is_not_authenticated(request_):
    with VenueKit() as kit:
        answer = kit.wire_client().ask(request_)
    if isinstance(request_, OPEN_TO_ANYONE):
        assert catalogue.payload_type(answer) == catalogue.payload_type(request_) + 1
    else:
        assert type(answer) is messages.ProtoOAErrorRes
        assert answer.errorCode == "CH_CLIENT_NOT_AUTHENTICATED"


@pytest.mark.parametrize("request_", [one for one in REQUESTS if hasattr(one, "ctidTraderAccountId")], ids=named)
def test_what_is_about_an_account_needs_that_account(request_):
    with VenueKit() as kit:
        client = with_account(kit, USD_ACCOUNT)  # the requests name the other one
        answer = client.ask(request_)
    if isinstance(request_, messages.ProtoOAAccountAuthReq):
        assert type(answer) is messages.ProtoOAAccountAuthRes
        return
    assert type(answer) is messages.ProtoOAErrorRes
    assert told(answer) == ("INVALID_REQUEST", "Trading account is not authorized")
    assert answer.ctidTraderAccountId == EUR_ACCOUNT


def test_every_request_is_answered_by_what_closes_it():
    with VenueKit(limits=UNLIMITED) as kit:
        client = kit.wire_client()
        for request in REQUESTS:
            kind = catalogue.REQUESTS[catalogue.payload_type(request)]
            if kind.name == "ProtoOAAccountLogoutReq":  # the refresh just before it has ended the session
                assert client.ask(account_auth(access_token=kit.venue.registry.token_for(EUR_ACCOUNT)))
            answer = client.ask(request)
            assert catalogue.payload_type(answer) in kind.closed_by, kind.name
            if answer.DESCRIPTOR.fields_by_name.get("ctidTraderAccountId") and hasattr(request, "ctidTraderAccountId"):
                assert answer.ctidTraderAccountId == EUR_ACCOUNT


@pytest.mark.parametrize("client_msg_id", ["cm_1", "", "ü" * 200, None])
def test_answers_and_errors_carry_the_message_id(client_msg_id):
    with VenueKit() as kit:
        client = with_account(kit)
        client.send(of_account("Trader"), client_msg_id)
        client.send(of_account("Trader", account_id=7), client_msg_id)
        types = [catalogue.payload_type(messages.ProtoOATraderRes), catalogue.OA_ERROR_RES]
        assert [envelope.payload_type for envelope in client.received] == types
        assert [envelope.client_msg_id for envelope in client.received] == [client_msg_id, client_msg_id]


def test_the_inner_payload_type_is_left_out():
    with VenueKit() as kit:
        client = kit.wire_client()
        client.send(application_auth(), "a")
        client.send(account_auth(), "b")
        empty, answer = client.received
    assert empty == (2101, b"", "a")
    assert answer == (2103, b"\x10\xc1\x84=", "b")  # field 2, as in recordings/partial_close.jsonl


@pytest.mark.parametrize("number", [9_999, 5, 50, 2101, 2131, 2132, 0])
def test_what_is_not_a_request_is_unsupported(number):
    with VenueKit() as kit:
        client = with_application(kit)
        client.send_envelope(Envelope(number, b"\x10\x01", "x"))
        (answer,) = client.received
    assert answer.client_msg_id == "x"
    error = codec.unpack(answer)
    assert type(error) is messages.ProtoErrorRes
    assert error.errorCode == "UNSUPPORTED_MESSAGE"


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"\xff\xff\xff", "does not parse"),
        (b"\x10", "does not parse"),
        (b"", "missing required fields: ctidTraderAccountId, period, symbolId"),
        (b"\x10\xc1\x84=\x28\x63\x30\x01", "missing required fields: period"),  # period 99 is not one
    ],
    ids=["rubbish", "cut short", "empty", "an unknown period"],
)
def test_a_payload_that_cannot_be_read_is_an_invalid_request(payload, says):
    with VenueKit() as kit:
        client = with_account(kit)
        client.send_envelope(Envelope(2137, payload, "x"))
        (answer,) = client.received
        error = codec.unpack(answer)
        assert isinstance(client.ask(of_account("Trader")), messages.ProtoOATraderRes)  # and nothing is lost by it
    assert answer.client_msg_id == "x"
    assert type(error) is messages.ProtoErrorRes
    assert error.errorCode == "INVALID_REQUEST"
    assert says in error.description


def test_a_frame_without_an_envelope_is_an_invalid_request():
    with VenueKit() as kit:
        client = kit.wire_client()
        client.write(b"\x00\x00\x00\x03\xff\xff\xff" + b"\x00\x00\x00\x02\x12\x00")
        errors = client.take(messages.ProtoErrorRes)
        assert [error.errorCode for error in errors] == ["INVALID_REQUEST", "INVALID_REQUEST"]
        assert client.ask(messages.ProtoOAVersionReq()).version


def test_an_overlong_frame_is_refused_and_the_connection_closed():
    with VenueKit() as kit:
        client = kit.wire_client()
        client.write((15_000_001).to_bytes(4, "big") + b"\x08")
        (error,) = client.take()
        assert type(error) is messages.ProtoErrorRes
        assert error.errorCode == "FRAME_TOO_LONG"
        assert client.lost is not None
        assert not kit.venue.conversations


def test_heartbeats_are_heard_and_not_answered():
    with VenueKit() as kit:
        client = kit.wire_client()
        client.send(messages.ProtoHeartbeatEvent())
        client.write(b"\x00\x00\x00\x04\x083\x12\x00")  # with an empty payload, as one client sends it
        assert not client.received


def test_a_fault_of_the_venue_is_answered_too(logged_errors, monkeypatch):
    with VenueKit() as kit:
        client = with_account(kit)
        monkeypatch.setattr(kit.venue, "opened_at", "not a number")
        error = client.ask(of_account("Trader"))
        assert type(error) is messages.ProtoErrorRes
        assert error.errorCode == "UNKNOWN_ERROR"
        assert len(logged_errors.flush(TypeError)) == 1


def test_nothing_secret_is_shown(logged_errors):
    with VenueKit() as kit:
        client = with_account(kit)
        (talk,) = kit.venue.conversations.values()
        shown = f"{talk.application} {talk.sessions} {kit.venue.registry.grants} {client.received}"
    assert "sim-client-secret" not in shown
    assert ACCESS_TOKEN not in shown
    assert "sim-refresh-token" not in shown
