"""Holes that take long to fill: cut off, refused, gone on with; and what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted.messages import ProtoOADealListReq, ProtoOAGetTickDataReq
from ctrader_twisted.recording import holes
from ctrader_twisted.sim import Options
from ctrader_twisted.sim.testing import EUR_ACCOUNT
from tests.recording.recordings import FORMATS, kill, kit_at, ms, quotes, recorder_of, standing, ticks

if TYPE_CHECKING:
    from pathlib import Path

    from ctrader_twisted.recording import MarketRecorder
    from ctrader_twisted.sim.testing import VenueKit


def begin(kit: VenueKit, path: Path, form: str, **settings: Any) -> MarketRecorder:
    recorder = recorder_of(kit, path, form, **settings)
    recorder.record(kit.ready_client(EUR_ACCOUNT), EUR_ACCOUNT, ["EURUSD"])
    recorder.startService()
    return recorder


def asked(recorder: MarketRecorder, monkeypatch: pytest.MonkeyPatch, cls: type) -> list[Any]:
    """Note the requests of a kind that the recorder's client sends from now on."""
    client = recorder._lines[0].client
    sent: list[Any] = []
    factory = client._factory
    send = factory.request

    def request(message: Any, *arguments: Any, **more: Any) -> Any:
        if isinstance(message, cls):
            sent.append(message)
        return send(message, *arguments, **more)

    monkeypatch.setattr(factory, "request", request)
    return sent


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_it_goes_on_where_it_was_cut_off(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed again and again while a hole of hours is filled in small pages: what was filled stays."""
    with kit_at(monkeypatch, options=Options(ticks_per_page=500)) as kit:
        recorder = begin(kit, tmp_path, form)
        began = kit.venue.now()
        kit.advance(30)
        kit.settle(recorder.stopService())
        kit.advance(10 * 3600)
        lefts = []
        for _ in range(3):
            recorder = begin(kit, tmp_path, form)
            kit.advance(15)
            kill(kit, recorder)
            lefts.append(
                sum((hole.end - hole.start).total_seconds() for hole in holes(tmp_path) if "quotes" in hole.stream)
            )
        assert lefts[0] > lefts[1] > lefts[2] > 0, "each time it came a little further"
        recorder = begin(kit, tmp_path, form)
        kit.advance(120)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        assert holes(tmp_path) == []
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), end)


def test_it_goes_no_further_back_than_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with kit_at(monkeypatch) as kit:
        recorder = begin(kit, tmp_path, "sqlite")
        kit.advance(30)
        kit.settle(recorder.stopService())
        kit.advance(3 * 3600)
        recorder = begin(kit, tmp_path, "sqlite", refill_days=1 / 24)
        kit.advance(60)
        now = kit.venue.now()
        kit.settle(recorder.stopService())
        (hole,) = (hole for hole in holes(tmp_path) if "quotes" in hole.stream)
        assert 3_500_000 < now - round(hole.end.timestamp() * 1000) < 3_700_000


def test_it_goes_no_further_back_than_told_while_the_servers_time_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No quote tells it on a Saturday."""
    with kit_at(monkeypatch) as kit:
        for _ in range(2):
            recorder = begin(kit, tmp_path, "sqlite", refill_days=0)
            kit.advance(30)
            kit.settle(recorder.stopService())
            kit.advance(3600)
        kit.advance((ms("2026-03-07T12:00:00") - kit.venue.now()) / 1000)
        recorder = begin(kit, tmp_path, "sqlite", refill_days=1)
        sent = asked(recorder, monkeypatch, ProtoOAGetTickDataReq)
        kit.advance(120)
        kit.settle(recorder.stopService())
        assert sent, "Friday's"
        assert min(request.fromTimestamp for request in sent) > ms("2026-03-06T11:00:00")


def test_a_refusal_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deals are refused once, and ticks too: these are waited for, and those asked for again some time later."""
    monkeypatch.setattr("ctrader_twisted.recording.recorder._AGAIN", 120_000)
    with kit_at(monkeypatch) as kit:
        recorder = begin(kit, tmp_path, "sqlite")
        kit.advance(30)
        kit.settle(recorder.stopService())
        kit.advance(600)
        recorder = begin(kit, tmp_path, "sqlite")
        kit.advance(1)
        kit.play("backend_down", seconds=10)
        kit.advance(60)
        assert {hole.stream for hole in holes(tmp_path)} == {"account"}
        sent = asked(recorder, monkeypatch, ProtoOADealListReq)
        kit.advance(140)
        assert holes(tmp_path) == [] and len(sent) == 1
        kit.settle(recorder.stopService())


@pytest.mark.slow
def test_a_side_that_changed_long_ago_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last change before a hole on a Saturday was on Friday: it is looked for further and further back."""
    closes = ms("2026-03-06T21:55")
    with kit_at(monkeypatch, closes - 60_000) as kit:
        recorder = begin(kit, tmp_path, "sqlite")
        began = kit.venue.now()
        kit.advance(3 * 3600)
        kit.settle(recorder.stopService())
        kit.advance(47 * 3600)
        recorder = begin(kit, tmp_path, "sqlite")
        kit.advance(30)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        assert holes(tmp_path) == []
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), end)


