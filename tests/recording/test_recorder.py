"""The recorder, with a real client at the simulated venue: what is recorded is what was sent, and what happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import execute

from ctrader_twisted.documents.symbols import Symbols
from ctrader_twisted.market import Lots
from ctrader_twisted.recording import MarketRecorder, holes
from ctrader_twisted.recording.formats import store_at
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT
from tests.recording.recordings import (
    FORMATS,
    bars,
    history_of_bars,
    kill,
    kit_at,
    ms,
    quotes,
    recorder_of,
    rows,
    standing,
    ticks,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ctrader_twisted.sim.testing import VenueKit

MINUTE = 60_000


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def begin(kit: VenueKit, path: Path, form: str, symbols: Any = ("EURUSD",), **settings: Any) -> MarketRecorder:
    client = kit.ready_client(EUR_ACCOUNT)
    recorder = recorder_of(kit, path, form, **settings)
    recorder.record(client, EUR_ACCOUNT, symbols, ["M1"])
    recorder.startService()
    return recorder


def check_bars(kit: VenueKit, path: Path, began: int) -> None:
    """Those that have closed for a few seconds are there; one that closes now may be."""
    end = kit.venue.now()
    settled, all_closed = (history_of_bars(kit, began - MINUTE, at // MINUTE * MINUTE) for at in (end - 5000, end))
    assert len(settled) > 2 and bars(path) in (settled, all_closed)


def events(path: Path) -> list[tuple[str, str | None, str]]:
    """Give the executions that are recorded: what, key, source."""
    found = []
    for time, event, document, key, source in sorted(
        rows(path, "account_events", "time, event, document, key, source")
    ):
        told = json.loads(document)
        assert told["event"] == event and time > 0
        if event == "execution":
            found.append((told["execution"], key, source))
    return found


# What comes


def test_what_is_recorded_is_what_the_venue_sent(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with kit_at(monkeypatch) as kit:
        recorder = begin(kit, tmp_path, form, ["EURUSD", "USDJPY"])
        began = kit.venue.now()
        kit.advance(125)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        for symbol in ("EURUSD", "USDJPY"):
            expected = ticks(kit, standing(kit, began, symbol), end, symbol)
            assert len(expected) > 100 and quotes(tmp_path, symbol) == expected
        assert {row[0] for row in quotes(tmp_path, columns="source")} == {"live"}
        assert bars(tmp_path) == history_of_bars(kit, began - MINUTE, began + 2 * MINUTE)
        assert holes(tmp_path) == []
        assert recorder.written == len(rows(tmp_path, "quotes", "time")) + len(rows(tmp_path, "bars", "time")) + len(
            rows(tmp_path, "account_events", "time")
        )


def test_only_what_was_asked_for(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another account on the same connection, another symbol of the same account, and kinds that nobody wants."""
    with kit_at(monkeypatch) as kit:
        client = kit.ready_client(EUR_ACCOUNT, USD_ACCOUNT)
        kit.settle(client.subscribe_spots(ctidTraderAccountId=USD_ACCOUNT, symbolId=[1], subscribeToSpotTimestamp=True))
        kit.settle(client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[2], subscribeToSpotTimestamp=True))
        recorder = recorder_of(kit, tmp_path, form, events=["quote"])
        recorder.record(client, EUR_ACCOUNT, ["EURUSD"], ["M1"])
        recorder.startService()
        began = kit.venue.now()
        kit.advance(70)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), end)
        assert {row[0] for row in rows(tmp_path, "quotes", "symbol")} == {"EURUSD"}
        assert not rows(tmp_path, "bars", "time") and not rows(tmp_path, "account_events", "time")


