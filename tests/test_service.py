"""The daemon's services, joined to a simulated venue in memory: no socket, no TLS, no waiting."""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from twisted.application.service import Application, Service
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, Logger, LogLevel, formatEvent, globalLogPublisher
from twisted.python import usage
from twisted.python.failure import Failure

from ctrader_twisted import config, documents, messages
from ctrader_twisted.account import Safety
from ctrader_twisted.documents.symbols import Symbols
from ctrader_twisted.errors import (
    CannotRoute,
    ConfigurationError,
    ConnectionFailed,
    OrderRefused,
    SafetyRefused,
    TokenStoreError,
    TradingHalted,
)
from ctrader_twisted.flight import Opened, Said, read
from ctrader_twisted.market import Bar, Lots, Money
from ctrader_twisted.outputs import encode
from ctrader_twisted.service import Options, makeService, prepare, stderr_observer
from ctrader_twisted.service.daemon import Daemon
from ctrader_twisted.service.environment import OTHER_EVENTS
from ctrader_twisted.service.log import LineObserver
from ctrader_twisted.service.recorder import Output, Recorder
from ctrader_twisted.session.book import Difference
from ctrader_twisted.session.events import Ready, Resynchronised, Subscription
from ctrader_twisted.sim import script
from ctrader_twisted.sim.options import Options as VenueOptions
from ctrader_twisted.sim.testing import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    EUR_ACCOUNT,
    REFRESH_TOKEN,
    USD_ACCOUNT,
    VenueKit,
)
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount, MemoryTokenStore, TokenKeeper
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.choice import Wire
from ctrader_twisted.wire.envelope import Envelope
from tests.market.recorded import needs_recordings, recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from google.protobuf.message import Message

ROOT = Path(__file__).parents[1]
SECRETS = (CLIENT_SECRET, ACCESS_TOKEN, REFRESH_TOKEN, "hush")
ENVIRON = {"CTRADER_CLIENT_ID": CLIENT_ID, "CTRADER_CLIENT_SECRET": CLIENT_SECRET, "CTRADER_ACCESS_TOKEN": ACCESS_TOKEN}


class Kept:
    """An output that keeps what it is given, as a reader would get it."""

    def __init__(self) -> None:
        self.name = "kept"
        self.written = self.lost = 0
        self.documents: list[dict[str, Any]] = []
        self.ended = False
        self.held: Deferred[None] | None = None

    def write(self, document: Mapping[str, object]) -> None:
        self.written += 1
        self.documents.append(json.loads(encode(document)))

    def close(self) -> Deferred[None]:
        self.ended = True
        done: Deferred[None] = self.held or Deferred()
        if self.held is None:
            done.callback(None)
        return done

    def abandon(self) -> None:
        self.ended = True


class Bench:
    """A daemon on the clock of a kit, with what it wrote, logged and left with."""

    def __init__(self, kit: VenueKit, folder: Path) -> None:
        self.kit = kit
        self.output = Kept()
        self.left: list[int] = []
        self.stopped = 0
        self.log: list[str] = []
        self.daemon: Daemon
        self._folder = folder
        kit.clock.callWhenRunning = lambda call: call()  # type: ignore[attr-defined]
        kit.clock.stop = self._stop  # type: ignore[attr-defined]

    def _stop(self) -> None:
        self.stopped += 1
        if self.stopped > 1:
            raise ReactorNotRunning

    def start(
        self,
        accounts: str = "",
        *,
        live: str = "false",
        environ: Mapping[str, str] = ENVIRON,
        events: frozenset[str] = frozenset(config.EVENTS),
        factories: tuple[Any, ...] = (),
        tables: str = "",
        **settings: Any,
    ) -> Bench:
        path = self._folder / "daemon.toml"
        services = "".join('[[service]]\nfactory = "a:b"\nsettings = { step = 5 }\n' for _ in factories)
        wire = self.kit.wire
        server = self.kit.venue.json_factory if wire is Wire.JSON else self.kit.venue.factory
        there = f'host = "127.0.0.1"\nport = 5035\nwire = "{wire.value}"'
        environment = f"[environment.kit]\n{there}\nlive = {live}\n{tables}\n"
        path.write_text(environment + (accounts or account()) + services + '[[output]]\npath = "-"\n', "utf-8")
        configuration = config.load(path, environ)
        clock = self.kit.clock
        output = Output(self.output, events)  # type: ignore[arg-type]
        self.daemon = Daemon(
            clock,
            configuration,
            Recorder(clock, [output]),
            factories=factories,
            leave=self.left.append,
            opening=partial(self.kit.network.connect, server=server),
            **settings,
        )
        self.daemon.startService()
        self.kit.pump()
        return self

    def stop(self) -> float:
        """Stop the daemon and say how long that took."""
        began = self.kit.clock.seconds()
        self.kit.settle(self.daemon.stopService(), 10)
        return self.kit.clock.seconds() - began

    def of(self, *events: str) -> list[dict[str, Any]]:
        return [document for document in self.output.documents if document["event"] in events]

    @property
    def client(self) -> Any:
        return self.daemon.environments[0].client


def account(
    account_id: int = EUR_ACCOUNT, symbols: str = '["EURUSD", "USDJPY"]', more: str = "", token: str | None = None
) -> str:
    own = "" if token is None else f'access_token = "{token}"\n'
    return f'[[account]]\nid = {account_id}\nenvironment = "kit"\nsymbols = {symbols}\n{own}{more}\n'


@pytest.fixture
def kit() -> Iterator[VenueKit]:
    with VenueKit(seed=3) as kit:
        yield kit