@pytest.mark.slow
def test_a_weekend_costs_a_few_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From Friday's last seconds to Monday; and from Saturday to Sunday, where only heartbeats come, deals alone."""
    closes = ms("2026-03-06T21:55")
    with kit_at(monkeypatch, closes - 60_000) as kit:
        recorder = begin(kit, tmp_path, "sqlite")
        began = kit.venue.now()
        kit.advance(30)
        kit.settle(recorder.stopService())
        kit.advance(20 * 3600)
        recorder = begin(kit, tmp_path, "sqlite")
        kit.advance(90)  # a minute of it is for the server's time to be told
        assert holes(tmp_path) == []
        kill(kit, recorder)
        kit.advance(29 * 3600 + 600)
        recorder = begin(kit, tmp_path, "sqlite")
        sent = asked(recorder, monkeypatch, ProtoOAGetTickDataReq)
        kit.advance(60)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        assert holes(tmp_path) == []
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), end)
        assert len(sent) < 25


def test_both_sides_are_known_from_the_first_change_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holes that begin where nothing has changed for longer than is looked back at first."""
    monkeypatch.setattr("ctrader_twisted.recording.refilling._BACK", (1, 400, 3_600_000))
    with kit_at(monkeypatch) as kit:
        recorder = begin(kit, tmp_path, "sqlite")
        began = kit.venue.now()
        for _ in range(6):
            kit.advance(20)
            kit.settle(recorder.stopService())
            kit.advance(3.7)
            recorder = begin(kit, tmp_path, "sqlite")
        kit.advance(40)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        assert holes(tmp_path) == []
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), end)


@pytest.mark.parametrize(
    ("form", "seconds"),
    [
        pytest.param("parquet", 6.5, marks=pytest.mark.slow),
        ("sqlite", 15.0),
        *(pytest.param(form, each, marks=pytest.mark.soak) for form in FORMATS for each in (7.5, 9.0, 25.0)),
    ],
)
def test_what_was_not_filled_when_it_was_stopped_stays_a_hole(
    tmp_path: Path, form: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended in order in the middle of it, as often as not: nothing is claimed that was not got."""
    with kit_at(monkeypatch, options=Options(ticks_per_page=125)) as kit:
        recorder = begin(kit, tmp_path, form)
        began = kit.venue.now()
        kit.advance(30)
        kit.settle(recorder.stopService())
        kit.advance(2.5 * 3600)
        recorder = begin(kit, tmp_path, form)
        kit.advance(seconds)
        kit.settle(recorder.stopService())
        assert len([hole for hole in holes(tmp_path) if "quotes" in hole.stream]) == 1
        recorder = begin(kit, tmp_path, form)
        kit.advance(200)
        end = kit.venue.now()
        kit.settle(recorder.stopService())
        assert holes(tmp_path) == []
        assert quotes(tmp_path) == ticks(kit, standing(kit, began), end)
