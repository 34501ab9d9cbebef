"""Candles of a table of bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from ctrader_twisted.charting.axis import labels
from ctrader_twisted.charting.candles import DARK, LIGHT, candles, save
from ctrader_twisted.history.tables import Bars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def table(rows: list[tuple[int, int, int, int, int, int]], digits: int = 5, period: str = "H1") -> Bars:
    names = ("time", "open", "high", "low", "close", "ticks")
    columns = {name: np.array(column, np.int64) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    return Bars("EURUSD", 1, digits, columns, period)


def at(hours: float) -> int:
    return round((MONDAY + timedelta(hours=hours)).timestamp() * 1000)


BARS = table(
    [
        (at(0), 110_000, 110_500, 109_900, 110_300, 40),
        (at(1), 110_300, 110_400, 109_000, 109_100, 80),
        (at(60), 109_100, 109_100, 109_100, 109_100, 1),
    ]
)


def drawn(figure: Figure, name: str) -> Any:
    (found,) = (each for axes in figure.axes for each in axes.collections if each.get_gid() == name)
    return found


def test_candles_are_where_the_prices_are() -> None:
    figure = candles(BARS)
    wicks = [[tuple(point) for point in wick] for wick in drawn(figure, "wicks").get_segments()]
    assert wicks == [[(0, 1.099), (0, 1.105)], [(1, 1.09), (1, 1.104)], [(2, 1.091), (2, 1.091)]], "no hole in time"
    bodies = [path.get_extents() for path in drawn(figure, "bodies").get_paths()]
    assert [(body.y0, body.y1) for body in bodies] == [(1.1, 1.103), (1.091, 1.103), (1.091, 1.091)]
    assert [round(body.x1 - body.x0, 6) for body in bodies] == [0.7] * 3
    colours = [to_hex(colour) for colour in drawn(figure, "bodies").get_facecolor()]
    assert colours == [LIGHT.rising, LIGHT.falling, LIGHT.rising]
    assert [path.get_extents().y1 for path in drawn(figure, "volume").get_paths()] == [40, 80, 1]


def test_the_last_price_has_a_line_and_is_written() -> None:
    price = candles(BARS).axes[0]
    (line,) = (each for each in price.lines if each.get_gid() == "last")
    assert set(line.get_ydata()) == {1.091}
    assert [text.get_text() for text in price.texts] == ["1.09100"]


@pytest.mark.parametrize(("close", "colour"), [(109_050, LIGHT.falling), (109_150, LIGHT.rising)])
def test_the_last_price_has_the_colour_of_the_last_candle(close: int, colour: str) -> None:
    price = candles(
        table([(at(0), 109_200, 109_300, 109_000, 109_100, 1), (at(1), 109_100, 109_300, 109_000, close, 1)])
    ).axes[0]
    (line,) = (each for each in price.lines if each.get_gid() == "last")
    assert to_hex(line.get_color()) == colour
    box = price.texts[0].get_bbox_patch()
    assert box is not None and to_hex(box.get_facecolor()) == colour


def test_everything_is_in_sight() -> None:
    price, volume = candles(BARS).axes
    low, high = price.get_ylim()
    assert low < 1.09 and high > 1.105
    assert price.get_xlim()[0] < -0.35 and price.get_xlim()[1] > 2.35
    assert volume.get_ylim()[0] == 0 and volume.get_ylim()[1] > 80


def test_a_few_bars_are_no_broader_than_usual() -> None:
    left, right = candles(BARS).axes[0].get_xlim()
    assert (left, right) == (-27, 3), "and they are where the newest always are"
    many = table([(at(hours), 100_000, 100_000, 100_000, 100_000, 1) for hours in range(40)])
    assert candles(many).axes[0].get_xlim() == (-1, 40)


def test_a_dark_picture() -> None:
    figure = candles(BARS, look=DARK)
    assert {to_hex(axes.get_facecolor()) for axes in figure.axes} == {to_hex(figure.get_facecolor())} == {DARK.paper}
    assert to_hex(drawn(figure, "bodies").get_facecolor()[1]) == DARK.falling
    for look in (LIGHT, DARK):
        for colour in (look.ink, look.rising, look.falling):
            assert contrast(colour, look.paper) > 3.5
        assert contrast(look.tag, look.rising) > 3.5 and contrast(look.tag, look.falling) > 3.5


def contrast(one: str, other: str) -> float:
    """As of WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_days_are_called_by_the_trading_day() -> None:
    """That of Monday opens on Sunday, at 22:00 or, by New York's clocks, at 21:00 UTC."""
    sundays = [datetime(2026, 3, 1, 22, tzinfo=UTC), datetime(2026, 3, 8, 21, tzinfo=UTC)]
    rows = [
        (round((sunday + timedelta(days=day)).timestamp() * 1000), 100_000, 100_000, 100_000, 100_000, 1)
        for sunday in sundays
        for day in range(5)
    ]
    figure = candles(table(rows, period="D1"))
    assert figure.axes[0].get_title("right") == "2026-03-02 to 2026-03-13"
    figure.canvas.draw()
    written = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert written == ["3 Mar", "4 Mar", "5 Mar", "6 Mar", "9 Mar", "10 Mar", "11 Mar", "12 Mar", "13 Mar"]
    hours = candles(table(rows, period="H1"))
    assert hours.axes[0].get_title("right") == "2026-03-01 22:00 to 2026-03-12 21:00 UTC"


