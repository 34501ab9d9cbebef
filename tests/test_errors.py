"""The tree of exceptions is the one that its module draws, and each says in a sentence what its fields say."""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil
import re
import traceback
from datetime import UTC, datetime

import pytest

from ctrader_twisted import errors
from ctrader_twisted.errors import (
    AmbiguousSymbol,
    AnswerTimeout,
    BadVolume,
    CallTimeout,
    CannotWait,
    ClientClosed,
    ConfigurationError,
    ConnectionFailed,
    DeadPeer,
    DryRun,
    EventsDropped,
    ExtraMissing,
    FrameTooLong,
    HandshakeRefused,
    HistoryIncomplete,
    HistoryRefused,
    IncompleteMessage,
    IncompletePayload,
    LevelsMissing,
    LevelsRefused,
    LocalError,
    NeverArrived,
    NoProgress,
    NotARequest,
    NotFilled,
    NotWorking,
    OpenApiError,
    OrderEnded,
    OrderNotPlaced,
    OrderRefused,
    OutcomeUnknown,
    PriceRefused,
    QueueFull,
    RateLimited,
    RecordingStoreError,
    RemoteError,
    RequestFailed,
    RequestNotSent,
    SafetyRefused,
    SendTimeout,
    ServerError,
    TradingHalted,
    TruncatedFrame,
    UndecodableEnvelope,
    UndecodablePayload,
    UnknownPayloadType,
    UnknownSymbol,
    ValueRefused,
    VolumeRefused,
    WebSocketClosed,
    WebSocketViolation,
)
from ctrader_twisted.market import Lots

ROOMS = [importlib.import_module(f"{errors.__name__}.{room.name}") for room in pkgutil.iter_modules(errors.__path__)]
CLASSES = sorted(
    {
        cls
        for room in ROOMS
        for _, cls in inspect.getmembers(room, inspect.isclass)
        if issubclass(cls, BaseException) and cls.__module__.startswith(errors.__name__)
    },
    key=lambda cls: cls.__name__,
)