def test_executions_and_deposits_are_there_at_once(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with kit_at(monkeypatch) as kit:
        recorder = begin(kit, tmp_path, form, flush_seconds=3600.0)
        account = recorder._lines[0].client.account(EUR_ACCOUNT)
        kit.advance(2)
        kit.settle(account.buy("EURUSD", Lots(1)).filled())
        kit.advance(1)
        kit.play("deposit", amount=500, account_id=EUR_ACCOUNT)
        kit.advance(1)
        told = events(tmp_path)
        assert [what for what, _, _ in told] == ["ORDER_ACCEPTED", "ORDER_FILLED", "DEPOSIT_WITHDRAW"]
        assert [bool(key) for _, key, _ in told] == [False, True, True]
        kit.settle(recorder.stopService())


def test_a_day_begins_at_midnight_of_utc(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    midnight = ms("2026-03-04T00:00")
    with kit_at(monkeypatch, midnight - 40_000) as kit:
        recorder = begin(kit, tmp_path, form)
        began = kit.venue.now()
        kit.advance(90)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        expected = ticks(kit, standing(kit, began), end)
        assert quotes(tmp_path) == expected
        by_day = {}
        if form == "sqlite":
            names = sorted(path.name for path in tmp_path.glob("*.sqlite"))
            assert names == ["2026-03-03.sqlite", "2026-03-04.sqlite"]
        else:
            for day in ("2026-03-03", "2026-03-04"):
                (folder,) = tmp_path.glob(f"quotes/environment=simulator/account={EUR_ACCOUNT}/date={day}")
                import pyarrow.dataset

                times = pyarrow.dataset.dataset(folder).to_table(columns=["time"])["time"].cast("int64").to_pylist()
                by_day[day] = sorted(times)
            assert by_day["2026-03-03"] == [row[0] for row in expected if row[0] < midnight]
            assert by_day["2026-03-04"] == [row[0] for row in expected if row[0] >= midnight]


# Losses


def test_a_loss_is_a_hole_and_is_refilled(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with kit_at(monkeypatch) as kit:
        recorder = begin(kit, tmp_path, form, ["EURUSD", "USDJPY"])
        began = kit.venue.now()
        kit.advance(70)
        kit.refuse_connections()
        kit.cut()
        kit.advance(80)
        kit.accept_connections()
        kit.settle(recorder._lines[0].client.when_ready(), 200)
        kit.advance(20)
        assert {row[0] for row in quotes(tmp_path, columns="source")} == {"live", "history"}
        kit.advance(70)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        for symbol in ("EURUSD", "USDJPY"):
            assert quotes(tmp_path, symbol) == ticks(kit, standing(kit, began, symbol), end, symbol)
        check_bars(kit, tmp_path, began)
        assert holes(tmp_path) == []


def test_a_hole_is_known_while_it_is_not_refilled(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with kit_at(monkeypatch) as kit:
        recorder = begin(kit, tmp_path, form, refill_days=0)
        kit.advance(70)
        lost = kit.venue.now()
        kit.refuse_connections()
        kit.cut()
        kit.advance(130)
        kit.accept_connections()
        kit.settle(recorder._lines[0].client.when_ready(), 200)
        kit.advance(130)
        kit.settle(recorder.stopService())
        missing = {hole.stream: hole for hole in holes(tmp_path)}
        assert set(missing) == {"quotes/EURUSD", "bars/EURUSD/M1", "account"}
        hole = missing["quotes/EURUSD"]
        assert (hole.environment, hole.account) == ("simulator", EUR_ACCOUNT)
        start, end = (round(at.timestamp() * 1000) for at in (hole.start, hole.end))
        assert start <= lost < end
        recorded = quotes(tmp_path)
        assert [row for row in recorded if row[0] < start] == ticks(kit, recorded[0][0] - 1, start - 1)
        assert [row for row in recorded if row[0] >= end] == ticks(kit, end - 1, recorded[-1][0])


@pytest.mark.parametrize("seconds", [71.3, 87.9, 100.0])
def test_after_a_power_cut_nothing_is_missing_and_nothing_doubled(
    tmp_path: Path, form: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kit_at(monkeypatch) as kit:
        recorder = begin(kit, tmp_path, form, flush_seconds=7.0)
        began = kit.venue.now()
        kit.advance(seconds)
        kill(kit, recorder)
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), quotes(tmp_path)[-1][0])
        kit.advance(70)
        recorder = begin(kit, tmp_path, form, flush_seconds=7.0)
        kit.advance(70)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), end)
        check_bars(kit, tmp_path, began)
        assert holes(tmp_path) == []


@pytest.mark.parametrize("ahead", [3600.0, -3600.0, 86_400.0 * 240])
def test_a_clock_that_is_off_costs_no_bars_after_a_restart(
    tmp_path: Path, form: str, ahead: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kit_at(monkeypatch, ahead=ahead) as kit:
        recorder = begin(kit, tmp_path, form)
        began = kit.venue.now()
        kit.advance(70)
        kill(kit, recorder)
        kit.advance(40)
        kit.play("deposit", amount=500, account_id=EUR_ACCOUNT)
        kit.advance(40)
        recorder = begin(kit, tmp_path, form)
        kit.advance(100)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), end)
        check_bars(kit, tmp_path, began)
        assert holes(tmp_path) == []
        assert [(what, source) for what, _, source in events(tmp_path)] == [("DEPOSIT_WITHDRAW", "history")]