def test_one_bar_that_never_moved() -> None:
    figure = candles(table([(at(0), 200_000, 200_000, 200_000, 200_000, 0)], digits=2))
    low, high = figure.axes[0].get_ylim()
    assert low < 2 < high
    save(figure, BytesIO(), "png")


@pytest.mark.parametrize("count", [400, 900, 1800, 5000])
def test_many_bars_leave_no_stripes_in_the_volume(count: int) -> None:
    """Narrower than the picture's own points, some would vanish at equal distances."""
    rows = [(at(hours), 100_000, 100_000 + hours % 7, 100_000, 100_000, 50) for hours in range(count)]
    figure = candles(table(rows))
    figure.set_dpi(150)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[::-1, :, :3].astype(float)
    axes = figure.axes[1]
    ends = [axes.transData.transform((place, 25)) for place in (0, count - 1)]
    line = picture[round(ends[0][1]), round(ends[0][0]) : round(ends[1][0]), 1]
    if count > 600:
        assert line.max() - line.min() < 12, "the same everywhere, as the volume is"
    else:
        apart = np.flatnonzero(line > 200)
        assert np.diff(apart).max() < 8, "between two bars"


def test_the_volume_of_many_bars_is_that_of_each() -> None:
    rows = [(at(hours), 100_000, 100_001, 100_000, 100_000, hours + 1) for hours in range(700)]
    (path,) = drawn(candles(table(rows)), "volume").get_paths()
    tops = {(round(x * 2) / 2, y) for x, y in path.vertices}
    assert {(hours - 0.5, hours + 1) for hours in range(700)} <= tops
    assert {(hours + 0.5, hours + 1) for hours in range(700)} <= tops


def test_no_bars() -> None:
    with pytest.raises(ValueError, match="EURUSD H1: there are no bars to draw"):
        candles(BARS[:0])


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_same_bars_give_the_same_bytes(kind: str) -> None:
    pictures = []
    for _ in range(2):
        file = BytesIO()
        save(candles(BARS), file, kind)
        pictures.append(file.getvalue())
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) > 5000


def written(start: datetime, step: timedelta, count: int, most: int = 12) -> list[tuple[int, str]]:
    moments = [start + step * number for number in range(count)]
    opened = [round(moment.timestamp() * 1000) for moment in moments if moment.weekday() < 5]
    return [tuple(label) for label in labels(np.array(opened, np.int64), most)]


def test_labels_of_a_day_are_hours() -> None:
    start = MONDAY + timedelta(hours=20)
    assert written(start, timedelta(minutes=15), 32, 8) == [
        (4, "21:00"),
        (8, "22:00"),
        (12, "23:00"),
        (16, "3 Mar"),
        (20, "01:00"),
        (24, "02:00"),
        (28, "03:00"),
    ]


def test_labels_of_weeks_leave_weekends_out() -> None:
    assert written(MONDAY, timedelta(hours=4), 6 * 14, 12) == [
        (place, text)
        for place, text in zip(
            range(6, 60, 6),
            ["3 Mar", "4 Mar", "5 Mar", "6 Mar", "9 Mar", "10 Mar", "11 Mar", "12 Mar", "13 Mar"],
            strict=True,
        )
    ]


def test_a_sunday_of_two_bars_takes_no_label_from_monday() -> None:
    friday, sunday = datetime(2026, 2, 27, tzinfo=UTC), datetime(2026, 3, 1, 22, tzinfo=UTC)
    moments = [friday + timedelta(hours=number) for number in range(22)]
    moments += [sunday + timedelta(hours=number) for number in range(28)]
    opened = np.array([round(moment.timestamp() * 1000) for moment in moments], np.int64)
    assert labels(opened, 3) == [(24, "2 Mar"), (48, "3 Mar")]


def test_labels_of_years() -> None:
    found = written(datetime(2024, 11, 1, tzinfo=UTC), timedelta(days=1), 500, 12)
    assert [text for _, text in found] == ["2025", "Apr", "Jul", "Oct", "2026"]


def test_labels_are_never_too_many() -> None:
    for count in (1, 2, 50, 3000):
        for step in (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=365)):
            if step.days * count > 700_000:
                continue
            found = written(datetime(1990, 1, 1, 7, 13, tzinfo=UTC), step, min(count, 50 if step.days > 1 else count))
            assert 1 <= len(found) <= 12
            assert len({place for place, _ in found}) == len(found)


def test_one_bar_has_its_date() -> None:
    assert written(MONDAY, timedelta(hours=1), 1) == [(0, "2 Mar 2026, 00:00")]
    assert labels(np.zeros(0, np.int64)) == []
