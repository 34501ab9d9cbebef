"""The user's own names for symbols: the table ``[account.aliases]``, which belongs to the ``[[account]]`` above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctrader_twisted.config.tables import Table


def read_aliases(table: Table | None) -> dict[str, str]:
    """Give the broker's name, or one close to it, that each alias means."""
    if table is None:
        return {}
    if not table.keys():
        table.refuse("", "an empty table names nothing", 'Write gold = "XAUUSD" or another alias in it, or remove it.')
    aliases: dict[str, str] = {}
    spelled: dict[str, str] = {}
    for alias in table.keys():
        if isinstance(table.raw(alias), dict):
            remedy = 'Put an alias that has a dot in it in quotes: "us.30" = "US30".'
            table.refuse(alias, "a table where a text belongs", remedy)
            continue
        meant = table.text(alias)
        if not alias.strip():
            table.refuse('""', "a name without letters", 'Write gold = "XAUUSD", the alias first.')
        first = spelled.setdefault(alias.casefold(), alias)
        if first != alias:
            table.refuse(alias, f'the same name as "{first}", since capitals make no difference', "Name each once.")
        if meant is not None:
            aliases[alias] = meant
    return aliases
