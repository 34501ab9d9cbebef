"""No secret shows: every path is walked with marked secrets, and everything that can be shown is searched for them.

Shown is what is logged (formatted, and each value of the event), every repr and str of an object of this package, every
exception with its notes and arguments, and what an uncaught one prints.
"""

from __future__ import annotations

import base64
import gc
import json
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import Message
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from ctrader_twisted import Application, Environment, OpenApiClient, Wire, messages
from ctrader_twisted.errors import OpenApiError, TokenStoreError
from ctrader_twisted.flight import FlightRecorder
from ctrader_twisted.session.events import EVENTS
from ctrader_twisted.sim import script
from ctrader_twisted.sim.accounts import Application as Registered
from ctrader_twisted.sim.accounts import Grant as Granted
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount, MemoryTokenStore, TokenKeeper
from ctrader_twisted.wire import codec
from tests.session.conversation import filled
from tests.shell.memory import ACCOUNT, Memory, outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARK = "xXmarkedXx"
SECRET, ACCESS, REFRESH = f"secret-{MARK}", f"access-{MARK}", f"refresh-{MARK}"
SECRETS = (SECRET, ACCESS, REFRESH)

no_wire = pytest.mark.wires(Wire.PROTOBUF)  # nothing is sent: once is enough


class Shown:
    """Everything that was shown, to be searched in the end for everything that was secret."""

    def __init__(self) -> None:
        self.secrets = {MARK}
        self.texts: set[tuple[str, str]] = set()
        self.objects = 0

    def __call__(self, event: dict[str, Any]) -> None:
        self.text(formatEvent(event), "a log line")
        for key, value in event.items():
            if key == "log_failure":
                self.text(value.getTraceback(), "a logged traceback")
            else:
                self.text(f"{value!r} {value}", f"{key} of a logged event")

    def text(self, text: str, where: str) -> None:
        """Take note of a text."""
        self.texts.add((where, text))

    def error(self, error: BaseException) -> None:
        """Take note of an exception, and of what is printed if nobody catches it."""
        for text in (repr(error), str(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error)):
            self.text(text, f"a {type(error).__name__}")
        self.text(Failure(error).getTraceback(), f"the Failure of a {type(error).__name__}")

    def everything(self) -> None:
        """Take note of the repr and str of every object of this package that there is.

        The server's own messages are left out: a reason in which it repeats a token is shown as it wrote it.
        """
        for item in gc.get_objects():
            module = type(item).__module__
            if isinstance(item, type | Message) or not isinstance(module, str):
                continue
            if module.startswith("ctrader_twisted"):
                self.objects += 1
                self.text(f"{item!r} {item}", f"a {type(item).__qualname__}")

    def tokens_of(self, venue: VenueKit) -> None:
        """Take note of every token that the venue has given out."""
        for granted in venue.venue.registry.grants:
            self.secrets |= {granted.access_token, granted.refresh_token}

    def leaks(self) -> list[str]:
        """Give where a secret was shown."""
        return [
            f"{where}: {text[:300]}" for where, text in self.texts if any(secret in text for secret in self.secrets)
        ]


@pytest.fixture
def shown(logged_errors: Any) -> Iterator[Shown]:
    watch = Shown()
    globalLogPublisher.addObserver(watch)
    # Errors are part of the walk.
    globalLogPublisher.removeObserver(logged_errors)
    try:
        yield watch
        watch.everything()
        assert watch.leaks() == []
    finally:
        globalLogPublisher.addObserver(logged_errors)
        globalLogPublisher.removeObserver(watch)


@pytest.fixture
def kit(wire: Wire) -> VenueKit:
    """A venue whose secrets are marked, those that it begins with."""
    return VenueKit(
        wire=wire,
        applications=[Registered("the-id", SECRET)],
        grants=[Granted((EUR_ACCOUNT, USD_ACCOUNT), ACCESS, REFRESH)],
    )


def client_of(venue: VenueKit, keeper: TokenKeeper | None = None, **given: Any) -> OpenApiClient:
    return OpenApiClient(
        venue.clock,
        Application("the-id", given.pop("secret", SECRET)),
        Environment("simulator", "127.0.0.1", live=False, wire=venue.wire),
        opening=partial(
            venue.network.connect, server=venue.venue.json_factory if venue.wire is Wire.JSON else venue.venue.factory
        ),
        tokens=keeper,
        **given,
    ).start()


def grants(access: str = ACCESS, refresh: str | None = REFRESH, **given: Any) -> Grant:
    given.setdefault("expires_at", 30 * 86_400.0)
    return Grant(
        "default", access, refresh, accounts=(GrantedAccount(EUR_ACCOUNT), GrantedAccount(USD_ACCOUNT)), **given
    )


@no_wire
def test_the_search_finds_what_is_shown() -> None:
    shown = Shown()
    shown({"log_format": "{x}", "x": SECRET})
    shown.error(ValueError(ACCESS))
    shown.error(TokenStoreError("there", REFRESH, ""))
    assert len(shown.leaks()) >= 6


