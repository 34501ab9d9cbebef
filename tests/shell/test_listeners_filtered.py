"""Listeners and streams of one account or one symbol."""

from __future__ import annotations

import re
from typing import Any

import pytest
from google.protobuf.message import Message

from ctrader_twisted import Envelope, messages
from ctrader_twisted.market import LightQuote, SpotColumns
from ctrader_twisted.session.events import AccountChanged, Problem, Resynchronised
from tests.shell.memory import ACCOUNT, Memory, collector

OTHER = ACCOUNT + 1


def spot(account_id: int, symbol_id: int, bid: int = 1) -> messages.ProtoOASpotEvent:
    return messages.ProtoOASpotEvent(ctidTraderAccountId=account_id, symbolId=symbol_id, bid=bid)


ALL = [spot(account_id, symbol_id) for account_id in (ACCOUNT, OTHER) for symbol_id in (1, 2)]


def keys(events: list[messages.ProtoOASpotEvent]) -> list[tuple[int, int]]:
    return [(event.ctidTraderAccountId, event.symbolId) for event in events]


@pytest.mark.parametrize(
    ("account_id", "symbol_id", "expected"),
    [
        (None, None, [(ACCOUNT, 1), (ACCOUNT, 2), (OTHER, 1), (OTHER, 2)]),
        (OTHER, None, [(OTHER, 1), (OTHER, 2)]),
        (None, 2, [(ACCOUNT, 2), (OTHER, 2)]),
        (OTHER, 2, [(OTHER, 2)]),
        (0, None, []),
        (None, 0, []),
    ],
)
def test_a_listener_hears_of_its_account_and_symbol_only(
    account_id: int | None, symbol_id: int | None, expected: list[tuple[int, int]]
) -> None:
    m = Memory().ready()
    seen: list[messages.ProtoOASpotEvent] = []
    append = seen.append
    m.client.on(messages.ProtoOASpotEvent, append, account_id=account_id, symbol_id=symbol_id)
    stream = m.client.events(messages.ProtoOASpotEvent, account_id=account_id, symbol_id=symbol_id)
    m.say(*ALL)
    assert keys(seen) == expected
    assert m.client.off(messages.ProtoOASpotEvent, append)
    m.say(*ALL)
    assert keys(seen) == expected
    stream.close()
    streamed: list[messages.ProtoOASpotEvent] = []
    while len(stream):
        stream.__anext__().addCallback(streamed.append)
    assert keys(streamed) == expected * 2


def test_once_waits_for_the_one_it_is_for_and_can_be_taken_back() -> None:
    m = Memory().ready()
    seen: list[messages.ProtoOASpotEvent] = []
    append = seen.append
    m.client.once(messages.ProtoOASpotEvent, append, symbol_id=2)
    m.say(*ALL)
    assert keys(seen) == [(ACCOUNT, 2)]
    m.client.once(messages.ProtoOASpotEvent, append, account_id=OTHER)
    assert m.client.off(messages.ProtoOASpotEvent, append)
    assert not m.client.off(messages.ProtoOASpotEvent, append)
    m.say(*ALL)
    assert keys(seen) == [(ACCOUNT, 2)]


def test_the_decorator_takes_them_too() -> None:
    m = Memory().ready()
    seen: list[messages.ProtoOASpotEvent] = []

    @m.client.on(messages.ProtoOASpotEvent, account_id=OTHER, symbol_id=1)
    def listener(event: messages.ProtoOASpotEvent) -> None:
        seen.append(event)

    m.say(*ALL)
    assert keys(seen) == [(OTHER, 1)]


def test_light_quotes_and_events_of_the_library_know_their_account() -> None:
    m = Memory().ready()
    quotes: list[LightQuote] = []
    m.client.on(LightQuote, quotes.append, account_id=ACCOUNT, symbol_id=2)
    m.say(*ALL)
    assert [(quote.account_id, quote.symbol_id) for quote in quotes] == [(ACCOUNT, 2)]
    changed: list[AccountChanged] = []
    m.client.on(AccountChanged, changed.append, account_id=OTHER)
    every = collector(m.client, AccountChanged)
    for account_id in (ACCOUNT, OTHER):
        m.authorised(account_id)
    assert {event.account_id for event in every} == {ACCOUNT, OTHER}
    assert {event.account_id for event in changed} == {OTHER}


def test_an_event_that_names_several_is_for_each_of_them() -> None:
    m = Memory().ready()
    symbols: list[messages.ProtoOASymbolChangedEvent] = []
    tokens: list[messages.ProtoOAAccountsTokenInvalidatedEvent] = []
    m.client.on(messages.ProtoOASymbolChangedEvent, symbols.append, symbol_id=2)
    m.client.on(messages.ProtoOAAccountsTokenInvalidatedEvent, tokens.append, account_id=OTHER)
    m.say(
        messages.ProtoOASymbolChangedEvent(ctidTraderAccountId=ACCOUNT, symbolId=[1, 2]),
        messages.ProtoOASymbolChangedEvent(ctidTraderAccountId=ACCOUNT, symbolId=[1, 3]),
        messages.ProtoOAAccountsTokenInvalidatedEvent(ctidTraderAccountIds=[ACCOUNT, OTHER]),
        messages.ProtoOAAccountsTokenInvalidatedEvent(ctidTraderAccountIds=[ACCOUNT]),
    )
    assert [list(event.symbolId) for event in symbols] == [[1, 2]]
    assert [list(event.ctidTraderAccountIds) for event in tokens] == [[ACCOUNT, OTHER]]


@pytest.mark.parametrize(
    ("cls", "wanted"),
    [
        (messages.ProtoHeartbeatEvent, {"account_id": 1}),
        (messages.ProtoOAExecutionEvent, {"symbol_id": 1}),
        (Resynchronised, {"symbol_id": 1}),
        (Problem, {"account_id": 1}),
        (SpotColumns, {"account_id": 1}),
        (Message, {"account_id": 1}),
        (Envelope, {"account_id": 1}),
        (int, {"account_id": 1}),
    ],
)
def test_events_that_do_not_say_whose_they_are_can_t_be_chosen(cls: type, wanted: dict[str, int]) -> None:
    m = Memory().ready()
    (what,) = wanted
    with pytest.raises(TypeError, match=f"^{cls.__name__} does not say one {what}: listen without it"):
        m.client.on(cls, print, **wanted)
    with pytest.raises(TypeError, match="does not say"):
        m.client.once(cls, print, **wanted)
    with pytest.raises(TypeError, match="does not say"):
        m.client.events(messages.ProtoOASpotEvent, cls, **wanted)
    assert not m.client.off(cls, print)


@pytest.mark.parametrize("wrong", ["2", 2.0, True, [2]])
@pytest.mark.parametrize("what", ["account_id", "symbol_id"])
def test_what_is_no_id_is_refused(what: str, wrong: Any) -> None:
    m = Memory().ready()
    wanted = {what: wrong}
    with pytest.raises(TypeError, match=rf"^{what} is {re.escape(repr(wrong))}, no whole number: .*`.*{what}`"):
        m.client.on(messages.ProtoOASpotEvent, print, **wanted)
    assert not m.client.off(messages.ProtoOASpotEvent, print)
