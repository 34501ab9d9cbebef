"""``ctrader symbols``, in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.symbols import SymbolReport, fits, show_symbols, symbol_table
from ctrader_twisted.messages import ProtoOALightSymbol, ProtoOASymbol
from ctrader_twisted.sim.testing import ACCESS_TOKEN, EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from ctrader_twisted.tokens import Grant, GrantedAccount
from tests.cli.rooms import access, found, keep, settle

if TYPE_CHECKING:
    from pathlib import Path

ONE = Grant("default", ACCESS_TOKEN, accounts=(GrantedAccount(EUR_ACCOUNT, False),))
BOTH = Grant("default", ACCESS_TOKEN, accounts=(GrantedAccount(EUR_ACCOUNT, False), GrantedAccount(USD_ACCOUNT, False)))


def light(name: str, description: str = "", enabled: bool = True) -> ProtoOALightSymbol:
    return ProtoOALightSymbol(symbolId=1, symbolName=name, description=description, enabled=enabled)


@pytest.mark.parametrize(
    ("pattern", "name", "description", "fit"),
    [
        ("eur", "EURUSD", "", True),
        ("usd", "EURUSD", "", True),
        ("dollar", "EURUSD", "Euro vs US Dollar", True),
        ("gbp", "EURUSD", "Euro vs US Dollar", False),
        ("eur*", "EURUSD", "", True),
        ("*eur", "EURUSD", "", False),
        ("???usd", "EURUSD", "", True),
        ("*dollar*", "EURUSD", "Euro vs US Dollar", False),
        ("*[x]", "A[x]", "", True),
        ("GER40.cash", "GER40.cash", "", True),
    ],
)
def test_patterns(pattern: str, name: str, description: str, fit: bool) -> None:
    assert fits(light(name, description), pattern) is fit


def test_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, ONE)
        settle(kit, show_symbols(kit.clock, there, None, "eur?sd", as_json=False, access=access(kit, there)))
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "id  name    description        digits     pip      lot   min  step  hours",
        " 1  EURUSD  Euro vs US Dollar       5  0.0001  100,000  0.01  0.01  Sun-Thu 17:05-16:55+ America/New_York",
    ]
    assert err.strip() == "1 of 15 symbols of account 1000001"


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, ONE)
        settle(kit, show_symbols(kit.clock, there, None, None, as_json=True, access=access(kit, there)))
    documents = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert len(documents) == 15 and list(documents) == sorted(documents)
    gold = documents["XAUUSD"]
    assert gold.pop("schedule")[0] == [18 * 3600 + 300, 86_400 + 16 * 3600 + 50 * 60]
    assert gold == {
        "id": 41,
        "name": "XAUUSD",
        "description": "Gold vs US Dollar, Spot CFD",
        "digits": 2,
        "pip": "1",
        "lot_units": "100",
        "min_lots": "0.01",
        "step_lots": "0.01",
        "max_lots": gold["max_lots"],
        "trading": "yes",
        "hours": "Sun-Thu 18:05-16:50+",
        "time_zone": "America/New_York",
    }
    assert documents["USDRUB"]["trading"] == "no"


def test_nothing_fits(tmp_path: Path) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, ONE)
        with pytest.raises(CommandFailed, match=r'no symbol that fits "nothing" \(of 15\)'):
            settle(kit, show_symbols(kit.clock, there, None, "nothing", as_json=False, access=access(kit, there)))


def test_the_account_has_to_be_said_if_there_is_a_choice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, BOTH)
        with pytest.raises(CommandFailed, match="1000001, 1000002: say it with --account ID"):
            settle(kit, show_symbols(kit.clock, there, None, None, as_json=False, access=access(kit, there)))
        settle(kit, show_symbols(kit.clock, there, USD_ACCOUNT, None, as_json=False, access=access(kit, there)))
    assert "account 1000002" in capsys.readouterr().err


def test_no_token_opens_the_account(tmp_path: Path) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, ONE)
        with pytest.raises(
            CommandFailed, match=r"no token opens account 5\. There are tokens for 1000001.* not the login"
        ):
            settle(kit, show_symbols(kit.clock, there, 5, None, as_json=False, access=access(kit, there)))


def test_an_account_whose_kind_nobody_has_asked_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its environment is found from the server's list."""
    with VenueKit() as kit:
        there = found(tmp_path, named=(), chosen=None)
        keep(kit, there, Grant("imported", ACCESS_TOKEN))
        settle(kit, show_symbols(kit.clock, there, EUR_ACCOUNT, None, as_json=False, access=access(kit, there)))
    assert "EURUSD" in capsys.readouterr().out


def test_a_token_that_is_refused(tmp_path: Path) -> None:
    from ctrader_twisted.cli.running import sentence
    from ctrader_twisted.errors import OpenApiError

    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, Grant("default", "hush-token", accounts=(GrantedAccount(EUR_ACCOUNT, False),)))
        with pytest.raises(OpenApiError) as caught:
            settle(kit, show_symbols(kit.clock, there, None, None, as_json=False, access=access(kit, there)))
    assert "ctrader login" in sentence(caught.value)
    assert "hush" not in sentence(caught.value)


# What a broker may leave out


def test_details_that_are_missing() -> None:
    bare = SymbolReport(light("BARE"), None)
    assert (bare.pip, bare.lot, bare.hours, bare.zone, bare.trading) == (None, None, "", None, "yes")
    no_lot = SymbolReport(light("NOLOT"), ProtoOASymbol(symbolId=1, digits=2, pipPosition=1, minVolume=100))
    assert (no_lot.lot, no_lot.volume("minVolume")) == (None, None)
    assert symbol_table([bare, no_lot], 80).row_count == 2


@pytest.mark.parametrize(
    ("enabled", "mode", "trading"),
    [(True, 0, "yes"), (True, 1, "no"), (True, 2, "no"), (True, 3, "close only"), (False, 0, "no")],
)
def test_whether_it_is_traded(enabled: bool, mode: int, trading: str) -> None:
    full = ProtoOASymbol(symbolId=1, digits=5, pipPosition=4, tradingMode=mode)  # type: ignore[arg-type]
    assert SymbolReport(light("ANY", enabled=enabled), full).trading == trading


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_a_terminal(width: int) -> None:
    from io import StringIO

    from rich.console import Console

    full = ProtoOASymbol(symbolId=1, digits=5, pipPosition=4, lotSize=10_000_000, minVolume=100_000, stepVolume=100_000)
    full.scheduleTimeZone = "America/Argentina/Buenos_Aires"
    for start, end in ((0, 3600), (90_000, 100_000), (200_000, 300_000)):
        full.schedule.add(startSecond=start, endSecond=end)
    report = SymbolReport(light("EURUSD", "A long description " * 5), full)
    console = Console(file=StringIO(), width=width)
    console.print(symbol_table([report], width))
    file = console.file
    assert isinstance(file, StringIO)
    lines = file.getvalue().splitlines()
    assert len(lines) == 2 and all(len(line) <= width for line in lines)
    assert "EURUSD" in lines[1] and "100,000  0.01  0.01" in lines[1]
    assert ("A long" in lines[1]) is (width == 120)