@pytest.mark.slow
def test_over_a_weekend(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended on Friday before the close, begun on Saturday, and on Sunday after the opening once more."""
    closes = ms("2026-03-06T21:55")
    with kit_at(monkeypatch, closes - 300_000) as kit:
        recorder = begin(kit, tmp_path, form)
        began = kit.venue.now()
        kit.advance(200)
        kit.settle(recorder.stopService())
        kit.advance(14 * 3600)
        recorder = begin(kit, tmp_path, form)
        kit.advance(600)
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), kit.venue.now())
        kill(kit, recorder)
        kit.advance(33.3 * 3600)
        assert kit.venue.now() > ms("2026-03-08T21:20")
        recorder = begin(kit, tmp_path, form)
        kit.advance(100)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), end)
        check_bars(kit, tmp_path, began)
        assert holes(tmp_path) == []


def test_a_bar_that_is_told_again_after_a_restart_is_there_once(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Friday's last bar rides in the first event on Saturday, too."""
    closes = ms("2026-03-06T21:55")
    with kit_at(monkeypatch, closes - 130_000) as kit:
        recorder = begin(kit, tmp_path, form)
        began = kit.venue.now()
        kit.advance(140)
        kit.settle(recorder.stopService())
        expected = history_of_bars(kit, began - MINUTE, closes)
        assert bars(tmp_path) == expected
        for _ in range(2):
            kit.advance(600)
            recorder = begin(kit, tmp_path, form)
            kit.advance(100)
            kit.settle(recorder.stopService())
        assert bars(tmp_path) == expected


def test_deals_and_deposits_that_happened_meanwhile(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with kit_at(monkeypatch) as kit:
        recorder = begin(kit, tmp_path, form)
        trader = kit.ready_client(EUR_ACCOUNT).account(EUR_ACCOUNT)
        kit.settle(trader.ready())
        kit.advance(30)
        kit.settle(trader.buy("EURUSD", Lots(1)).filled())
        kit.advance(30)
        kit.settle(recorder.stopService())
        kit.advance(60)
        kit.settle(trader.sell("EURUSD", Lots(1)).filled())
        kit.advance(1)
        kit.play("deposit", amount=500, account_id=EUR_ACCOUNT)
        kit.advance(30)
        recorder = begin(kit, tmp_path, form)
        kit.advance(30)
        kit.settle(trader.buy("EURUSD", Lots(1)).filled())
        kit.advance(30)
        kit.settle(recorder.stopService())
        told = events(tmp_path)
        keyed = [(what, source) for what, key, source in told if key]
        assert keyed == [
            ("ORDER_FILLED", "live"),
            ("ORDER_FILLED", "history"),
            ("DEPOSIT_WITHDRAW", "history"),
            ("ORDER_FILLED", "live"),
        ]
        keys = [key for _, key, _ in told if key]
        assert len(set(keys)) == len(keys)
        assert holes(tmp_path) == []


# The store


class Full:
    """A disk without room, as long as it is told so."""

    def __init__(self, path: Path, form: str) -> None:
        self.store = store_at(path, form)
        self.full = False
        self.tried = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def write(self, batch: Any) -> None:
        self.tried += 1
        if self.full:
            raise OSError(28, "No space left on device")
        self.store.write(batch)


def test_a_disk_that_fills_up(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch, logged_errors: Any) -> None:
    """What waits is bounded; what is dropped is a hole, and is refilled when there is room again."""
    with kit_at(monkeypatch) as kit:
        client = kit.ready_client(EUR_ACCOUNT)
        store, failed = Full(tmp_path, form), []
        recorder = MarketRecorder(
            kit.clock,
            store,
            in_thread=execute,
            flush_seconds=2.0,
            capacity=20_000,
            failed=lambda: failed.append(1),  # type: ignore[arg-type]
        )
        recorder.record(client, EUR_ACCOUNT, ["EURUSD"], ["M1"])
        recorder.startService()
        began = kit.venue.now()
        kit.advance(60)
        store.full = True
        kit.advance(120)
        assert recorder.failure == "the disk is full" and recorder.dropped > 0 and failed
        assert recorder._keeping._size <= 20_000
        assert len(logged_errors.events) == 2, "once that it is full, once that rows are lost"
        logged_errors.flush()
        tried = store.tried
        kit.advance(60)
        assert 5 < store.tried - tried < 20, "tried again, but not all the time"
        store.full = False
        kit.advance(30)
        end = kit.venue.now()
        assert recorder.failure is None
        kit.settle(recorder.stopService())
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), end)
        assert holes(tmp_path) == []


