"""``ctrader chart``, in memory."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from ctrader_twisted.charting.candles import DARK, span_written
from ctrader_twisted.cli import chart as charts
from ctrader_twisted.cli.chart import Drawn, draw_chart
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.errors import ExtraMissing, UnknownSymbol
from ctrader_twisted.sim import Options
from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.testing import ACCESS_TOKEN, DEFAULT_START, EUR_ACCOUNT, VenueKit
from ctrader_twisted.tokens import Grant, GrantedAccount
from tests.cli.rooms import access, found, keep, settle

if TYPE_CHECKING:
    from pathlib import Path

    from ctrader_twisted.history.tables import Bars

GRANT = Grant("default", ACCESS_TOKEN, accounts=(GrantedAccount(EUR_ACCOUNT, False),))
NOW = datetime.fromtimestamp(DEFAULT_START / 1000, UTC)
HOUR = timedelta(hours=1)


def draw(kit: VenueKit, folder: Path, out: str, name: str = "EURUSD", **drawn: Any) -> None:
    there = found(folder)
    keep(kit, there, GRANT)
    settle(kit, draw_chart(kit.clock, there, Drawn(name, str(folder / out), **drawn), access=access(kit, there)))


@pytest.fixture
def drawn_bars(monkeypatch: pytest.MonkeyPatch) -> list[Bars]:
    """What was drawn."""
    from ctrader_twisted.charting import candles

    tables: list[Bars] = []
    real = candles.candles

    def draw_candles(bars: Bars, **more: Any) -> Any:
        tables.append(bars)
        return real(bars, **more)

    monkeypatch.setattr(candles, "candles", draw_candles)
    return tables


def expected(kit: VenueKit, period: Period, count: int) -> list[int]:
    bars, _ = kit.venue.feed.bars_back(1, period, None, kit.venue.now(), count + 1, now_ms=kit.venue.now())
    return [bar.open_ms for bar in bars][:-1]


@pytest.mark.parametrize(("period", "count"), [("H1", 200), ("M5", 30), ("D1", 50)])
def test_the_last_bars(
    tmp_path: Path, drawn_bars: list[Bars], period: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with VenueKit() as kit:
        draw(kit, tmp_path, "a.svg", "eurusd", period=period, count=count)
        assert drawn_bars[0].opened.tolist() == expected(kit, Period[period], count)
    assert len(drawn_bars[0]) == count
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    ids = {element.get("id") for element in root.iter()}
    assert {"wicks", "bodies", "volume", "last"} <= ids
    err = " ".join(capsys.readouterr().err.split())
    assert f"a.svg: {count} {period} bars of EURUSD, {span_written(drawn_bars[0])}" in err, "as the picture has it"
    assert [each.name for each in tmp_path.glob("a.svg*")] == ["a.svg"]


def test_more_bars_than_a_page_holds(tmp_path: Path, drawn_bars: list[Bars]) -> None:
    """One of a page is the bar that is running, which is not given."""
    with VenueKit(options=Options(bars_per_page=50)) as kit:
        kit.advance(60)
        for count in (49, 50, 120):
            draw(kit, tmp_path, "a.svg", count=count)
            assert drawn_bars[-1].opened.tolist() == expected(kit, Period.H1, count)


def test_a_span(tmp_path: Path, drawn_bars: list[Bars]) -> None:
    start, end = NOW - 30 * HOUR, NOW - 10 * HOUR
    with VenueKit() as kit:
        draw(kit, tmp_path, "a.png", count=None, start=start, end=end)
        draw(kit, tmp_path, "b.png", count=5, start=start, end=end)
    whole, last = drawn_bars
    assert [datetime.fromtimestamp(ms / 1000, UTC) for ms in whole.opened[[0, -1]].tolist()] == [start, end - HOUR]
    assert last.opened.tolist() == whole.opened[-5:].tolist()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_more_than_can_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "MOST", 100)
    with VenueKit() as kit:
        with pytest.raises(
            CommandFailed, match=r"100 bars at most, and EURUSD has more of M1 from .* on:.*--bars 100$"
        ):
            draw(kit, tmp_path, "a.svg", count=None, period="M1", start=NOW - 3 * HOUR)
        with pytest.raises(CommandFailed, match="EURUSD has more of M1 from .* to 2026-03-03 08:00: take a longer"):
            draw(kit, tmp_path, "a.svg", count=None, period="M1", start=NOW - 3 * HOUR, end=NOW - HOUR)
        assert not (tmp_path / "a.svg").exists()
        draw(kit, tmp_path, "a.svg", count=100, period="M1", start=NOW - 3 * HOUR)
    assert (tmp_path / "a.svg").exists()


def test_help_says_how_many_bars_a_chart_has_at_most() -> None:
    said = CliRunner().invoke(charts.chart, ["--help"]).output
    assert "5,000 at most" in " ".join(said.split()) and "5,000 bars at most from there" in " ".join(said.split())


@pytest.mark.filterwarnings("ignore:EURUSD. the server has nothing as late")
def test_nothing_to_draw(tmp_path: Path) -> None:
    saturday = datetime(2026, 2, 28, 12, tzinfo=UTC)
    with VenueKit() as kit:
        with pytest.raises(
            CommandFailed, match="EURUSD: the server has no H1 bars from 2026-02-28 12:00 to 2026-02-28"
        ):
            draw(kit, tmp_path, "a.svg", count=None, start=saturday, end=saturday + HOUR)
        with pytest.raises(CommandFailed, match=r"to now: that is later than its newest, of 2026-03-03 08:5\d\. Begin"):
            draw(kit, tmp_path, "a.svg", count=None, start=NOW + 361 * 24 * HOUR)


def test_on_dark_paper(tmp_path: Path) -> None:
    with VenueKit() as kit:
        draw(kit, tmp_path, "a.svg", count=5)
        draw(kit, tmp_path, "b.svg", count=5, dark=True)
    assert DARK.paper in (tmp_path / "b.svg").read_text() and DARK.paper not in (tmp_path / "a.svg").read_text()


def test_what_is_no_ordinary_file_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.svg")
    with VenueKit() as kit:
        with pytest.raises(CommandFailed, match="a.svg can't be written: it is no ordinary file"):
            draw(kit, tmp_path, "a.svg")
    assert not (tmp_path / "a.svg").is_file()


def test_what_can_not_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with VenueKit() as kit:
        with pytest.raises(CommandFailed, match="give the picture .svg or .png"):
            draw(kit, tmp_path, "a.gif")
        with pytest.raises(UnknownSymbol, match="did you mean EURUSD\\?"):
            draw(kit, tmp_path, "a.svg", "EURUSDX")
        with pytest.raises(CommandFailed, match="a.svg can't be written: its folder does not exist"):
            draw(kit, tmp_path, "nowhere/a.svg")
        monkeypatch.setattr(charts, "find_spec", lambda name: None)
        with pytest.raises(ExtraMissing, match=r'a chart needs matplotlib: pip install "ctrader_twisted\[plot\]"'):
            draw(kit, tmp_path, "a.svg")
