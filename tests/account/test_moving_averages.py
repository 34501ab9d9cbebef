"""The example strategy trades, its book is the venue's, and the same seed makes it do the same."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from ctrader_twisted.market import Lots, Pips
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit
from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOURS = 1.5


@pytest.fixture(scope="module")
def example() -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("moving_averages", ROOT / "examples" / "moving_averages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["moving_averages"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["moving_averages"]


@pytest.fixture(scope="module")
def ran(example: Any) -> tuple[Any, Decimal]:
    result: tuple[Any, Decimal] = example.run(_HOURS, 1)
    return result


def test_it_trades_both_sides_and_is_flat_at_the_end(ran: tuple[Any, Decimal]) -> None:
    strategy, _ = ran
    assert len(strategy.closed) >= 5
    assert {change.position.side for change in strategy.closed} == {1, 2}
    assert all(change.position.stop_loss is not None for change in strategy.closed)
    assert strategy.position is None


def test_there_is_one_position_at_most(ran: tuple[Any, Decimal]) -> None:
    strategy, _ = ran
    ends = [change.realised[-1].deal.executionTimestamp for change in strategy.closed]
    begins = [change.position.opened_at for change in strategy.closed]
    assert all(begin >= end for end, begin in zip(ends, begins[1:], strict=False))


def test_what_its_positions_realised_is_what_the_venues_balance_changed_by(ran: tuple[Any, Decimal]) -> None:
    strategy, changed = ran
    assert changed != 0
    assert strategy.realised == changed
    assert strategy.account.balance == Decimal("10000.00") + changed


@pytest.mark.slow
def test_the_same_seed_does_the_same_and_another_does_not(example: Any, ran: tuple[Any, Decimal]) -> None:
    again, changed = example.run(_HOURS, 1)
    assert example.report(again) == example.report(ran[0])
    assert (again.curve, changed) == (ran[0].curve, ran[1])
    other, _ = example.run(_HOURS, 2)
    assert example.report(other) != example.report(again)


def test_the_curve_is_drawn(example: Any, ran: tuple[Any, Decimal], tmp_path: Path) -> None:
    strategy, _ = ran
    drawing = tmp_path / "curve.svg"
    drawing.write_text(example.drawn(strategy.curve, "a title"))
    root = ElementTree.parse(drawing).getroot()
    line = root.find("{http://www.w3.org/2000/svg}polyline")
    assert line is not None
    assert len(line.attrib["points"].split()) == len(strategy.curve) > 60
    assert f"{min(equity for _, equity in strategy.curve):.2f}" in "".join(root.itertext())


def test_a_cut_leaves_it_with_one_position_and_the_venues_book(example: Any) -> None:
    with VenueKit(seed=1) as kit:
        strategy = example.make(
            kit.ready_client(USD_ACCOUNT),
            {"account": USD_ACCOUNT, "volume": "0.2", "stop": 15, "fast": 2, "slow": 4},
        )
        strategy.startService()
        ledger = kit.venue.exchange.desk(USD_ACCOUNT).ledger
        for _ in range(6):
            kit.advance(390)
            kit.cut()
            kit.settle(strategy.account.settled())
            assert set(strategy.account.positions) == {p for p, each in ledger.positions.items() if each.volume}
            assert len(strategy.account.positions) <= 1
        assert strategy.closed
        assert all(change.position.volume == 2_000_000 for change in strategy.closed)
        kit.settle(strategy.flat())
        strategy.stopService()


def test_the_daemons_settings_are_understood(example: Any) -> None:
    text = (ROOT / "examples" / "moving_averages.toml").read_text()
    settings = tomllib.loads(text)["service"][0]
    assert settings["factory"] == "moving_averages:make"
    with VenueKit() as kit:
        strategy = example.make(kit.client(), settings["settings"])
        assert (strategy._volume, strategy._stop, strategy.account.account_id) == (Lots("0.1"), Pips(10), 1000001)


@pytest.mark.slow
def test_run_as_a_script_it_says_what_came_of_it(
    example: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "equity.svg"
    monkeypatch.setattr(sys, "argv", ["moving_averages.py", "--hours", "1", "--seed", "3", "--out", str(out)])
    example.main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"\d+ positions, \d+ with a gain; [+-]\d+\.\d\d EUR, the balance is \d+\.\d\d EUR", last)
    assert out.read_text().startswith("<svg")