def test_a_disk_that_is_full_at_the_end(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch, logged_errors: Any
) -> None:
    with kit_at(monkeypatch) as kit:
        client = kit.ready_client(EUR_ACCOUNT)
        store, failed = Full(tmp_path, form), []
        recorder = MarketRecorder(
            kit.clock,
            store,
            in_thread=execute,
            failed=lambda: failed.append(1),  # type: ignore[arg-type]
        )
        recorder.record(client, EUR_ACCOUNT, ["EURUSD"])
        recorder.startService()
        kit.advance(60)
        store.full = True
        kit.advance(5)
        kit.settle(recorder.stopService())
        logged_errors.flush()
        assert failed and recorder.dropped > 0 and not store.store._hold.held


# Without the daemon


def test_any_name_that_the_account_takes_is_recorded_by_the_brokers(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kit_at(monkeypatch) as kit:
        client = kit.ready_client(EUR_ACCOUNT)
        client.account(EUR_ACCOUNT, aliases={"cable": "GBPUSD"})
        recorder = recorder_of(kit, tmp_path, form)
        recorder.record(client, EUR_ACCOUNT, ["eur/usd", "Cable", "EURUSD"], ["M1"])
        recorder.startService()
        kit.advance(130)
        kit.settle(recorder.stopService())
        covered = store_at(tmp_path, form).covered("simulator", EUR_ACCOUNT)
        assert set(covered) == {"quotes/EURUSD", "quotes/GBPUSD", "bars/EURUSD/M1", "bars/GBPUSD/M1", "account"}
        assert {symbol for (symbol,) in rows(tmp_path, "quotes", "symbol")} == {"EURUSD", "GBPUSD"}


def test_somebody_unsubscribes(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From then on nothing is claimed of that symbol, until the account stands anew."""
    with kit_at(monkeypatch) as kit:
        client, symbols = kit.ready_client(EUR_ACCOUNT), Symbols()
        symbols.learn_names(kit.settle(client.symbols_list(ctidTraderAccountId=EUR_ACCOUNT)).symbol)
        recorder = recorder_of(kit, tmp_path, form, refill_days=0)
        recorder.follow(client, EUR_ACCOUNT, symbols, ["EURUSD", "USDJPY"], {})
        recorder.startService()
        kit.settle(
            client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[1, 4], subscribeToSpotTimestamp=True)
        )
        kit.advance(30)
        kit.settle(client.unsubscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[1]))
        kit.advance(60)
        ended = kit.venue.now() - MINUTE
        kit.settle(recorder.stopService())
        covered = store_at(tmp_path, form).covered("simulator", EUR_ACCOUNT)
        assert covered["quotes/EURUSD"][-1][1] <= ended + 2000
        assert covered["quotes/USDJPY"][-1][1] > ended + 50_000


def test_our_clock_set_back_keeps_no_rows_waiting(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with kit_at(monkeypatch) as kit:
        recorder = begin(kit, tmp_path, form)
        kit.advance(20)
        before = recorder.written
        monkeypatch.setattr(recorder, "_now", lambda: round((kit.clock.seconds() - 3600.0) * 1000))
        timer = recorder._timer
        assert timer is not None
        timer.delay(3600.0)
        kit.advance(30)
        assert recorder.written > before
        kit.settle(recorder.stopService())


def test_what_is_there_is_learnt_when_it_can_be_read(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then bars wait; none is lost."""
    monkeypatch.setattr("ctrader_twisted.recording.recorder._AGAIN", MINUTE)
    with kit_at(monkeypatch) as kit:
        store = store_at(tmp_path, form)
        covered, broken = store.covered, [True]

        def covered_if_it_can_be_read(*arguments: Any) -> Any:
            if broken:
                raise OSError(5, "Input/output error")
            return covered(*arguments)

        monkeypatch.setattr(store, "covered", covered_if_it_can_be_read)
        recorder = MarketRecorder(kit.clock, store, in_thread=execute, flush_seconds=5.0)
        recorder.record(kit.ready_client(EUR_ACCOUNT), EUR_ACCOUNT, ["EURUSD"], ["M1"])
        recorder.startService()
        began = kit.venue.now()
        kit.advance(130)
        assert bars(tmp_path) == []
        broken.clear()
        kit.advance(70)
        kit.settle(recorder.stopService())
        check_bars(kit, tmp_path, began)


def test_no_recording_is_no_recording_without_holes(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        holes(tmp_path / "typo")