@pytest.mark.parametrize(
    "fault",
    [
        script.invalidate_token(f"{ACCESS} was revoked"),
        script.disconnect_account(),
        script.disconnect_client(f"{SECRET} was seen elsewhere"),
        script.cut(),
        script.abort(),
        script.garbage(f"{ACCESS}{SECRET}".encode()),
        script.drop_answers(3),
        script.unknown_payload_type(),
    ],
    ids=["token", "account", "client", "cut", "abort", "garbage", "dropped", "unknown"],
)
def test_losses(shown: Shown, kit: VenueKit, fault: script.Action, tmp_path: Path) -> None:
    with kit as venue:
        keeper = TokenKeeper(MemoryTokenStore([grants()]), venue.clock)
        recorder = FlightRecorder(tmp_path / "flight.jsonl")
        client = client_of(venue, keeper, tap=recorder)
        ends: list[Any] = []
        for cls in EVENTS:
            client.on(cls, ends.append)
        venue.settle(client.authorise(EUR_ACCOUNT))
        venue.settle(client.authorise(USD_ACCOUNT))
        pending = [outcome(client.trader(ctidTraderAccountId=EUR_ACCOUNT)) for _ in range(3)]
        venue.venue.play(fault)
        pending += [outcome(client.refresh_token(refreshToken=f"never-given-{MARK}"))]
        for _ in range(15):
            venue.advance(10)
            shown.tokens_of(venue)
        for result in pending:
            for one in result:
                if isinstance(one, OpenApiError):
                    shown.error(one)
        for event in ends:
            shown.text(repr(event), "an event")
        shown.everything()
        venue.settle(client.close())
        assert shown.objects > 20
        recorder.close()
    for part in tmp_path.iterdir():
        text = part.read_text("utf-8")
        assert len(text) > 500
        shown.text(text, "the recording")
        for line in text.splitlines():
            shown.text(repr(_payload(line)), "a recorded payload")


def test_refusals(shown: Shown, kit: VenueKit) -> None:
    with kit as venue:
        wrong = client_of(venue, secret=f"wrong-{MARK}")
        for result in (outcome(wrong.when_ready()), outcome(wrong.authorise(EUR_ACCOUNT, ACCESS))):
            venue.advance(5)
            shown.error(result[0])
        client = client_of(venue)
        for ask in (
            lambda: client.authorise(EUR_ACCOUNT, f"wrong-{MARK}"),
            lambda: client.authorise(99, ACCESS),
            lambda: client.refresh_token(refreshToken=f"wrong-{MARK}"),
            lambda: client.get_account_list_by_access_token(accessToken=f"wrong-{MARK}"),
            lambda: client.get_ctid_profile_by_token(accessToken=f"wrong-{MARK}"),
            lambda: client.authorise(USD_ACCOUNT, ACCESS, timeout=0.0),
        ):
            result = outcome(ask())
            venue.advance(5)
            assert isinstance(result[0], BaseException)
            shown.error(result[0])
        with pytest.raises(TypeError) as caught:
            client.account_auth(ctidTraderAccountId="x", accessToken=ACCESS)  # type: ignore[arg-type]
        shown.text(str(caught.value), "a TypeError")
        shown.everything()
        venue.settle(wrong.close())
        venue.settle(client.close())


@pytest.mark.parametrize("code", ["CH_ACCESS_TOKEN_INVALID", "INVALID_REQUEST", "SOMETHING_ELSE", "ACCESS_DENIED"])
def test_a_server_that_repeats_secrets(shown: Shown, code: str) -> None:
    clock = Clock()
    keeper = TokenKeeper(MemoryTokenStore([Grant("default", ACCESS, REFRESH, 60.0)]), clock)
    m = Memory(clock=clock, tokens=keeper).ready()
    result = outcome(m.client.authorise(ACCOUNT))
    said = f"bad: {ACCESS}, {REFRESH}"
    for _ in range(4):
        for request in m.sent():
            m.say(messages.ProtoOAErrorRes(errorCode=code, description=said), to=request)
        clock.advance(3)
    for error in result:
        shown.error(error)
    for event in m.told:
        shown.text(repr(event), "an event")
    shown.text(repr(m.client.account_status(ACCOUNT)), "a status")
    m.say(messages.ProtoErrorRes(errorCode=code, description=said))
    m.say(messages.ProtoOAClientDisconnectEvent(reason=said))
    m.end()
    shown.text(repr(m.told) + "".join(str(getattr(e, "reason", "")) for e in m.told), "an event")
    m.client.close()


@no_wire
def test_every_message_that_holds_a_secret(shown: Shown) -> None:
    kept: list[Any] = []
    for name in messages.__all__:
        cls = getattr(messages, name)
        descriptor = getattr(cls, "DESCRIPTOR", None)
        fields = getattr(descriptor, "fields_by_name", {})
        for field in {"accessToken", "refreshToken", "clientSecret"} & set(fields):
            message = filled(cls, **{field: f"{field}-{MARK}"})
            kept += [message, codec.pack(message, "id"), Exception(message)]
    assert len(kept) == 24
    for item in kept:
        shown.text(f"{item!r} {item}", type(item).__name__)


@no_wire
def test_the_token_store(shown: Shown, tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "tokens.json"
    store = FileTokenStore(path, clock)
    keeper = TokenKeeper(store, clock)
    outcome(keeper.update(grants()))
    assert MARK in path.read_text("utf-8")
    for damage in (
        b"{",
        b'{"version": 1, "grants": {"default": "' + ACCESS.encode() + b'"}}',
        b"\xff" + ACCESS.encode(),
    ):
        path.write_bytes(damage)
        for result in (outcome(store.load()), outcome(keeper.load())):
            assert isinstance(result[0], TokenStoreError)
            shown.error(result[0])
    path.unlink()
    path.mkdir()
    for result in (outcome(store.load()), outcome(store.save(grants())), outcome(store.check_writable())):
        assert isinstance(result[0], TokenStoreError)
        shown.error(result[0])


def _payload(line: str) -> bytes:
    return base64.b64decode(json.loads(line).get("payload") or "")
