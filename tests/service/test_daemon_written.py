"""What the daemon writes of quotes, bars, losses, executions: joined to a simulated venue in memory."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from ctrader_twisted import messages
from ctrader_twisted.errors import OrderRefused
from ctrader_twisted.sim import script
from ctrader_twisted.sim.options import Options as VenueOptions
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from ctrader_twisted.wire.choice import Wire
from tests.market.recorded import needs_recordings, recording
from tests.service.benches import Bench, account

if TYPE_CHECKING:
    from pathlib import Path


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
