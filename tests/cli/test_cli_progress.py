"""How far several things are."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from twisted.internet.task import Clock

from ctrader_twisted.cli.progress import Course, ProgressBars, ProgressLines, clock


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (245, "4:05"), (3723, "1:02:03")]
)
def test_times(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_rate_and_time_left() -> None:
    course = Course("EURUSD")
    assert (course.rate(100), course.left(100)) == (0, None), "not begun"
    course.began = 100.0
    assert course.left(100) is None, "nobody can say yet"
    course.share, course.rows = 0.25, 5000
    assert (course.rate(110), course.left(110)) == (500, 30)
    assert course.line(110) == "EURUSD: 25%, 5,000 rows, 500 rows/s, 30 s left"
    course.share, course.ended = 1.0, 120.0
    assert (course.rate(500), course.left(500)) == (250, 0)


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    reactor = Clock()
    first, second, third = (Course(name) for name in ("EURUSD", "USDJPY", "XAUUSD"))
    first.began = second.began = 0.0
    lines = ProgressLines(reactor)
    lines.begin([first, second, third])
    first.share, first.rows, second.ended = 0.5, 1000, 5.0
    reactor.advance(9)
    assert capsys.readouterr().err == ""
    reactor.advance(1)
    assert capsys.readouterr().err.splitlines() == ["EURUSD: 50%, 1,000 rows, 100 rows/s, 10 s left"]
    lines.end()
    reactor.advance(60)
    assert capsys.readouterr().err == ""
    assert not reactor.getDelayedCalls()


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (100, "EURUSD ━━━━━━━━━━━━ 50% 12,345 rows 1,234 rows/s 10 s left"),
        (64, "EURUSD ━━━━━━ 50% 12,345 rows 1,234 rows/s 10 s left"),
        (60, "EURUSD ━━━━━━ 50% 12,345 rows 10 s left"),
        (40, "EURUSD 50% 12,345 rows 10 s left"),
        (24, "EURUSD 50% 10 s left"),
    ],
)
def test_bars_where_there_is_little_room(width: int, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    reactor = Clock()
    reactor.advance(10)
    course = Course("EURUSD", 0.5, 12_345, began=0.0)
    bars = ProgressBars(reactor)
    bars.begin([course])
    console = Console(file=StringIO(), width=width)
    console.print(bars.shown())
    bars.end()
    assert isinstance(console.file, StringIO)
    assert " ".join(console.file.getvalue().replace("╸", "━").replace("╺", "━").split()) == line


def test_bars() -> None:
    reactor = Clock()
    reactor.advance(10)
    first, second, third = (Course(name) for name in ("EURUSD", "USDJPY", "XAUUSD"))
    first.began = second.began = 0.0
    first.share, first.rows = 0.5, 12_345
    second.share, second.rows, second.ended = 1.0, 10, 5.0
    bars = ProgressBars(reactor)
    bars.begin([first, second, third])
    console = Console(file=StringIO(), width=100)
    console.print(bars.shown())
    bars.end()
    assert isinstance(console.file, StringIO)
    lines = [" ".join(line.replace("━", "").split()) for line in console.file.getvalue().splitlines()]
    assert lines == [
        "EURUSD 50% 12,345 rows 1,234 rows/s 10 s left",
        "USDJPY 100% 10 rows 2 rows/s done",
        "1 more to come",
    ]
