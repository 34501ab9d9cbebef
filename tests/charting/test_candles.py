"""Candles of a table of bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from ctrader_twisted.charting.axis import labels
from ctrader_twisted.charting.candles import FALLING, RISING, candles, save
from ctrader_twisted.history.tables import Bars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def table(rows: list[tuple[int, int, int, int, int, int]], digits: int = 5) -> Bars:
    names = ("opened", "open", "high", "low", "close", "ticks")
    columns = {name: np.array(column, np.int64) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    return Bars("EURUSD", 1, digits, columns, "H1")


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
    assert colours == [RISING, FALLING, RISING]
    assert [path.get_extents().y1 for path in drawn(figure, "volume").get_paths()] == [40, 80, 1]


def test_the_last_price_has_a_line_and_is_written() -> None:
    price = candles(BARS).axes[0]
    (line,) = (each for each in price.lines if each.get_gid() == "last")
    assert set(line.get_ydata()) == {1.091}
    assert [text.get_text() for text in price.texts] == ["1.09100"]


def test_everything_is_in_sight() -> None:
    price, volume = candles(BARS).axes
    low, high = price.get_ylim()
    assert low < 1.09 and high > 1.105
    assert price.get_xlim()[0] < -0.35 and price.get_xlim()[1] > 2.35
    assert volume.get_ylim()[0] == 0 and volume.get_ylim()[1] > 80


def test_one_bar_that_never_moved() -> None:
    figure = candles(table([(at(0), 200_000, 200_000, 200_000, 200_000, 0)], digits=2))
    low, high = figure.axes[0].get_ylim()
    assert low < 2 < high
    save(figure, BytesIO(), "png")


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
    assert [text for _, text in found] == ["2025", "1 Apr", "1 Jul", "1 Oct", "2026"]


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
