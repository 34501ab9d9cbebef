"""Our clock is set while the recorder is down: what happened to the account meanwhile is found, and is there once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted.recording import MarketRecorder, holes
from ctrader_twisted.recording.formats import store_at
from ctrader_twisted.sim.testing import EUR_ACCOUNT
from tests.recording.recordings import SettableClock, kill, kit_at, recorder_of, rows, with_clock

if TYPE_CHECKING:
    from pathlib import Path

    from ctrader_twisted.sim.testing import VenueKit

HOUR = 3600.0
SET = [(90.0, 0.0), (0.0, -90.0), (-90.0, 0.0), (0.0, 90.0), (3 * HOUR, 0.0), (0.0, 3 * HOUR), (-3 * HOUR, 0.0)]
"""How far ahead of the venue's our clock is before a restart, and after it."""


def begin(kit: VenueKit, path: Path, *symbols: str) -> MarketRecorder:
    recorder = recorder_of(kit, path, "sqlite")
    recorder.record(kit.ready_client(EUR_ACCOUNT), EUR_ACCOUNT, symbols)
    recorder.startService()
    return recorder


def deposits(path: Path) -> list[tuple[Any, ...]]:
    """Give the keys and sources of what changed the balance, in the order in which it did."""
    return sorted(row for row in rows(path, "account_events", "key, source") if row[0])


def recorded(
    kit: VenueKit, clock: SettableClock, path: Path, after: float, *symbols: str, seconds: float = 150
) -> MarketRecorder:
    """Record, be killed with a deposit on the disk, miss another one, and record again by a clock that was set.

    :param seconds: before the deposit: two minutes pass before anything is covered without quotes.
    """
    recorder = begin(kit, path, *symbols)
    kit.advance(60 if symbols else seconds)
    kit.play("deposit", amount=500, account_id=EUR_ACCOUNT)
    kit.advance(5)
    kill(kit, recorder)
    kit.settle(recorder._lines[0].client.close())
    kit.advance(30)
    kit.play("deposit", amount=700, account_id=EUR_ACCOUNT)
    kit.advance(30)
    clock.ahead = after
    recorder = begin(kit, path, *symbols)
    kit.advance(60 if symbols else 180)
    kit.settle(recorder.stopService())
    return recorder


@pytest.mark.parametrize(("before", "after"), SET)
def test_a_clock_that_is_set_while_it_is_down_hides_no_hole(
    tmp_path: Path, before: float, after: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kit_at(monkeypatch) as kit:
        clock = with_clock(kit, before)
        recorded(kit, clock, tmp_path, after, "EURUSD")
        assert [source for _, source in deposits(tmp_path)] == ["live", "history"]
        assert holes(tmp_path) == []
        ((_, end),) = store_at(tmp_path, "sqlite").covered("simulator", EUR_ACCOUNT)["account"]
        assert end <= kit.venue.now(), "nothing is claimed that has not been"


@pytest.mark.parametrize(("before", "after"), SET)
def test_nor_where_nothing_tells_the_servers_time(
    tmp_path: Path, before: float, after: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kit_at(monkeypatch) as kit:
        recorder = recorded(kit, with_clock(kit, before), tmp_path, after)
        assert not recorder._lines[0].gathering.overlaps, "it is asked for once"
        assert [source for _, source in deposits(tmp_path)] == ["live", "history"]
        if after <= 0:
            spans = store_at(tmp_path, "sqlite").covered("simulator", EUR_ACCOUNT)["account"]
            now = kit.venue.now()
            assert not any(start < now < end for start, end in spans), "what has not been yet is not filled"


def test_what_came_before_the_servers_time_was_known_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kit_at(monkeypatch) as kit:
        with_clock(kit, 3 * HOUR)
        recorder = begin(kit, tmp_path, "EURUSD")
        kit.play("deposit", amount=500, account_id=EUR_ACCOUNT)
        assert recorder._lines[0].gathering.ahead is None
        kit.advance(20)
        kill(kit, recorder)
        kit.advance(20)
        recorder = begin(kit, tmp_path, "EURUSD")
        kit.advance(30)
        kit.settle(recorder.stopService())
        assert holes(tmp_path) == []
        assert [source for _, source in deposits(tmp_path)] == ["live"]


def test_what_happened_between_the_first_event_and_the_first_cover_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kit_at(monkeypatch) as kit:
        recorded(kit, with_clock(kit, 0.0), tmp_path, 0.0, seconds=20)
        assert [source for _, source in deposits(tmp_path)] == ["live", "history"]
        first = min(time for (time,) in rows(tmp_path, "account_events", "time"))
        ((start, _),) = store_at(tmp_path, "sqlite").covered("simulator", EUR_ACCOUNT)["account"]
        assert start == first


def test_what_history_gave_from_before_the_recording_does_not_begin_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour more than a hole is asked for, and what there is of it kept: it is no hole that ends there."""
    with kit_at(monkeypatch) as kit:
        for _ in range(6):
            kit.play("deposit", amount=500, account_id=EUR_ACCOUNT)
            kit.advance(1500)
        began = kit.venue.now()
        for _ in range(4):
            recorder = begin(kit, tmp_path, "EURUSD")
            kit.advance(60)
            kit.settle(recorder.stopService())
            kit.settle(recorder._lines[0].client.close())
            kit.advance(60)
        ((start, _),) = store_at(tmp_path, "sqlite").covered("simulator", EUR_ACCOUNT)["account"]
        assert start >= began
        assert deposits(tmp_path), "the hour more"
        assert all(time >= began - HOUR * 1000 for (time,) in rows(tmp_path, "account_events", "time"))
