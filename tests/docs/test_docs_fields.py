"""The tables of an account's fields leave nothing out, and say of each the type that it has and a unit."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any, Final

import pytest

from ctrader_twisted.account import Closed, Fill, Order, PendingOrder, Position, Realised
from tests.paths import ROOT

CLASSES: Final = (Position, PendingOrder, Order, Fill, Closed, Realised)

#: What a number's row has to say that it is in, by a word of it.
UNITS: Final = {
    "int": ("hundredths of a unit", "ms since the epoch", "id", "1 of a buy", "the number of"),
    "Decimal": ("price", "money", "in the quote asset", "executed at"),
    "Lots": ("in lots",),
}


def fields(cls: type[Any]) -> dict[str, str]:
    """What an object of a class has for its users, each with its type as the code writes it."""
    found: dict[str, Any] = {}
    if dataclasses.is_dataclass(cls):
        found |= {each.name: each.type for each in dataclasses.fields(cls)}
    else:
        found |= dict.fromkeys(re.findall(r":ivar (\w+):", inspect.getdoc(cls) or ""), "Account")
    for name, member in inspect.getmembers(cls, lambda member: isinstance(member, property)):
        if not name.startswith("_"):
            found[name] = member.fget.__annotations__["return"]
    return {name: kind.replace("messages.", "") for name, kind in found.items()}


def table(cls: type[Any]) -> list[tuple[str, str, str]]:
    """The rows of a class's table: each name, its type as code writes it, and what it is."""
    text = (ROOT / "docs" / "account.md").read_text("utf-8")
    section = re.split(r"^###? ", text.partition(f"\n### `{cls.__name__}`\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    rows = [row.strip("| ").split(" | ") for row in section.splitlines() if row.startswith("| `")]
    return [
        (name, re.sub("`", "", kind).replace(" or ", " | "), what)
        for names, kind, what in rows
        for name in re.findall(r"`(\w+)`", names)
    ]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_field_has_a_row_with_its_type(cls: type[Any]) -> None:
    rows = table(cls)
    assert len(rows) == len({name for name, _, _ in rows})
    assert {name: kind for name, kind, _ in rows} == fields(cls)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_number_says_what_it_is_in(cls: type[Any]) -> None:
    without = [
        f"{cls.__name__}.{name}: {what}"
        for name, kind, what in table(cls)
        if not any(word in what for word in UNITS.get(kind.partition(" |")[0], ("",)))
    ]
    assert without == []
