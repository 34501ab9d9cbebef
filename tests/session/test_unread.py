"""Answers given as they came: not parsed where they answer, read as ever where they refuse."""

from __future__ import annotations

import pytest

from ctrader_twisted import messages
from ctrader_twisted.errors import OutcomeUnknown, RateLimited
from ctrader_twisted.sim.testing import EUR_ACCOUNT, VenueKit
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.choice import Wire
from ctrader_twisted.wire.envelope import Envelope
from tests.session.conversation import (
    APPLICATION_AUTH,
    HISTORY,
    LOGOUT,
    NEW_ORDER,
    PREFIX,
    Talk,
    account_auth,
    filled,
    refusal,
    reply,
    spots,
)

BARS_RES = catalogue.payload_type(messages.ProtoOAGetTrendbarsRes)


def unread(talk: Talk, message: object = HISTORY):
    request = talk.session.request(message, timeout=5.0, now=talk.now, unread=True)
    talk.sent()
    return request


def test_what_answers_is_given_as_it_came_even_if_nobody_could_parse_it() -> None:
    talk = Talk().standing()
    request = unread(talk)
    envelope = Envelope(BARS_RES, b"\xff\xff", request.envelope.client_msg_id)
    [settled] = talk.hear(envelope)
    assert settled.result is envelope
    assert settled.envelope is envelope
    assert talk.session.in_flight == 0


def test_the_same_request_reads_its_answer_otherwise() -> None:
    talk = Talk().standing()
    request = talk.ask(HISTORY)
    talk.sent()
    [settled] = talk.hear(Envelope(BARS_RES, b"\xff\xff", request.envelope.client_msg_id))
    assert isinstance(settled.result, OutcomeUnknown)


def test_a_refusal_is_read_and_blocks_what_it_blocks() -> None:
    talk = Talk().standing()
    request = unread(talk)
    settled = talk.answer(request, refusal("BLOCKED_PAYLOAD_TYPE", retryAfter=7))
    assert isinstance(settled.result, RateLimited)
    assert settled.result.retry_after == 7
    assert talk.session.outbox.queue(talk.now).blocked == {"ProtoOAGetTrendbarsReq": 7.0}


def test_an_answer_ends_the_block() -> None:
    talk = Talk().standing()
    talk.answer(unread(talk), refusal("REQUEST_FREQUENCY_EXCEEDED"))
    talk.tick(1.0)
    request = unread(talk)
    talk.hear(reply(request, filled(messages.ProtoOAGetTrendbarsRes)))
    talk.answer(unread(talk), refusal("REQUEST_FREQUENCY_EXCEEDED"))
    assert talk.session.outbox.queue(talk.now).blocked == {"ProtoOAGetTrendbarsReq": 1.0}  # the first step again


def test_what_refuses_a_command_is_read() -> None:
    talk = Talk().standing()
    request = unread(talk, NEW_ORDER)
    settled = talk.answer(request, messages.ProtoOAOrderErrorEvent(errorCode="MARKET_CLOSED", ctidTraderAccountId=1))
    assert getattr(settled.result, "code", None) == "MARKET_CLOSED"


@pytest.mark.parametrize(
    "message", [APPLICATION_AUTH, account_auth(), LOGOUT, spots(1)], ids=lambda m: type(m).__name__
)
def test_what_the_session_goes_by_can_not_be_had_unread(message: object) -> None:
    talk = Talk().standing()
    with pytest.raises(ValueError, match=f"{type(message).__name__} can't be had unread"):
        unread(talk, message)
    assert talk.session.in_flight == 0


def test_ids_go_on() -> None:
    talk = Talk().standing()
    assert unread(talk).envelope.client_msg_id.startswith(PREFIX)


@pytest.mark.parametrize("wire", list(Wire))
def test_over_every_wire_it_is_protobuf(wire: Wire) -> None:
    with VenueKit(wire=wire) as kit:
        client = kit.ready_client(EUR_ACCOUNT)
        now = kit.venue.now()
        asked = messages.ProtoOAGetTrendbarsReq(
            ctidTraderAccountId=EUR_ACCOUNT, symbolId=1, period=1, fromTimestamp=now - 3_600_000, toTimestamp=now
        )
        read = kit.settle(client.request(asked))
        heard = []
        client.on(messages.ProtoOAGetTrendbarsRes, heard.append)
        envelope = kit.settle(client.request_unread(asked))
        assert envelope.payload_type == BARS_RES
        assert messages.ProtoOAGetTrendbarsRes.FromString(envelope.payload) == read
        assert heard == [read]  # who listens has it read, whatever the asker wants
        assert len(read.trendbar) > 50