def drawn() -> dict[str, str]:
    """Each class of the docstring's drawing, and what it hangs from."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│ ├└─]*)([A-Z][A-Za-z]+)(?:\s|$)", line)
        if found:
            depth, name = len(found[1]), found[2]
            above = [(at, parent) for at, parent in above if at < depth]
            parents[name] = above[-1][1] if above else "Exception"
            above.append((depth, name))
    return parents


def test_the_drawing_is_the_tree() -> None:
    assert {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES} == drawn()


def test_the_docstring_names_every_room() -> None:
    named = set(re.findall(r"^\* `([a-z]+)` ", errors.__doc__ or "", re.MULTILINE))
    assert named == {room.__name__.rpartition(".")[2] for room in ROOMS}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_exception_is_imported_from_one_place_and_says_so(cls: type[OpenApiError]) -> None:
    assert cls.__name__ in errors.__all__
    assert getattr(errors, cls.__name__) is cls
    assert f"{cls.__module__}.{cls.__qualname__}" == f"ctrader_twisted.errors.{cls.__name__}"


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls is not OpenApiError], ids=lambda cls: cls.__name__)
def test_every_exception_says_whose_fault_it_is(cls: type[OpenApiError]) -> None:
    assert (
        sum(
            issubclass(cls, root)
            for root in (LocalError, RemoteError, OrderEnded, RequestFailed, HistoryIncomplete, CallTimeout)
        )
        == 1
    )


@pytest.mark.parametrize("cls", [SendTimeout, AnswerTimeout])
def test_a_time_out_is_pythons_own_too(cls: type[RequestFailed]) -> None:
    with pytest.raises(TimeoutError) as caught:
        raise cls("ProtoOATraderReq", "no answer within 5 s", 7)
    assert caught.value.args == ("ProtoOATraderReq", "no answer within 5 s", 7)
    assert caught.value.errno is None
    assert caught.value.filename is None


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConfigurationError("a.toml", "x.y", "is 3", "Give 4."), "a.toml: x.y: is 3. Give 4."),
        (ConfigurationError("a.toml", "", "can't be read", "Make it."), "a.toml: can't be read. Make it."),
        (RecordingStoreError("m", "is taken", "give another"), "m is taken: give another"),
        (NoProgress(5), "the server says that there is more before 5 ms, and gives nothing new"),
        (HistoryRefused("no period 'M7'", "give one of M1"), "no period 'M7': give one of M1"),
        (ExtraMissing("polars", "a DataFrame", "polars"), 'a DataFrame needs polars: pip install "polars"'),
        (
            HistoryIncomplete("EURUSD M1", datetime(2026, 3, 3, tzinfo=UTC), "lost"),
            "EURUSD M1 ended at 2026-03-03T00:00:00+00:00: lost",
        ),
        (IncompleteMessage("ProtoOATraderReq", ["a", "b.c"]), "ProtoOATraderReq lacks a, b.c: set every required"),
        (NotARequest("ProtoOASpotEvent"), "ProtoOASpotEvent is not a request"),
        (EventsDropped(3, 1000), "3 events were dropped because the reader fell more than 1000 events behind"),
        (ClientClosed(), "the client was closed"),
        (
            CallTimeout("account.check()", 5.0, "it was given up"),
            "account.check() did not end within 5 s: it was given",
        ),
        (CannotWait("account.check()", "it would wait", "do not"), "account.check(): it would wait: do not"),
        (OrderNotPlaced("it can't be", "do this"), "it can't be: do this"),
        (
            VolumeRefused("EURUSD", Lots("0.015"), "is not a multiple of 0.01 lots", [Lots("0.01"), Lots("0.02")]),
            "0.015 lots of EURUSD is not a multiple of 0.01 lots: 0.01 or 0.02 lots would be accepted",
        ),
        (
            VolumeRefused("X", "3", "is odd", ["2 lots", "400 units"]),
            "3 of X is odd: 2 lots or 400 units would be accepted",
        ),
        (VolumeRefused("X", "3", "is odd"), "3 of X is odd: nothing close to it would be accepted"),
        (VolumeRefused("X", "3", "is odd", remedy="give 4"), "3 of X is odd: give 4"),
        (
            PriceRefused("EURUSD", "1.105003", "has more than 5 decimal places", ["1.10500", "1.10501"]),
            "a price of 1.105003 for EURUSD has more than 5 decimal places: 1.10500 or 1.10501 would be accepted",
        ),
        (LevelsRefused("EURUSD", "no", "do this"), "EURUSD: no: do this"),
        (UnknownSymbol("X"), 'the account has no symbol "X": see which it has with "ctrader symbols"'),
        (UnknownSymbol("X", ["A"]), 'the account has no symbol "X": did you mean A?'),
        (UnknownSymbol("X", ["US 30", "UK 30", "C"]), 'the account has no symbol "X": did you mean US 30, UK 30 or C?'),
        (UnknownSymbol("x", ["A"], "Y"), 'the account has no symbol "Y", which "x" is an alias of: did you mean A?'),
        (AmbiguousSymbol("X", ["X.a", "X.b"]), '"X" may mean X.a or X.b: write the whole name, or give the account an'),
        (
            SafetyRefused("max_volume", "3 lots are more than 2", "ask for less"),
            "max_volume: 3 lots are more than 2: ask",
        ),
        (
            DryRun("BUY 1 lots of EURUSD"),
            "BUY 1 lots of EURUSD was not sent, since this is a dry run: turn dry_run off",
        ),
        (TradingHalted("flattened"), "trading is halted (flattened): resume trading"),
        (TradingHalted(""), "trading is halted: resume trading"),
        (FrameTooLong(20, 10), "a frame of 20 bytes was announced, 10 are allowed"),
        (FrameTooLong(0x48545450, 10), "the peer answers in HTTP: its port may be for WebSocket alone"),
        (TruncatedFrame(5, 9), "the stream ended after 5 of 9 bytes of a frame"),
        (TruncatedFrame(2, None), "the stream ended after 2 of an unknown number of bytes of a frame"),
        (UndecodableEnvelope(4), "a frame of 4 bytes does not hold a ProtoMessage"),
        (UndecodablePayload("ProtoOASpotEvent", 4), "a payload of 4 bytes does not parse as ProtoOASpotEvent"),
        (
            UndecodablePayload("ProtoOASpotEvent", 4, "bid takes a whole number"),
            "a payload of 4 bytes does not parse as ProtoOASpotEvent: bid takes a whole number",
        ),
        (
            IncompletePayload("ProtoOATraderRes", 4, ["trader.balance"], payload_type=2122, client_msg_id="id"),
            "a payload of 4 bytes does not parse as ProtoOATraderRes: it lacks trader.balance",
        ),
        (WebSocketViolation("a masked frame"), "the peer broke the rules of WebSocket: a masked frame"),
        (HandshakeRefused("demo", "403", "ask them", 403, "no entry", 5.0), "demo: 403 (ask them): no entry"),
        (WebSocketClosed("demo", "closed: 1001", 1001, "going"), "demo: closed: 1001"),
        (UnknownPayloadType(9999), "payload type 9999 is not in the schema"),
        (ConnectionFailed("demo", "refused"), "demo: refused"),
        (DeadPeer("demo", "nothing arrived for 75 s"), "demo: nothing arrived for 75 s"),
        (ServerError("ODD"), "the server: ODD"),
        (OrderRefused("ODD", "why", request="R", account_id=7), "R: ODD (why), account 7"),
        (BadVolume("ODD", "why", request="R"), "R: ODD (why). Ask for a multiple of the symbol's stepVolume"),
        (OrderRefused("ODD", request="R", remedy="Do this."), "R: ODD. Do this."),
        (RateLimited("ODD", request="R", retry_after=2.5), "R: ODD, blocked for 2.5 s"),
        (
            RequestNotSent("R", "no connection", 7),
            "R for account 7: no connection; it was never sent and may be repeated",
        ),
        (QueueFull("R", "9 wait"), "R: 9 wait; it was never sent and may be repeated"),
        (SendTimeout("R", "late"), "R: late; it was never sent and may be repeated"),
        (OutcomeUnknown("R", "cut"), "R: cut; it was sent, its outcome is unknown: reconcile before repeating it"),
        (NeverArrived("order 7", 10.2, 7), "order 7 for account 7: no answer came, and 10 s later the server knows"),
        (NotFilled("order 7", "cancelled", 0, 100), "order 7: cancelled, nothing of it was executed: look at"),
        (NotFilled("order 7", "expired", 50, 100), "order 7: expired, 50 of 100 hundredths of a unit was executed"),
        (
            NotFilled("order 7", "expired", 500_000, 10**6, Lots("0.05"), Lots("0.1")),
            "order 7: expired, 0.05 of 0.1 lots was executed: look at",
        ),
        (
            NotFilled("order 7", "cancelled", 0, 10**6, Lots(0), Lots("0.1")),
            "order 7: cancelled, nothing of it was executed: look at",
        ),
        (
            LevelsMissing("order 7", 5, ["stop loss", "take profit"]),
            "order 7: filled, but position 5 is open without its stop loss and take profit: call set_levels, or close",
        ),
        (NotWorking("order 7", "filled"), "order 7: filled: look at the account's positions and pending orders"),
        (AnswerTimeout("R", "late", 7), "R for account 7: late; it was sent, its outcome is unknown: reconcile"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_exception_makes_a_sentence_of_its_fields_and_survives_pickling(error: Exception, sentence: str) -> None:
    assert str(error).startswith(sentence)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_only_what_loses_the_stream_is_fatal() -> None:
    assert {cls.__name__ for cls in CLASSES if getattr(cls, "fatal", False)} == {
        "FrameTooLong",
        "TruncatedFrame",
        "WebSocketViolation",
    }


@pytest.mark.parametrize(
    "cls",
    [cls for cls in CLASSES if issubclass(cls, OrderRefused)],
    ids=lambda cls: cls.__name__,
)
def test_every_kind_of_refused_order_says_what_to_do(cls: type[OrderRefused]) -> None:
    error = cls("ODD")
    assert error.remedy[:1].isupper() and error.remedy.endswith(".")
    assert str(error) == f"the server: ODD. {error.remedy}"


@pytest.mark.parametrize(
    "error",
    [
        NotWorking("order 7", "filled"),
        NotFilled("order 7", "cancelled", 0, 100),
        LevelsMissing("order 7", 3, ["stop loss"]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_order_of_another_end_says_once_what_to_do(error: OrderEnded) -> None:
    assert error.remedy and str(error).endswith(f": {error.remedy}")
    assert str(error).count(error.remedy) == 1


ORDERS_FAIL_WITH = (OrderNotPlaced, OrderEnded, ServerError, RequestFailed, ClientClosed, CallTimeout)
"""The roots of what a command of an account, or what waits for an order, fails with."""

MADE_OF: dict[type[OpenApiError], tuple[object, ...]] = {
    OrderNotPlaced: ("it can't be", "do this"),
    ValueRefused: ("EURUSD", "0.015 lots", "is odd"),
    LevelsRefused: ("EURUSD", "no", "do this"),
    SafetyRefused: ("max_volume", "too much", "ask for less"),
    UnknownSymbol: ("X",),
    AmbiguousSymbol: ("X", ["X.a", "X.b"]),
    DryRun: ("BUY 1 lots",),
    TradingHalted: ("flattened",),
    OrderEnded: ("order 7", "filled"),
    NotFilled: ("order 7", "cancelled", 0, 100),
    LevelsMissing: ("order 7", 3, ["stop loss"]),
    ServerError: ("INVALID_REQUEST",),
    RequestFailed: ("R", "lost"),
    NeverArrived: ("order 7", 10.0),
    ClientClosed: (),
    CallTimeout: ("account.check()", 5.0, "it goes on"),
}


@pytest.mark.parametrize(
    "cls", [cls for cls in CLASSES if issubclass(cls, ORDERS_FAIL_WITH)], ids=lambda cls: cls.__name__
)
def test_whatever_an_order_fails_with_says_what_to_do(cls: type[OpenApiError]) -> None:
    made_of = next(MADE_OF[base] for base in cls.__mro__ if base in MADE_OF)
    error = cls(*made_of)
    assert error.remedy and error.remedy.strip() == error.remedy  # type: ignore[attr-defined]


def test_an_id_that_nothing_was_sent_with_is_to_be_checked() -> None:
    assert "Check the id" in NeverArrived("order 7", 10.0, 7, sent=False).remedy
    assert "again" in NeverArrived("order 7", 10.0, 7).remedy


def test_a_traceback_names_the_place_to_import_from() -> None:
    shown = traceback.format_exception_only(BadVolume("ODD"))
    assert shown[0].startswith("ctrader_twisted.errors.BadVolume: ")
    assert b"cctrader_twisted.errors\nBadVolume\n" in pickle.dumps(BadVolume("ODD"), protocol=0)


def test_a_traceback_shows_each_remedy_once() -> None:
    for error in (RateLimited("ODD"), BadVolume("ODD")):
        shown = "".join(traceback.format_exception(error))
        assert error.remedy and shown.count(error.remedy) == 1