@pytest.fixture
def bench(kit: VenueKit, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(kit, tmp_path)

    def observe(event: Any) -> None:
        if event["log_level"] >= LogLevel.info:
            bench.log.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield bench
    if bench.daemon.running:
        assert bench.stop() < 5
    globalLogPublisher.removeObserver(observe)
    told = json.dumps(bench.output.documents) + "".join(bench.log)
    refreshed = [token for one in kit.venue.registry.grants for token in (one.access_token, one.refresh_token)]
    assert not [secret for secret in (*SECRETS, *refreshed) if secret in told], "a secret in an output or in the log"


# What is written


def test_from_the_first_connection_to_quotes_bars_and_depth(bench: Bench) -> None:
    bench.start(account(more='bars = { EURUSD = ["M1"], USDJPY = ["M1", "M5"] }\ndepth = ["USDJPY"]'))
    bench.kit.advance(130)
    first = [document["event"] for document in bench.output.documents[:3]]
    assert first == ["ready", "account", "account"]
    head = bench.output.documents[2]
    assert (head["environment"], head["account"], head["state"]) == ("kit", EUR_ACCOUNT, "authorised")
    quotes = bench.of("quote")
    assert {quote["symbol"] for quote in quotes} == {"EURUSD", "USDJPY"}
    assert all(re.fullmatch(r"\d+\.\d{5}", quote["bid"]) for quote in quotes if quote["symbol"] == "EURUSD")
    assert all(re.fullmatch(r"\d+\.\d{3}", quote["ask"]) for quote in quotes if quote["symbol"] == "USDJPY")
    assert all(Decimal(quote["bid"]) <= Decimal(quote["ask"]) for quote in quotes)
    assert {(bar["symbol"], bar["period"]) for bar in bench.of("bar")} >= {("EURUSD", "M1"), ("USDJPY", "M1")}
    (book, *_) = bench.of("depth")
    assert book["symbol"] == "USDJPY" and {new["side"] for new in book["new"]} == {"bid", "ask"}
    assert all(new["units"] and new["lots"] for new in book["new"])
    assert not bench.of("error", "disconnected")


def test_what_is_written_is_the_same_over_every_wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.normalvariate", lambda mean, deviation: mean)  # what delays are spread by
    written = {}
    for wire in Wire:
        with VenueKit(seed=3, wire=wire) as kit:
            bench = Bench(kit, tmp_path)
            bench.start(account(more='bars = ["M1", "M5"]\ndepth = ["USDJPY"]') + account(USD_ACCOUNT))
            kit.advance(70)
            kit.cut()
            kit.advance(70)
            kit.venue.registry.revoke(kit.venue.registry.grants[0])
            kit.advance(5)
            bench.stop()
            written[wire] = bench.output.documents
    protobuf = written.pop(Wire.PROTOBUF)
    assert {"ready", "account", "quote", "bar", "depth", "disconnected", "resynchronised"} <= {
        document["event"] for document in protobuf
    }
    for wire, same in written.items():
        for document in same:  # where a reason names the server, it names the wire too
            if document.get("reason"):
                document["reason"] = document["reason"].replace(f":5035, {wire.value})", ":5035)")
        assert same == protobuf, wire


def test_compression_is_offered_where_it_is_asked_for(tmp_path: Path) -> None:
    for compression in ("false", "true"):
        with VenueKit(wire="json", options=VenueOptions(compression=True)) as kit:
            bench = Bench(kit, tmp_path).start(account(), tables=f"compression = {compression}")
            kit.advance(5)
            assert bench.of("quote")
            assert str(bench.client._factory._settings.compression).lower() == compression
            bench.stop()


def test_the_closed_bars_are_those_of_history(bench: Bench) -> None:
    bench.start(account(more='bars = ["M1"]'))
    bench.kit.advance(200)
    written = [bar for bar in bench.of("bar") if bar["symbol"] == "EURUSD"]
    assert len(written) >= 3
    eurusd = bench.daemon.environments[0].accounts[EUR_ACCOUNT].symbols.find("EURUSD")
    page = bench.kit.settle(
        bench.client.get_trendbars(
            ctidTraderAccountId=EUR_ACCOUNT,
            symbolId=eurusd,
            period=messages.ProtoOATrendbarPeriod.M1,
            toTimestamp=bench.kit.venue.now(),
            count=10,
        )
    )
    history = {bar.utcTimestampInMinutes: bar for bar in page.trendbar}
    for bar in written:
        counted = history[int(_seconds(bar["opened"]) // 60)]
        low = counted.low
        prices = (low + counted.deltaOpen, low + counted.deltaHigh, low, low + counted.deltaClose)
        assert tuple(int(Decimal(bar[key]) * 100000) for key in ("open", "high", "low", "close")) == prices
        assert bar["ticks"] == counted.volume


def test_the_last_bar_before_a_weekend_is_written_on_friday_and_once(tmp_path: Path) -> None:
    closes = round(datetime(2026, 3, 6, 21, 55, tzinfo=UTC).timestamp() * 1000)
    with VenueKit(start=closes - 90_000) as kit:
        bench = Bench(kit, tmp_path).start(account(symbols='["EURUSD"]', more='bars = ["M1"]'))
        kit.advance(100)
        last = [closes - 120_000, closes - 60_000]
        assert [round(_seconds(bar["opened"]) * 1000) for bar in bench.of("bar")] == last
        kit.cut()  # after it the last bar is told once more
        kit.advance(47.3 * 3600)
        opened = [round(_seconds(bar["opened"]) * 1000) for bar in bench.of("bar")]
        assert opened[:2] == last
        assert opened == sorted(set(opened)) and len(opened) > 5
        bench.stop()


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def test_a_cut_connection_heals_and_says_what_was_missed(bench: Bench) -> None:
    bench.start(account(more='bars = ["M1"]\ndepth = true'))
    bench.kit.advance(10)
    bench.kit.venue.play(script.cut())
    bench.kit.advance(10)
    kinds = [document["event"] for document in bench.output.documents]
    assert kinds.count("disconnected") == 1 and kinds.count("ready") == 2
    (healed,) = bench.of("resynchronised")
    assert {(one["kind"], one["symbol"], one["period"]) for one in healed["renewed"]} == {
        (kind, symbol, "M1" if kind == "trendbars" else None)
        for kind in ("spots", "trendbars", "depth")
        for symbol in ("EURUSD", "USDJPY")
    }
    assert healed["failed"] == [] and healed["lost"] < healed["restored"]
    after = bench.output.documents[kinds.index("resynchronised") :]
    assert {quote["symbol"] for quote in after if quote["event"] == "quote"} == {"EURUSD", "USDJPY"}
    bench.kit.advance(60)
    assert bench.of("bar")


def test_half_known_quotes_and_bars_do_not_survive_a_loss(bench: Bench) -> None:
    bench.start(account(more='bars = ["M1"]'))
    bench.kit.advance(30)
    watch = bench.daemon.environments[0].accounts[EUR_ACCOUNT]
    eurusd = watch.symbols.find("EURUSD")
    assert eurusd is not None and watch._quotes.get(eurusd) and watch._bars.running(eurusd, 1)
    bench.kit.refuse_connections()
    bench.kit.cut()
    assert watch._quotes.get(eurusd) is None and watch._bars.running(eurusd, 1) is None
    bench.kit.accept_connections()
    bench.kit.advance(30)
    bench.kit.venue.play(script.disconnect_account(EUR_ACCOUNT))
    bench.kit.pump()
    assert watch._quotes.get(eurusd) is None, "nor the loss of the account alone"


@needs_recordings
def test_executions_come_without_being_asked_for(bench: Bench) -> None:
    bench.start()
    bench.kit.advance(1)
    for row in recording("partial_close.jsonl"):
        if row.payload_type == 2126:
            bench.kit.venue.tell(EUR_ACCOUNT, row.read(messages.ProtoOAExecutionEvent))
    for row in recording("trailing_stop.jsonl"):
        if row.payload_type == 2107:
            bench.kit.venue.tell(EUR_ACCOUNT, row.read(messages.ProtoOATrailingSLChangedEvent))
    bench.kit.pump()
    told = bench.of("execution")
    assert [one["execution"] for one in told] == ["ORDER_ACCEPTED", "ORDER_FILLED", "ORDER_REPLACED"]
    assert [one["by_server"] for one in told] == [False, False, True]
    assert [one["deal"] is None for one in told] == [True, False, True]
    assert (told[1]["deal"]["symbol"], told[1]["deal"]["units"]) == ("EURUSD", "1000")
    assert len(bench.of("trailing_stop")) == 2


def test_a_refused_order_is_told_too(bench: Bench) -> None:
    bench.start()
    bench.kit.advance(1)
    refused = bench.client.cancel_order(ctidTraderAccountId=EUR_ACCOUNT, orderId=77)
    with pytest.raises(OrderRefused):
        bench.kit.settle(refused)
    (error,) = bench.of("order_error")
    assert (error["error_code"], error["account"]) == ("ORDER_NOT_FOUND", EUR_ACCOUNT)


def test_other_messages_and_unknown_ones(bench: Bench) -> None:
    bench.start()
    bench.kit.venue.tell(
        EUR_ACCOUNT,
        messages.ProtoOAMarginChangedEvent(
            ctidTraderAccountId=EUR_ACCOUNT, positionId=2**53 + 1, usedMargin=5, moneyDigits=2
        ),
    )
    bench.kit.venue.play(script.unknown_payload_type(9_999))
    bench.kit.venue.play(script.disconnect_client("because"))
    bench.kit.pump()
    margin, unknown, cut = bench.of("message")
    assert margin["name"] == "ProtoOAMarginChangedEvent" and margin["fields"]["positionId"] == str(2**53 + 1)
    assert (unknown["name"], unknown["fields"], unknown["size"]) == ("payload type 9999", None, 2)
    assert (cut["name"], cut["account"]) == ("ProtoOAClientDisconnectEvent", None)


def test_bytes_that_cannot_be_read_are_an_error_and_no_more(bench: Bench) -> None:
    bench.start()
    bench.kit.advance(5)
    bench.kit.venue.play(script.garbage())
    bench.kit.advance(5)
    (error,) = bench.of("error")
    assert "does not hold a ProtoMessage" in error["problem"] and error["account"] is None
    assert not bench.of("disconnected")


def test_an_output_gets_what_it_asked_for(bench: Bench) -> None:
    bench.start(account(more='bars = ["M1"]'), events=frozenset({"bar", "ready"}))
    bench.kit.advance(130)
    assert {document["event"] for document in bench.output.documents} == {"bar", "ready"}


# Refusals


def refusals(bench: Bench, logged_errors: Any) -> list[str]:
    """The errors that were logged, taken off what would fail the test."""
    texts = [formatEvent(event) for event in logged_errors.events]
    logged_errors.flush()
    return texts


def test_a_wrong_secret_is_the_applications_and_ends_the_daemon(bench: Bench, logged_errors: Any) -> None:
    bench.start(environ={**ENVIRON, "CTRADER_CLIENT_SECRET": "hush-wrong"})
    bench.kit.advance(300)
    (logged,) = refusals(bench, logged_errors)
    assert "refused the application" in logged and "CH_CLIENT_AUTH_FAILURE" in logged
    (error,) = bench.of("error")
    assert "the application was refused" in error["problem"] and "client id and secret" in error["remedy"]
    assert (bench.left, bench.stopped) == ([1], 1)
    assert bench.kit.venue._accepted == 1, "not hammered"


def test_a_wrong_token_is_the_accounts_and_the_others_run_on(bench: Bench, logged_errors: Any) -> None:
    bench.start(account(EUR_ACCOUNT, token="hush-wrong") + account(USD_ACCOUNT))
    bench.kit.advance(300)
    (logged,) = refusals(bench, logged_errors)
    assert logged.startswith(f"account[1]: account {EUR_ACCOUNT} on kit: the access token was refused")
    assert [error["account"] for error in bench.of("error")] == [EUR_ACCOUNT]
    assert {quote["account"] for quote in bench.of("quote")} == {USD_ACCOUNT}
    assert not bench.left and not bench.stopped
    states = [document["state"] for document in bench.of("account") if document["account"] == EUR_ACCOUNT]
    assert states.count("authorising") <= 2, "not hammered"


def test_an_account_the_token_does_not_open(bench: Bench, logged_errors: Any) -> None:
    bench.start(account(999))
    bench.kit.advance(60)
    (logged,) = refusals(bench, logged_errors)
    assert "the account was refused" in logged and "not the login" in logged
    assert (bench.left, bench.stopped) == ([1], 1), "it was the only one"


def test_an_account_of_the_other_environment(bench: Bench, logged_errors: Any) -> None:
    bench.kit.venue.registry.accounts[EUR_ACCOUNT].is_live = True
    bench.start(account(EUR_ACCOUNT) + account(USD_ACCOUNT))
    bench.kit.advance(60)
    (logged,) = refusals(bench, logged_errors)
    assert "the environment was refused" in logged and "It is a live account" in logged
    assert {quote["account"] for quote in bench.of("quote")} == {USD_ACCOUNT}


def test_the_same_code_in_an_outage_is_waited_for(bench: Bench) -> None:
    """CANT_ROUTE_REQUEST of an account that is where it belongs: its broker's back end is down."""
    account_of_the_venue = bench.kit.venue.registry.accounts[EUR_ACCOUNT]
    account_of_the_venue.is_live = True
    bench.start(live="true")
    bench.kit.advance(20)
    assert not bench.of("quote", "error") and not bench.stopped
    account_of_the_venue.is_live = False
    bench.kit.advance(60)
    assert bench.of("quote")


def test_a_long_outage_is_asked_about_ever_more_slowly(bench: Bench) -> None:
    bench.kit.venue.registry.accounts[EUR_ACCOUNT].is_live = True
    bench.start(live="true")
    bench.kit.advance(3600)
    attempts = [document for document in bench.of("account") if document["state"] == "authorising"]
    assert 60 <= len(attempts) <= 75, "at most once a minute in the end"
    bench.stop()  # in the middle of a wait: nothing may be left on the clock


def test_an_outage_that_begins_later_is_waited_for_too(bench: Bench) -> None:
    bench.start(live="true")
    bench.kit.advance(10)
    bench.kit.venue.registry.accounts[EUR_ACCOUNT].is_live = True
    bench.kit.venue.play(script.cut())
    bench.kit.advance(60)
    assert not bench.of("resynchronised") and not bench.stopped
    bench.kit.venue.registry.accounts[EUR_ACCOUNT].is_live = False
    bench.kit.advance(70)
    assert len(bench.of("resynchronised")) == 1
    assert len(bench.of("resynchronised")[0]["renewed"]) == 2


def test_a_token_that_is_invalidated_on_the_way(bench: Bench, logged_errors: Any) -> None:
    bench.start()
    bench.kit.advance(10)
    bench.kit.venue.play(script.invalidate_token())
    bench.kit.advance(100)
    (logged,) = refusals(bench, logged_errors)
    assert "the access token was refused" in logged
    assert "token invalid" in [document["state"] for document in bench.of("account")]
    assert (bench.left, bench.stopped) == ([1], 1)


def test_a_symbol_that_does_not_exist_costs_only_itself(bench: Bench) -> None:
    bench.start(account(symbols='["EURUSX", "USDJPY", "qqqqqq"]', more='bars = ["M1"]\ndepth = ["EURUSX"]'))
    bench.kit.advance(70)
    assert [error["problem"] for error in bench.of("error")] == [
        f'account {EUR_ACCOUNT} has no symbol "EURUSX"',
        f'account {EUR_ACCOUNT} has no symbol "qqqqqq"',
    ]
    assert bench.of("error")[0]["remedy"] == 'Did you mean "EURUSD"?'
    assert {document["symbol"] for document in bench.of("quote", "bar")} == {"USDJPY"}


def test_symbols_are_found_by_any_name_that_an_account_takes_and_told_by_the_brokers(
    bench: Bench, tmp_path: Path
) -> None:
    """In any case, with separators, by an alias: as in code. What is meant twice is asked for once."""
    more = 'bars = { "EURusd" = ["M1"], cable = ["M1"], "eurUSD" = ["M5"] }\ndepth = ["usd/JPY", "Yen"]\n'
    aliases = '[account.aliases]\nCable = "GBPUSD"\nyen = "USDJPY"\n'
    names = '["eurusd", "USD/jpy", "cable", "EURUSD", "yen"]'
    bench.start(account(symbols=names, more=more + aliases), tables="[flight_recorder]")
    bench.kit.advance(400)
    said = [entry for entry in read(tmp_path / "flight.jsonl") if isinstance(entry, Said)]
    for cls, ids in ((messages.ProtoOASubscribeSpotsReq, [1, 4, 2]), (messages.ProtoOASubscribeDepthQuotesReq, [4])):
        asked = [entry.payloads[0] for entry in said if entry.payload_type == catalogue.payload_type(cls)]
        assert [list(cls.FromString(payload).symbolId) for payload in asked] == [ids]
    assert not bench.of("error")
    assert {quote["symbol"] for quote in bench.of("quote")} == {"EURUSD", "USDJPY", "GBPUSD"}
    assert {book["symbol"] for book in bench.of("depth")} == {"USDJPY"}
    assert {(bar["symbol"], bar["period"]) for bar in bench.of("bar")} == {
        ("EURUSD", "M1"),
        ("EURUSD", "M5"),
        ("GBPUSD", "M1"),
    }


def test_a_symbol_that_may_be_any_of_several_or_is_no_alias_of_one_says_so(bench: Bench) -> None:
    instruments = bench.kit.venue.instruments
    for number, name in ((901, "ACME.cash"), (902, "ACME.f")):
        instruments[number] = dataclasses.replace(instruments[1], symbol_id=number, name=name)
    more = '[account.aliases]\ngold = "XAUUSX"\n'
    bench.start(account(symbols='["EURUSD", "acme", "Gold", "qqqqqq"]', more=more))
    bench.kit.advance(10)
    said = [(error["problem"], error["remedy"]) for error in bench.of("error")]
    named = f"account {EUR_ACCOUNT}"
    assert said == [
        (
            f'{named}: "acme" may mean ACME.cash or ACME.f',
            "Write the whole name, or give the account an alias for it.",
        ),
        (f'{named} has no symbol "XAUUSX", which "Gold" is an alias of', 'Did you mean "XAUUSD"?'),
        (f'{named} has no symbol "qqqqqq"', "To see them all: ctrader symbols"),
    ]
    assert {quote["symbol"] for quote in bench.of("quote")} == {"EURUSD"}


def test_a_subscription_that_stands_already_costs_nothing(bench: Bench) -> None:
    def greedy(client: Any, settings: Any) -> Service:
        async def subscribe_first() -> None:
            await client.when_ready()
            await client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN)
            await client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[1])

        Deferred.fromCoroutine(subscribe_first())
        return Service()

    bench.start(factories=(greedy,))
    bench.kit.advance(20)
    assert {quote["symbol"] for quote in bench.of("quote")} >= {"EURUSD", "USDJPY"}
    assert all(quote["bid"] and quote["ask"] for quote in bench.of("quote"))
    assert not bench.of("error")


def test_no_connection_is_waited_for(bench: Bench) -> None:
    bench.kit.refuse_connections()
    bench.start()
    bench.kit.advance(20)
    assert len(bench.of("disconnected")) > 2 and bench.of("disconnected")[0]["retry_in"] > 0
    bench.kit.accept_connections()
    bench.kit.advance(30)
    assert bench.of("quote")


def slow_from_the_beginning(bench: Bench) -> Callable[[Any, Any], Service]:
    """A user service that lets the venue be slow as soon as there is a connection."""

    def make(client: Any, settings: Any) -> Service:
        client.once(Ready, lambda _: bench.kit.venue.play(script.delay_answers(5.0, 20.0)))
        return Service()

    return make


def test_a_loss_while_an_account_is_brought_up(bench: Bench) -> None:
    bench.start(factories=(slow_from_the_beginning(bench),))
    bench.kit.advance(4)
    bench.kit.cut()
    bench.kit.advance(120)
    assert {quote["symbol"] for quote in bench.of("quote")} == {"EURUSD", "USDJPY"}
    assert not bench.of("error")


def test_an_end_while_symbols_are_asked_for(bench: Bench) -> None:
    bench.start(factories=(slow_from_the_beginning(bench),))
    bench.kit.advance(7)
    assert bench.of("account")[-1]["state"] == "authorised" and not bench.of("quote")
    assert bench.stop() < 5
    assert not any("Trying again" in line for line in bench.log)


# User services


class Recorded(Service):
    """A user service that takes its time."""

    def __init__(self, client: Any, settings: Any) -> None:
        self.client, self.settings = client, settings
        self.happened: list[str] = []
        self.end: Deferred[None] | None = None

    def startService(self) -> None:
        Service.startService(self)
        self.happened.append("started")

    def stopService(self) -> Deferred[None] | None:
        Service.stopService(self)
        self.happened.append("stopped while " + self.client.state.value)
        return self.end


def test_a_user_service_gets_a_client_and_its_settings(bench: Bench) -> None:
    made: list[Recorded] = []

    def make(client: Any, settings: Any) -> Recorded:
        made.append(Recorded(client, settings))
        return made[-1]

    bench.start(factories=(make,))
    bench.kit.advance(5)
    (service,) = made
    assert service.settings == {"step": 5} and service.client is bench.client
    assert bench.stop() < 1
    assert service.happened == ["started", "stopped while ready"]


def test_what_a_user_service_trades_keeps_to_the_limits_of_the_configuration(bench: Bench) -> None:
    made: list[Any] = []

    def make(client: Any, settings: Any) -> Recorded:
        made.append(client.account(EUR_ACCOUNT, aliases={"euro": "EURUSD"}, safety=Safety(max_volume=Lots(5))))
        return Recorded(client, settings)

    limits = '[account.safety]\nsymbols = ["euro"]\nmax_volume = 0.2\nmax_positions = 2\nmax_exposure = "90000 EUR"\n'
    bench.start(account() + limits, factories=(make,))
    (trading,) = made
    kit = bench.kit
    kit.settle(trading.ready())
    assert trading.safety == Safety(frozenset({"euro"}), Lots("0.2"), None, Money(90_000, "EUR"), 2)
    for asked, limit in (
        (("EURUSD", Lots("0.21")), "max_volume"),
        (("XAUUSD", Lots("0.01")), "symbols"),
    ):
        with pytest.raises(SafetyRefused) as refused:
            kit.settle(trading.buy(*asked).accepted())
        assert refused.value.limit == limit
    kit.settle(trading.buy("EURUSD", Lots("0.2")).filled())
    kit.settle(trading.buy("euro", Lots("0.2")).filled())
    with pytest.raises(SafetyRefused) as refused:
        kit.settle(trading.buy("EURUSD", Lots("0.01")).accepted())
    assert refused.value.limit == "max_positions"
    bench.client.account(EUR_ACCOUNT, safety=Safety(max_positions=50))
    with pytest.raises(SafetyRefused):
        kit.settle(trading.buy("EURUSD", Lots("0.01")).accepted())
    for order in trading.close_all():
        kit.settle(order.filled())
    kit.advance(1)
    assert not trading.positions
    assert bench.client.account(EUR_ACCOUNT) is trading and trading.safety.max_positions == 2
    bench.client.limit(EUR_ACCOUNT, Safety(halted=True))
    with pytest.raises(TradingHalted):
        kit.settle(trading.buy("EURUSD", Lots("0.01")).accepted())


def test_what_a_user_service_trades_is_called_as_the_configuration_says(bench: Bench) -> None:
    made: list[Any] = []

    def make(client: Any, settings: Any) -> Recorded:
        # The limits of the configuration speak of its own "euro": no service can make another symbol of that.
        made.append(client.account(EUR_ACCOUNT, aliases={"Euro": "XAUUSD", "gold": "XAUUSD"}))
        return Recorded(client, settings)

    tables = '[account.aliases]\neuro = "EURUSD"\nDollar = "USDJPY"\n[account.safety]\nsymbols = ["euro"]\n'
    bench.start(account() + tables, factories=(make,))
    (trading,) = made
    kit = bench.kit
    kit.settle(trading.ready())

    def means(name: str) -> str:
        return str(kit.settle(trading.symbol(name)).name)

    assert [means(name) for name in ("euro", "EURO", "gold", "dollar")] == ["EURUSD", "EURUSD", "XAUUSD", "USDJPY"]
    with pytest.raises(SafetyRefused):
        kit.settle(trading.buy("gold", Lots("0.01")).accepted())
    kit.settle(trading.buy("Euro", Lots("0.01")).filled())
    assert bench.client.account(EUR_ACCOUNT, aliases={"EURO": "XAUUSD", "yen": "USDJPY"}) is trading
    assert [means(name) for name in ("euro", "gold", "yen")] == ["EURUSD", "XAUUSD", "USDJPY"]
    bench.client.alias(EUR_ACCOUNT, {"euro": "EURJPY"})
    assert [means(name) for name in ("euro", "dollar", "gold")] == ["EURJPY", "USDJPY", "XAUUSD"]


def test_without_limits_in_the_configuration_a_service_sets_its_own(bench: Bench) -> None:
    bench.start()
    trading = bench.client.account(EUR_ACCOUNT, safety=Safety(max_positions=1))
    assert trading.safety == Safety(max_positions=1)
    bench.client.account(EUR_ACCOUNT, safety=Safety())
    assert trading.safety == Safety()


def test_a_user_service_that_does_not_stop_is_not_waited_for(bench: Bench) -> None:
    slow = Recorded(None, None)
    slow.client = type("", (), {"state": type("", (), {"value": "whatever"})})
    slow.end = Deferred()
    bench.start(factories=(lambda client, settings: slow,))
    bench.kit.advance(1)
    assert 1 < bench.stop() < 5
    assert any("a user service did not end within" in line for line in bench.log)


@pytest.mark.parametrize("when", ["made", "started", "not a service"])
def test_a_user_service_that_fails_ends_the_daemon(bench: Bench, logged_errors: Any, when: str) -> None:
    class Failing(Service):
        def startService(self) -> None:
            raise ZeroDivisionError("theirs")

    def make(client: Any, settings: Any) -> Any:
        if when == "made":
            raise ZeroDivisionError("theirs")
        return Failing() if when == "started" else object()

    bench.start(factories=(make,))
    assert (bench.left, bench.stopped) == ([1], 1)
    assert logged_errors.flush(ZeroDivisionError, TypeError)
    assert bench.kit.venue._accepted == 0, "nothing was connected"


def test_the_example_service_listens_along(bench: Bench) -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("print_spread", ROOT / "examples" / "print_spread.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    bench.start(factories=(lambda client, settings: module.make(client, {"widest": "0.00001"}),))
    bench.kit.advance(30)
    assert any("a spread of" in line for line in bench.log)
    assert bench.stop() < 1


# Tokens that are kept


SHORT = 1200.0


def grant(kit: VenueKit, name: str = "default", account_ids: tuple[int, ...] = (EUR_ACCOUNT, USD_ACCOUNT)) -> Grant:
    """What a login would keep of the venue's first grant."""
    held = kit.venue.registry.grant_for(account_ids[0])
    assert held is not None
    return Grant(
        name,
        held.access_token,
        held.refresh_token,
        expires_at=kit.clock.seconds() + SHORT,
        accounts=tuple(GrantedAccount(account_id, live=False) for account_id in account_ids),
    )


def from_the_store(bench: Bench, *grants: Grant, accounts: str = "", **settings: Any) -> tuple[MemoryTokenStore, Bench]:
    store = MemoryTokenStore(grants)
    keeper = TokenKeeper(store, bench.kit.clock, refresh_within=600.0)
    environ = {**ENVIRON, "CTRADER_ACCESS_TOKEN": "hush-not-used"}
    bench.start(accounts, environ=environ, tables="[tokens]", tokens=keeper, **settings)
    return store, bench


def stored(kit: VenueKit, store: MemoryTokenStore, name: str = "default") -> Grant:
    return kit.settle(store.load())[name]


def test_an_account_takes_its_token_from_the_store_and_has_it_refreshed_in_time(bench: Bench) -> None:
    kit = bench.kit
    first = grant(kit)
    store, _ = from_the_store(bench, first, accounts=account() + account(USD_ACCOUNT))
    kit.advance(30)
    assert {quote["account"] for quote in bench.of("quote")} == {EUR_ACCOUNT, USD_ACCOUNT}
    kit.advance(SHORT - 700)
    assert stored(kit, store) == first, "not before it is due"
    kit.advance(200)
    second = stored(kit, store)
    assert second.access_token != first.access_token and second.refresh_token != first.refresh_token
    assert second.expires_at is not None and second.expires_at > kit.clock.seconds() + 600
    mark = len(bench.output.documents)
    kit.advance(60)
    assert {d["account"] for d in bench.output.documents[mark:] if d["event"] == "quote"} == {EUR_ACCOUNT, USD_ACCOUNT}
    assert not bench.of("error")


def test_a_login_that_is_needed_is_said_and_waited_for(bench: Bench, logged_errors: Any) -> None:
    kit = bench.kit
    kept, other = grant(kit), kit.venue.authorise((USD_ACCOUNT,))
    store, _ = from_the_store(bench, kept, accounts=account() + account(USD_ACCOUNT, token=other.access_token))
    kit.advance(10)
    kit.venue.registry.revoke(kit.venue.registry.grant_for(EUR_ACCOUNT), for_good=True)
    kit.play("disconnect_account", account_id=EUR_ACCOUNT)
    kit.advance(120)
    state = [d for d in bench.of("account") if d["account"] == EUR_ACCOUNT][-1]
    assert state["state"] == "needs login" and "ctrader login" in state["remedy"]
    (error,) = [error for error in bench.of("error") if error["account"] == EUR_ACCOUNT]
    assert error["problem"] == state["reason"] and "ctrader login" in error["remedy"]
    assert any("account[1]" in line and "ctrader login" in line for line in refusals(bench, logged_errors))
    assert not bench.left and not bench.stopped, "it waits"
    fresh = kit.venue.authorise((EUR_ACCOUNT,))
    kit.settle(
        store.save(Grant("default", fresh.access_token, fresh.refresh_token, accounts=(GrantedAccount(EUR_ACCOUNT),)))
    )
    assert USD_ACCOUNT in {d["account"] for d in bench.output.documents[-10:]}, "the other one runs on"
    mark = len(bench.output.documents)
    kit.advance(20)
    assert EUR_ACCOUNT in {d["account"] for d in bench.output.documents[mark:] if d["event"] == "quote"}


def test_an_account_that_no_grant_opens_waits_for_one_from_the_start(bench: Bench, logged_errors: Any) -> None:
    kit = bench.kit
    store, _ = from_the_store(bench, grant(kit, account_ids=(USD_ACCOUNT,)), accounts=account() + account(USD_ACCOUNT))
    kit.advance(30)
    assert {quote["account"] for quote in bench.of("quote")} == {USD_ACCOUNT}
    (error,) = bench.of("error")
    assert error["account"] == EUR_ACCOUNT and "ctrader login" in error["remedy"]
    refusals(bench, logged_errors)
    kit.settle(store.save(grant(kit, "second")))
    kit.advance(10)
    assert {quote["account"] for quote in bench.of("quote")} == {EUR_ACCOUNT, USD_ACCOUNT}


def test_a_token_store_that_cannot_be_read_ends_the_daemon_before_anything_connects(
    bench: Bench, tmp_path: Path, logged_errors: Any
) -> None:
    (tmp_path / "tokens.json").write_text("{hush", "utf-8")
    (tmp_path / "tokens.json").chmod(0o600)
    keeper = TokenKeeper(FileTokenStore(tmp_path / "tokens.json", bench.kit.clock), bench.kit.clock)
    bench.start(environ={**ENVIRON, "CTRADER_ACCESS_TOKEN": ""}, tables="[tokens]", tokens=keeper)
    (logged,) = refusals(bench, logged_errors)
    assert "tokens.json" in logged
    assert (bench.left, bench.stopped) == ([1], 1) and bench.kit.venue._accepted == 0


def test_a_token_store_that_cannot_be_read_for_a_while_is_complained_of_once(bench: Bench, logged_errors: Any) -> None:
    class Moody(MemoryTokenStore):
        broken = False

        def load(self) -> Deferred[dict[str, Grant]]:
            return fail(TokenStoreError("here", "broken", "Mend it")) if self.broken else super().load()

    kit = bench.kit
    store = Moody([grant(kit, account_ids=(USD_ACCOUNT,))])
    keeper = TokenKeeper(store, kit.clock)
    bench.start(environ={**ENVIRON, "CTRADER_ACCESS_TOKEN": ""}, tables="[tokens]", tokens=keeper)
    store.broken = True
    kit.advance(60)
    assert [line for line in refusals(bench, logged_errors) if "here: broken" in line] == ["here: broken. Mend it"]
    store.broken = False
    kit.settle(store.save(grant(kit, "second")))
    kit.advance(20)
    assert bench.of("quote")


def test_a_refresh_that_is_under_way_at_the_end_is_waited_for(bench: Bench) -> None:
    kit = bench.kit
    first = grant(kit)
    store, _ = from_the_store(bench, first)
    kit.advance(SHORT - 610)
    kit.play("delay_answers", delay=0.7, seconds=60.0)
    kit.advance(10.5)
    assert stored(kit, store).refresh_began_at is not None, "under way"
    assert bench.stop() < 5
    second = stored(kit, store)
    assert second.refresh_began_at is None and second.access_token != first.access_token


def test_a_refresh_that_is_never_answered_holds_up_the_end_for_a_few_seconds(bench: Bench, logged_errors: Any) -> None:
    kit = bench.kit
    first = grant(kit)
    store, _ = from_the_store(bench, first)
    kit.advance(SHORT - 610)
    kit.play("fall_silent")
    kit.advance(10.5)
    assert 5 < bench.stop() < 10
    given_up, logged = refusals(bench, logged_errors)
    assert "They may be lost" in given_up
    assert 'the tokens of grant "default" were not refreshed' in logged
    assert stored(kit, store).access_token == first.access_token
    assert stored(kit, store).refresh_began_at is not None, "the mark tells that it may be spent"


# Limits and the flight recorder


def test_the_limits_of_an_environment_are_its_clients(bench: Bench) -> None:
    bench.start(tables="requests_per_second = 70\nhistorical_per_second = 7")
    limits = bench.client._settings.limits
    assert (limits.general, limits.historical) == (70, 7)
    assert any("70 is more than Spotware's servers allow" in line for line in bench.log)


def test_everything_is_recorded_but_secrets(bench: Bench, tmp_path: Path) -> None:
    other = account().replace('"kit"', '"other"')
    table = '[environment.other]\nhost = "127.0.0.1"\n[flight_recorder]\n'
    bench.start(account() + other, tables=table)
    bench.kit.advance(30)
    bench.stop()
    text = (tmp_path / "flight.jsonl").read_text("utf-8")
    assert not [secret for secret in (*SECRETS, CLIENT_ID) if secret in text]
    recorded = read(tmp_path / "flight.jsonl")
    assert {entry.where for entry in recorded if isinstance(entry, Opened)} == {
        "kit (127.0.0.1:5035)",
        "other (127.0.0.1:5035)",
    }
    assert oct((tmp_path / "flight.jsonl").stat().st_mode & 0o777) == "0o600"


def test_a_recording_that_cannot_be_made_ends_the_daemon_before_anything_connects(
    bench: Bench, tmp_path: Path, logged_errors: Any
) -> None:
    (tmp_path / "flight.jsonl").write_text("a diary\n", "utf-8")
    bench.start(tables="[flight_recorder]")
    assert any("flight_recorder.path" in line for line in refusals(bench, logged_errors))
    assert (bench.left, bench.stopped) == ([1], 1) and bench.kit.venue._accepted == 0
    assert (tmp_path / "flight.jsonl").read_text("utf-8") == "a diary\n"


# The end


def test_its_time_is_not_waited_for_when_it_is_stopped(bench: Bench) -> None:
    bench.start(seconds=1000.0)
    bench.stop()
    assert not [call for call in bench.kit.clock.getDelayedCalls() if call.getTime() > 900]


def test_it_ends_when_its_time_is_over(bench: Bench) -> None:
    bench.start(seconds=20.0)
    bench.kit.advance(19.9)
    assert not bench.stopped
    bench.kit.advance(0.2)
    assert (bench.left, bench.stopped, bench.daemon.status) == ([], 1, 0)


def test_a_venue_that_does_not_answer_holds_nobody_back(bench: Bench) -> None:
    bench.start()
    bench.kit.advance(5)
    bench.kit.venue.play(script.fall_silent())
    assert bench.stop() < 5


def test_a_reader_that_does_not_read_is_not_waited_for(bench: Bench) -> None:
    bench.start()
    bench.kit.advance(5)
    bench.output.held = Deferred()
    assert bench.stop() < 5
    assert any("the reader of an output did not end" in line for line in bench.log)


def test_without_an_output_there_is_nothing_to_do(bench: Bench, logged_errors: Any) -> None:
    bench.start()
    bench.kit.advance(1)
    bench.output.ended = True
    bench.daemon.output_failed(bench.output)  # type: ignore[arg-type]
    assert (bench.left, bench.stopped) == ([1], 1)


def test_with_a_user_service_there_is(bench: Bench) -> None:
    bench.start(factories=(lambda client, settings: Service(),))
    bench.output.ended = True
    bench.daemon.output_failed(bench.output)  # type: ignore[arg-type]
    assert (bench.left, bench.stopped, bench.daemon.status) == ([1], 0, 1)


def test_missing_events_show_in_the_exit_status(bench: Bench) -> None:
    bench.start()
    bench.output.lost = 3
    bench.stop()
    assert bench.left == [1]


def test_somebody_else_may_have_stopped_the_reactor(bench: Bench) -> None:
    bench.start()
    bench.stopped = 1
    bench.daemon.end(1, "for a reason")
    bench.daemon.end(1, "for another")
    assert bench.left == [1]


# Shapes


def documented() -> dict[str, dict[str, Any]]:
    blocks = re.findall(r"```json\n(.*?)\n```", (ROOT / "docs" / "daemon.md").read_text("utf-8"), re.DOTALL)
    examples = [json.loads(block) for block in blocks]
    return {example["event"]: example for example in examples}


def same_shape(example: Any, real: Any, where: str) -> None:
    """Compare keys and kinds of values, as deep as both go."""
    if isinstance(example, dict) and isinstance(real, dict):
        assert [*example] == [key for key in real if key != "session_close"], where
        for key in example:
            same_shape(example[key], real[key], f"{where}.{key}")
    elif isinstance(example, list) and isinstance(real, list):
        if example and real:
            same_shape(example[0], real[0], f"{where}[]")
    elif example is not None and real is not None:
        assert type(example) is type(real), where


def test_every_kind_of_object_is_documented() -> None:
    assert {*documented()} == {*config.EVENTS, "lost"}
    text = (ROOT / "docs" / "daemon.md").read_text("utf-8")
    assert re.findall(r"^### (\w+)$", text, re.MULTILINE) == [*config.EVENTS, "lost"]


def test_what_is_written_has_the_documented_shape(bench: Bench) -> None:
    bench.start(account(symbols='["EURUSD", "EURUSX"]', more='bars = { EURUSD = ["M1"] }\ndepth = ["EURUSD"]'))
    bench.kit.advance(70)
    bench.kit.venue.play(script.cut())
    bench.kit.advance(10)
    bench.kit.venue.play(script.disconnect_account())
    bench.kit.advance(10)
    examples = documented()
    kinds = set()
    for document in bench.output.documents:
        if document["event"] != "message":
            same_shape(examples[document["event"]], document, document["event"])
        kinds.add(document["event"])
    assert kinds >= {"ready", "disconnected", "resynchronised", "account", "quote", "bar", "depth", "error", "message"}


def written(body: documents.Document) -> Any:
    return json.loads(encode({**documents.head("x", 0.0, "kit", 1), **body}))


def euro() -> Symbols:
    symbols = Symbols()
    symbols.learn_names([messages.ProtoOALightSymbol(symbolId=1, symbolName="EURUSD")])
    symbols.learn_details([messages.ProtoOASymbol(symbolId=1, digits=5, pipPosition=4, lotSize=10_000_000)])
    return symbols


@needs_recordings
def test_the_recorded_partial_close_in_human_units() -> None:
    row = next(r for r in recording("partial_close.jsonl") if r.note.endswith("ORDER_FILLED"))
    document = written(documents.execution(row.read(messages.ProtoOAExecutionEvent), euro()))
    example = documented()["execution"]
    same_shape(example, {**document, "event": "execution"}, "execution")
    deal, position = document["deal"], document["position"]
    assert (deal["side"], deal["units"], deal["lots"], deal["price"]) == ("SELL", "1000", "0.01", "1.11988")
    assert deal["closed"] == {
        "entry_price": "1.11987",
        "units": "1000",
        "gross_profit": "0.01",
        "swap": "0.00",
        "commission": "-0.06",
        "conversion_fee": "0.00",
        "balance": "8511207.68",
    }
    assert (position["price"], position["units"], position["commission"]) == ("1.119875", "2000", "-0.05")
    assert (position["stop_loss"], position["take_profit"]) == ("1.11787", "1.12988")
    assert (document["order"]["closing"], document["order"]["execution_price"]) == (True, "1.11988")


@needs_recordings
def test_the_recorded_trailing_stop() -> None:
    rows = [r for r in recording("trailing_stop.jsonl") if r.payload_type == 2107]
    steps = [documents.trailing_stop(row.read(messages.ProtoOATrailingSLChangedEvent)) for row in rows]
    same_shape(documented()["trailing_stop"], {**written(steps[0]), "event": "trailing_stop"}, "trailing_stop")
    assert [str(step["stop_price"]) for step in steps] == ["1.11779", "1.1178"]
    assert steps[0]["server_time"] == "2020-09-13T12:26:54.382Z"


def test_a_deposit() -> None:
    event = messages.ProtoOAExecutionEvent(
        ctidTraderAccountId=1,
        executionType=messages.ProtoOAExecutionType.DEPOSIT_WITHDRAW,
        depositWithdraw=messages.ProtoOADepositWithdraw(
            operationType=messages.ProtoOAChangeBalanceType.BALANCE_DEPOSIT,
            balanceHistoryId=5,
            balance=110_000,
            delta=10_000,
            changeBalanceTimestamp=1_772_622_131_402,
        ),
    )
    document = written(documents.execution(event, Symbols()))
    assert document["order"] is document["position"] is document["deal"] is None
    text = (ROOT / "docs" / "daemon.md").read_text("utf-8")
    (example,) = re.findall(r"`(\{\"id\":5,.*?\})`", text)
    assert document["balance_change"] == json.loads(example)


def test_an_order_error_whose_ids_are_zero() -> None:
    event = messages.ProtoOAOrderErrorEvent(
        ctidTraderAccountId=1, errorCode="POSITION_NOT_FOUND", orderId=0, positionId=0, description="gone"
    )
    document = {**written(documents.order_error(event)), "event": "order_error"}
    same_shape(documented()["order_error"], document, "order_error")
    assert document["order_id"] is document["position_id"] is None


def test_what_is_newer_than_the_schema_is_a_number() -> None:
    bar = Bar(9, 99, 0, *[Decimal(1)] * 4, ticks=1)
    assert documents.bar(bar, Symbols())["period"] == "99"
    assert documents.bar(bar, Symbols())["symbol"] == "9"


def test_a_subscription_that_was_not_renewed_says_why() -> None:
    event = Resynchronised(1, 0.0, 1.0, (), ((Subscription("depth", 1), CannotRoute("X", "y")),), ("A",), ("B",))
    document = documents.resynchronised(event, euro())
    assert document["failed"] == [{"kind": "depth", "symbol": "EURUSD", "period": None, "reason": "the server: X (y)"}]
    assert (document["requests_not_sent"], document["requests_unknown"]) == (["A"], ["B"])


def position(position_id: int, volume: int, **fields: Any) -> messages.ProtoOAPosition:
    return messages.ProtoOAPosition(
        positionId=position_id,
        tradeData=messages.ProtoOATradeData(symbolId=1, volume=volume, tradeSide=messages.ProtoOATradeSide.BUY),
        positionStatus=messages.ProtoOAPositionStatus.POSITION_STATUS_OPEN,
        swap=0,
        **fields,
    )


def test_what_changed_in_positions_and_orders_is_told_in_short() -> None:
    order = messages.ProtoOAOrder(
        orderId=6_000_012,
        tradeData=messages.ProtoOATradeData(symbolId=1, volume=100_000, tradeSide=messages.ProtoOATradeSide.SELL),
        orderType=messages.ProtoOAOrderType.LIMIT,
        orderStatus=messages.ProtoOAOrderStatus.ORDER_STATUS_ACCEPTED,
    )
    before = position(5_000_002, 200_000, usedMargin=5)
    after = position(5_000_002, 100_000, stopLoss=1.11787, usedMargin=3)
    event = Resynchronised(
        *(1, 0.0, 1.0, (), (), (), ()),
        positions=Difference(removed=(position(5_000_001, 300_000),), changed=((before, after),)),
        orders=Difference(added=(order,)),
    )
    document = written(documents.resynchronised(event, euro()))
    (change,) = document["positions"].pop("changed")
    example = documented()["resynchronised"]
    assert document["positions"] == {key: example["positions"][key] for key in ("added", "removed")}
    assert document["orders"] == example["orders"]
    assert document["unreconciled"] is None
    text = (ROOT / "docs" / "daemon.md").read_text("utf-8")
    (described,) = re.findall(r"`(\{\"id\".*?\"changes\".*?\}\})`", text)
    assert change == json.loads(described)


def test_positions_and_orders_that_could_not_be_asked_for() -> None:
    event = Resynchronised(1, 0.0, 1.0, (), (), (), (), unreconciled=CannotRoute("X", "y"))
    document = documents.resynchronised(event, euro())
    assert document["positions"] is document["orders"] is None
    assert document["unreconciled"] == "the server: X (y)"


def test_no_answer_to_a_request_is_ever_written() -> None:
    assert all(cls.DESCRIPTOR.name.endswith("Event") for cls in OTHER_EVENTS)
    fields = {field.name for cls in OTHER_EVENTS for field in cls.DESCRIPTOR.fields}
    assert not fields & {"accessToken", "refreshToken", "clientSecret"}
    unknown = documents.unknown_message(Envelope(9999, b"hush"))
    assert "hush" not in repr(unknown)


@pytest.mark.parametrize("cls", OTHER_EVENTS)
def test_every_other_message_can_be_written(cls: type[Message]) -> None:
    encode(documents.message(cls()))


# The command line


class Line(dict[str, Any]):
    """A parsed command line."""

    parent: Mapping[str, Any] | None = None


@pytest.fixture
def demo(tmp_path: Path) -> Callable[..., Line]:
    def demo(text: str = '[[output]]\npath = "x.jsonl"\n', **parent: Any) -> Line:
        path = tmp_path / "demo.toml"
        path.write_text('[simulator]\n[[account]]\nenvironment = "simulator"\n' + text, "utf-8")
        line = Line(config=str(path), seconds=None)
        line.parent = parent or None
        return line

    return demo


def test_the_options() -> None:
    options = Options()
    options.parseOptions(["--config", "x.toml", "-s", "1.5"])
    assert (options["config"], options["seconds"]) == ("x.toml", 1.5)
    with pytest.raises(usage.UsageError, match="--config FILE"):
        Options().parseOptions([])
    for wrong in ("0", "-1", "soon", "nan"):
        with pytest.raises(usage.UsageError):
            Options().parseOptions(["--config", "x", "--seconds", wrong])


def test_a_refused_configuration_is_said_on_stderr_with_status_1(tmp_path: Path) -> None:
    options = Options()
    options.parseOptions(["--config", str(tmp_path / "absent.toml")])
    with pytest.raises(SystemExit) as caught:
        makeService(options)
    assert isinstance(caught.value.code, str), "a text: the interpreter writes it to stderr and ends with 1"
    assert "absent.toml: can't be read" in caught.value.code


def test_stdout_is_refused_in_the_background(demo: Callable[..., Line]) -> None:
    text = '[[output]]\npath = "-"\n'
    with pytest.raises(ConfigurationError, match=r"output\[1\].path: stdout leads nowhere.*--nodaemon"):
        prepare(None, demo(text, nodaemon=0, debug=False), {})
    for foreground in ({"nodaemon": 1}, {"nodaemon": 0, "debug": True}):
        daemon = prepare(None, demo(text, **foreground), {})
        _close(daemon)


def _close(daemon: Daemon) -> None:
    for output in daemon._recorder.outputs:
        output.writer.close()


def test_a_file_that_another_daemon_writes_to_is_refused(demo: Callable[..., Line]) -> None:
    daemon = prepare(None, demo(), {})
    with pytest.raises(ConfigurationError, match=r"output\[1\].path: another process writes to"):
        prepare(None, demo(), {})
    _close(daemon)


# Files that are renamed


def test_a_file_that_was_renamed_is_made_anew(demo: Callable[..., Line], tmp_path: Path) -> None:
    daemon = prepare(Clock(), demo(), {})
    path, recorder = tmp_path / "x.jsonl", daemon._recorder
    recorder.record("error", "kit", None, {"number": 1})
    daemon.reopen_outputs()
    recorder.record("error", "kit", None, {"number": 2})
    path.rename(tmp_path / "old.jsonl")
    recorder.record("error", "kit", None, {"number": 3})
    daemon.reopen_outputs()
    recorder.record("error", "kit", None, {"number": 4})
    _close(daemon)
    assert re.findall(r"\d+(?=}$)", (tmp_path / "old.jsonl").read_text("utf-8"), re.MULTILINE) == ["1", "2", "3"]
    assert re.findall(r"\d+(?=}$)", path.read_text("utf-8"), re.MULTILINE) == ["4"]


def test_a_file_that_cannot_be_made_anew_leaves_the_old_one(
    demo: Callable[..., Line], tmp_path: Path, logged_errors: Any
) -> None:
    daemon = prepare(Clock(), demo(), {})
    (tmp_path / "x.jsonl").rename(tmp_path / "old.jsonl")
    (tmp_path / "x.jsonl").mkdir()
    daemon.reopen_outputs()
    assert "output[1].path" in formatEvent(logged_errors.events[0])
    logged_errors.flush()
    daemon._recorder.record("error", "kit", None, {})
    _close(daemon)
    assert (tmp_path / "old.jsonl").read_text("utf-8").count("\n") == 1


def test_an_output_that_failed_gets_another_try(demo: Callable[..., Line], tmp_path: Path, logged_errors: Any) -> None:
    left: list[int] = []
    clock = Clock()
    clock.callWhenRunning = lambda call: None  # type: ignore[attr-defined]
    daemon = prepare(clock, demo('[[output]]\npath = "x.jsonl"\n[[output]]\npath = "y.jsonl"\n'), {}, left.append)
    output, _ = daemon._recorder.outputs
    output.writer._fail(OSError(errno.ENOSPC, "full"))
    logged_errors.flush()
    daemon.reopen_outputs()
    daemon._recorder.record("error", "kit", None, {})
    _close(daemon)
    assert (tmp_path / "x.jsonl").read_text("utf-8").count("\n") == 1
    assert left == [1], "its failure is not forgotten"


@pytest.mark.parametrize(
    ("factory", "problem", "remedy"),
    [
        ("not_there_at_all.x:make", "can't be imported: ModuleNotFoundError", "PYTHONPATH"),
        ("broken_service:make", "can't be imported: ZeroDivisionError: theirs", 'python -c "import broken_service"'),
        ("json:nothing", "json has no callable nothing", "(client, settings)"),
        ("json.decoder:NaN", "no callable NaN", "(client, settings)"),
    ],
)
def test_a_service_that_cannot_be_imported_is_refused(
    demo: Callable[..., Line], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factory: str, problem: str, remedy: str
) -> None:
    (tmp_path / "broken_service.py").write_text('raise ZeroDivisionError("theirs")\n', "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        prepare(None, demo(f'[[service]]\nfactory = "{factory}"\n'), {})
    assert caught.value.key == "service[1].factory"
    assert problem in caught.value.problem and remedy in caught.value.remedy


def test_without_a_login_there_is_nothing_to_begin_with(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    text = '[tokens]\nfile = "kept.json"\n[[account]]\nid = 1\nenvironment = "demo"\n{}[[output]]\npath = "x.jsonl"\n'
    path.write_text(text.format(""), "utf-8")
    with pytest.raises(
        ConfigurationError, match=rf"no tokens yet in .*kept.json. Log in: ctrader login --config {path}"
    ):
        prepare(Clock(), Line(config=str(path), seconds=None), ENVIRON)
    path.write_text(text.format('access_token = "hush"\n'), "utf-8")
    _close(prepare(Clock(), Line(config=str(path), seconds=None), ENVIRON))


def test_a_trust_root_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "utf-8")
    path = tmp_path / "lab.toml"
    path.write_text(
        '[environment.lab]\nhost = "x"\ntrust_root = "ca.pem"\n[[account]]\nid = 1\nenvironment = "lab"\n'
        '[[output]]\npath = "-"\n',
        "utf-8",
    )
    with pytest.raises(ConfigurationError, match=r"environment\.lab\.trust_root: it holds no readable certificate"):
        prepare(None, Line(config=str(path), seconds=None), ENVIRON)


def test_what_the_simulator_does_not_know_is_refused(demo: Callable[..., Line]) -> None:
    line = demo('[simulator.limits]\nnope = 1\n[[output]]\npath = "x.jsonl"\n')
    with pytest.raises(ConfigurationError, match=r"demo\.toml: simulator\.limits\.nope"):
        prepare(None, line, {})


# The log


def observed(observer_stream: io.StringIO, emit: Callable[[Logger], None]) -> str:
    emit(Logger("a.place", observer=LineObserver(observer_stream)))
    return observer_stream.getvalue()


def test_the_log_is_a_line_for_each_event() -> None:
    line = observed(io.StringIO(), lambda log: log.warn("{what} happened", what="it"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d warn  a\.place: it happened\n", line)
    assert observed(io.StringIO(), lambda log: log.debug("details")) == ""


def test_a_traceback_is_for_faults_of_a_program() -> None:
    theirs = Failure(ConnectionFailed("demo", "down"))
    line = observed(io.StringIO(), lambda log: log.failure("no luck", theirs))
    assert line.endswith("no luck: demo: down\n") and "Traceback" not in line
    ours = observed(io.StringIO(), lambda log: log.failure("a fault", Failure(ZeroDivisionError("ours"))))
    assert "a fault: ours\n    Traceback" in ours
    again = observed(io.StringIO(), lambda log: log.failure("", Failure(ReactorNotRunning())))
    assert again == "", "a second Ctrl-C"


def test_a_servers_words_fake_no_line_of_the_log() -> None:
    said = "down\r\x1b[2J\n2026-03-04 10:59:47+00:00 info  a.place: all is well\u2028"
    for emit in (
        lambda log: log.warn("{reason}", reason=said),
        lambda log: log.failure("no luck", Failure(ConnectionFailed("demo", said))),
        lambda log: log.failure("no luck", Failure(ZeroDivisionError(said))),
    ):
        first, *more = observed(io.StringIO(), emit).removesuffix("\n").split("\n")
        assert first.endswith("down??[2J")
        assert more and all(line.startswith("    ") and line.isprintable() for line in more)


def test_a_log_that_cannot_be_written_ends_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    Logger("x", observer=LineObserver(stream)).info("into the void")


def test_the_log_goes_to_stderr_unless_twistd_was_told_otherwise(demo: Callable[..., Line]) -> None:
    for parent, expected in (
        ({"nodaemon": 1}, True),
        ({"nodaemon": 1, "logfile": "x"}, False),
        ({"nodaemon": 1, "logfile": "-"}, True),  # stdout belongs to the outputs
        ({"nodaemon": 1, "logger": "x"}, False),
        ({"nodaemon": 1, "syslog": True}, False),
        ({"nodaemon": 0}, False),
    ):
        daemon = prepare(None, demo(**parent), {})
        application = Application("ctrader")
        daemon.setServiceParent(application)
        assert (application.getComponent(ILogObserver) is not None) is expected, parent
        _close(daemon)
    assert ILogObserver.providedBy(stderr_observer())
