"""Limits of an account: the table ``[account.safety]``, which belongs to the ``[[account]]`` above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.config.settings import SafetySettings
from ctrader_twisted.config.tables import decimal_of, kind_of, number_shown

if TYPE_CHECKING:
    from decimal import Decimal

    from ctrader_twisted.config.tables import Table

_MOST_POSITIONS = 1_000_000


def read_safety(table: Table | None) -> SafetySettings | None:
    if table is None:
        return None
    if not table.keys():
        table.refuse("", "an empty table sets no limit", "Write max_volume = … or another limit in it, or remove it.")
    max_exposure, currency = _money(table, "max_exposure")
    found = SafetySettings(
        table.name,
        table.texts("symbols"),
        table.decimal("max_volume"),
        table.decimal("max_open_volume"),
        max_exposure,
        currency,
        table.integer("max_positions", 0, _MOST_POSITIONS),
        table.boolean("dry_run") or False,
        table.boolean("halted") or False,
    )
    table.finish()
    return found


def _money(table: Table, key: str) -> tuple[Decimal | None, str | None]:
    """Read an amount of money: a number, or a text with the currency after it."""
    value = table.raw(key)
    if value is None:
        return None, None
    shown = kind_of(value)
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        amount, _, currency = value.partition(" ") if isinstance(value, str) else (value, "", "")
        number, currency = decimal_of(amount), currency.strip()
        if number is not None and number >= 0 and (not currency or currency.isalnum()):
            return number, currency or None
        shown = shown if isinstance(value, str) else number_shown(value)
    remedy = f'Write {key} = 50000, in the account\'s currency, or "50000 EUR" to have that checked.'
    table.refuse(key, f"{shown} where an amount of money belongs", remedy)
    return None, None
