"""Minute bars traded by the real client in virtual time: nothing is skipped, nothing differs, twice is the same."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOUR = 3_600_000
#: Friday, six hours before the market closes.
_FRIDAY = int(datetime(2025, 3, 14, 15, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture(scope="module")
def program() -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("virtual_year", ROOT / "benchmarks" / "virtual_year.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    sys.modules["virtual_year"] = module
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = path
    del sys.modules["virtual_year"]
    sys.modules.pop("moving_averages", None)


@pytest.fixture(scope="module")
def weekend(program: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("bars") / "bars.csv"
    program.make_bars(path, 1, _FRIDAY, _FRIDAY + 58 * _HOUR)
    return path


@pytest.fixture(scope="module")
def ran(program: Any, weekend: Path) -> Any:
    return program.trade(weekend, fast=5, slow=20)


@pytest.mark.slow
def test_every_bar_arrives_as_the_file_has_it(program: Any, weekend: Path, ran: Any) -> None:
    rows = program.read_bars(weekend)
    assert len(rows) > 500
    assert max(later[0] - earlier[0] for earlier, later in zip(rows, rows[1:], strict=False)) > 48 * _HOUR
    assert ran.bars == rows[:-1]  # nothing has closed the last
    assert ran.spots == program.spots_in(rows)


def test_no_time_is_skipped(program: Any, weekend: Path, ran: Any) -> None:
    rows = program.read_bars(weekend)
    assert ran.days * 24 * _HOUR >= rows[-1][0] - rows[0][0]
    # Also at the weekend there is a word of the client's in every ten seconds of the clock, which the venue asks for.
    assert 8 <= ran.longest_silence <= 10
    assert ran.sent > ran.days * 86_400 / 10


def test_the_clients_book_is_the_venues_with_a_position_open(ran: Any) -> None:
    balance, equity, positions = ran.booked
    assert positions
    assert equity != balance
    assert ran.believed == ran.booked
    assert ran.differences == ""
    assert ran.closed >= 10
    assert ran.orders == 2 * ran.closed


@pytest.mark.slow
def test_two_runs_say_the_same_and_another_file_does_not(program: Any, weekend: Path, ran: Any, tmp_path: Path) -> None:
    again = program.trade(weekend, fast=5, slow=20)
    assert (again.digest, again.balance, again.bars) == (ran.digest, ran.balance, ran.bars)
    other = tmp_path / "other.csv"
    text = weekend.read_text().splitlines(keepends=True)
    other.write_text("".join(text[:40]))
    some = program.trade(other, fast=5, slow=20)
    changed = text[20].rpartition(",")[0] + ",1\n"  # the volume of one bar
    other.write_text("".join([*text[:20], changed, *text[21:40]]))
    assert program.trade(other, fast=5, slow=20).digest != some.digest


def test_what_is_not_so_is_found(program: Any, weekend: Path, ran: Any) -> None:
    rows = program.read_bars(weekend)
    assert program.problems(rows, ran) == []
    for name, value in (
        ("bars", [*ran.bars[:7], *ran.bars[8:]]),
        ("spots", ran.spots - 1),
        ("days", 2.0),
        ("longest_silence", 11.0),
        ("believed", (0, *ran.believed[1:])),
        ("differences", "position 1: 2 was believed, the server says 3"),
    ):
        kept = getattr(ran, name)
        setattr(ran, name, value)
        assert len(program.problems(rows, ran)) == 1, name
        setattr(ran, name, kept)


@pytest.mark.slow
def test_run_as_a_script_it_says_what_came_of_it(weekend: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "virtual_year.py"), "--bars", str(weekend)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert re.search(r"^2\.\d days of EURUSD: \d{3} minute bars in [\d,]+ spot events, all arrived$", done.stdout, re.M)
    assert re.search(r"^[\d,]+ orders filled, [\d,]+ positions closed", done.stdout, re.M)


@pytest.mark.soak
def test_a_year_of_minute_bars(program: Any, tmp_path: Path) -> None:
    path = tmp_path / "year.csv"
    program.make_bars(path, 1, program.NEW_YEAR, program.NEW_YEAR + 365 * 24 * _HOUR)
    rows = program.read_bars(path)
    assert len(rows) > 360_000
    result = program.trade(path)
    assert program.problems(rows, result) == []
    assert result.orders > 3_000
