"""``ctrader symbols``: what an account can trade."""

from __future__ import annotations

import os
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from ctrader_twisted.cli import options
from ctrader_twisted.cli.access import Access
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.finding import find
from ctrader_twisted.cli.hours import trading_hours
from ctrader_twisted.cli.running import run
from ctrader_twisted.cli.terminal import cell, room, say, show, show_json, table, warn
from ctrader_twisted.market import lots, units
from ctrader_twisted.messages import ProtoOATradingMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table
    from rich.text import Text

    from ctrader_twisted.cli.finding import Found
    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.messages import ProtoOALightSymbol, ProtoOASymbol

_AT_ONCE: Final = 200
"""Symbols whose details are asked for in one request."""
_WIDE: Final = 100


class SymbolReport(NamedTuple):
    """A symbol: its line in the list, and its details, which are None if the server did not send them."""

    light: ProtoOALightSymbol
    full: ProtoOASymbol | None

    @property
    def pip(self) -> Decimal | None:
        """The size of a pip, as a price."""
        return None if self.full is None else Decimal(1).scaleb(-self.full.pipPosition)

    @property
    def lot(self) -> Decimal | None:
        """How many units a lot has."""
        return units(self.full.lotSize) if self.full is not None and self.full.lotSize > 0 else None

    def volume(self, field: str) -> Decimal | None:
        """Give ``minVolume``, ``stepVolume`` or ``maxVolume`` in lots."""
        full: Any = self.full
        if full is None or not full.HasField(field) or full.lotSize <= 0:
            return None
        return lots(getattr(full, field), full.lotSize)

    @property
    def trading(self) -> str:
        """Whether it can be traded: "yes", "no", "close only"."""
        if not self.light.enabled:
            return "no"
        mode = ProtoOATradingMode.ENABLED if self.full is None else self.full.tradingMode
        if mode == ProtoOATradingMode.ENABLED:
            return "yes"
        return "close only" if mode == ProtoOATradingMode.CLOSE_ONLY_MODE else "no"

    @property
    def hours(self) -> str:
        """Its trading hours."""
        if self.full is None:
            return ""
        return trading_hours((span.startSecond, span.endSecond) for span in self.full.schedule)

    @property
    def zone(self) -> str | None:
        """The time zone of its trading hours."""
        return (self.full.scheduleTimeZone or None) if self.full is not None and self.full.schedule else None

    def document(self) -> dict[str, object]:
        """Give it as ``--json`` has it."""
        full = self.full
        return {
            "id": self.light.symbolId,
            "name": self.light.symbolName,
            "description": self.light.description or None,
            "digits": None if full is None else full.digits,
            "pip": _text(self.pip),
            "lot_units": _text(self.lot),
            "min_lots": _text(self.volume("minVolume")),
            "step_lots": _text(self.volume("stepVolume")),
            "max_lots": _text(self.volume("maxVolume")),
            "trading": self.trading,
            "schedule": [] if full is None else [[span.startSecond, span.endSecond] for span in full.schedule],
            "hours": self.hours or None,
            "time_zone": self.zone,
        }


@click.command(short_help="List an account's symbols.")
@click.argument("pattern", required=False)
@options.account_option
@options.connection_options
@options.port_option
@options.json_option
@click.pass_obj
def symbols(obj: dict[str, Any], /, pattern: str | None, account: int | None, as_json: bool, **given: Any) -> None:
    """List an account's symbols.

    PATTERN is a part of the name or of the description, or a name with * and ?; all symbols without it. Capital and
    small letters are the same.
    """
    found = find(options.wanted(given), os.environ)
    for warning in found.warnings:
        warn(warning)
    run(
        lambda reactor: show_symbols(reactor, found, account, pattern, as_json=as_json),
        verbose=obj["verbose"],
    )


async def show_symbols(
    reactor: Any,
    found: Found,
    account_id: int | None,
    pattern: str | None,
    *,
    as_json: bool,
    access: Access | None = None,
) -> None:
    """Ask, and show what was answered.

    :raises CommandFailed: if no symbol fits.
    """
    async with access or Access(reactor, found) as used:
        account = await used.choose(account_id)
        client = await used.open_account(account)
        listed = (await client.symbols_list(ctidTraderAccountId=account.account_id)).symbol
        fitting = [each for each in listed if pattern is None or fits(each, pattern)]
        if not fitting:
            raise CommandFailed(
                f'account {account.account_id} has no symbol that fits "{pattern}" (of {len(listed)}). To see all: '
                "ctrader symbols"
            )
        reports = await _details(client, account.account_id, fitting)
    if as_json:
        show_json([report.document() for report in reports])
    else:
        show(symbol_table(reports, room()))
        say(f"{len(reports)} of {len(listed)} symbols of account {account.account_id}")


def fits(symbol: ProtoOALightSymbol, pattern: str) -> bool:
    """Whether a symbol is meant by a pattern."""
    wanted, name = pattern.casefold(), symbol.symbolName.casefold()
    if any(letter in wanted for letter in "*?"):
        return fnmatchcase(name, wanted.replace("[", "[[]"))
    return wanted in name or wanted in symbol.description.casefold()


async def _details(client: OpenApiClient, account_id: int, listed: Sequence[ProtoOALightSymbol]) -> list[SymbolReport]:
    full: dict[int, ProtoOASymbol] = {}
    ids = [each.symbolId for each in listed]
    for start in range(0, len(ids), _AT_ONCE):
        answer = await client.symbol_by_id(ctidTraderAccountId=account_id, symbolId=ids[start : start + _AT_ONCE])
        full.update((each.symbolId, each) for each in answer.symbol)
    return [SymbolReport(each, full.get(each.symbolId)) for each in sorted(listed, key=lambda each: each.symbolName)]


def symbol_table(reports: Iterable[SymbolReport], width: int) -> Table:
    """Make the table.

    :param width: what there is room for: descriptions are left out where there is little.
    """
    described = width >= _WIDE
    made = table(
        ("id", "right"),
        ("name", "left"),
        *([("description", "left")] if described else []),
        ("digits", "right"),
        ("pip", "right"),
        ("lot", "right"),
        ("min", "right"),
        ("step", "right"),
        ("hours", "left"),
    )
    for column in made.columns:
        column.no_wrap, column.overflow = column.header not in ("description", "hours"), "ellipsis"
    for report in reports:
        made.add_row(
            cell(report.light.symbolId, "dim"),
            cell(report.light.symbolName, "bold"),
            *([cell(report.light.description)] if described else []),
            cell("" if report.full is None else report.full.digits),
            cell(_text(report.pip) or ""),
            cell("" if report.lot is None else f"{report.lot:,f}"),
            cell(_text(report.volume("minVolume")) or ""),
            cell(_text(report.volume("stepVolume")) or ""),
            _hours(report),
        )
    return made


def _hours(report: SymbolReport) -> Text:
    if report.trading != "yes":
        return cell("not traded" if report.trading == "no" else report.trading, "yellow")
    zone = f" {report.zone}" if report.zone and report.hours != "always" else ""
    return cell(f"{report.hours}{zone}")


def _text(number: Decimal | None) -> str | None:
    return None if number is None else format(number, "f")
