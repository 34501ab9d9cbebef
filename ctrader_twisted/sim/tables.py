"""Tables of a configuration file, read so that every refusal names file, key and remedy, and all are told at once."""

from __future__ import annotations

import difflib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.errors import ConfigurationError, ConfigurationErrors
from ctrader_twisted.sim.feed.calendar import LAST_MS
from ctrader_twisted.sim.feed.modelled import HISTORY_START

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KINDS: Final = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list"}


class Table:
    """One table: values are asked for by name and kind, and what nobody asked for is refused.

    A value that is refused reads as if it had been left out; `check` raises what was refused.

    :param values: what is in it.
    :param file: the file it is from: messages name it, and paths are taken from its folder.
    :param key: its dotted name in the file.
    :param refusals: where refusals are collected; the tables of one file share theirs.

    :ivar refusals: what was refused so far.
    """

    def __init__(
        self, values: Mapping[str, Any], file: Path, key: str, refusals: list[ConfigurationError] | None = None
    ) -> None:
        self.file = file
        self.key = key
        self.refusals: list[ConfigurationError] = [] if refusals is None else refusals
        self._values = dict(values)
        self._asked: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def path(self, name: str) -> str:
        """Give a key's dotted name in the file."""
        return ".".join(part for part in (self.key, name) if part)

    def refuse(self, name: str, problem: str, remedy: str) -> None:
        """Refuse a key."""
        self.refusals.append(ConfigurationError(self.file, self.path(name), problem, remedy))

    def check(self) -> None:
        """Raise what was refused.

        :raises ConfigurationError: if anything was; a `ConfigurationErrors` if more than one thing.
        """
        if self.refusals:
            raise self.refusals[0] if len(self.refusals) == 1 else ConfigurationErrors(self.refusals)

    def needed(self, name: str, kind: type, remedy: str) -> Any:
        """Give a value that must be there and not be empty; None if it is not."""
        value = self.get(name, kind)
        if name not in self or value == "":
            self.refuse(name, "it is missing", remedy)
            return None
        return value

    def get(self, name: str, kind: type, default: Any = None) -> Any:
        """Give a value of a kind: bool, int, float, str or list."""
        self._asked.add(name)
        value = self._values.get(name, default)
        if value is default:
            return default
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind or value != value:
            self.refuse(name, f"{kind_of(value)} where {_KINDS[kind]} belongs", f"Write {_KINDS[kind]}.")
            return default
        return value

    def number(self, name: str, default: Any, low: float, high: float, kind: type = int) -> Any:
        """Give a number within bounds, both included."""
        value = self.get(name, kind, default)
        if value is not default and not low <= value <= high:
            try:
                shown = f"{value}"
            except ValueError:  # Python writes no whole number of more than 4300 digits
                shown = "a number of too many digits"
            self.refuse(name, f"{shown} is out of range", f"Write a number from {low:g} to {high:g}.")
            return default
        return value

    def choice(self, name: str, choices: Mapping[str, Any], default: Any) -> Any:
        """Give what a word stands for."""
        word = self.get(name, str)
        if word is None:
            return default
        if word not in choices:
            self.refuse(name, f'"{word}" is not known', f"{closest(word, choices)}Write one of {listed(choices)}.")
            return default
        return choices[word]

    def words(self, name: str) -> tuple[str, ...]:
        """Give a list of texts."""
        words = self.get(name, list, ())
        if not all(isinstance(word, str) and word for word in words):
            self.refuse(name, "something other than texts in the list", f'Write {name} = ["…", "…"].')
            return ()
        return tuple(words)

    def file_path(self, name: str) -> Path | None:
        """Give a path, taken from the folder of the file: twistd changes its own."""
        given = self.get(name, str)
        return None if given is None else Path(os.path.abspath(self.file.parent / Path(given).expanduser()))

    def any(self, name: str, default: Any = None) -> Any:
        """Give a value of whatever kind; the caller looks at it."""
        self._asked.add(name)
        return self._values.get(name, default)

    def moment(self, name: str) -> int | None:
        """Give a moment between the first prices and the last, ms UTC."""
        value = self.any(name)
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            self.refuse(
                name, f"{kind_of(value)} where a moment with its zone belongs", f"Write {name} = 2026-03-03T09:00:00Z."
            )
            return None
        moment = round(value.astimezone(UTC).timestamp() * 1000)
        if not HISTORY_START <= moment <= LAST_MS:
            self.refuse(name, "there are no prices then", "Write a moment from 2010 to 2037.")
            return None
        return moment

    def table(self, name: str) -> Table | None:
        """Give a table in it."""
        value = self.any(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse(
                name, f"{kind_of(value)} where a table belongs", f"Write [{self.path(name)}] and its keys below."
            )
            return None
        return Table(value, self.file, self.path(name), self.refusals)

    def tables(self, name: str) -> list[Table] | None:
        """Give the tables of a list in it, each with its place in its name."""
        value = self.any(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value) or not value:
            self.refuse(
                name, f"{kind_of(value)} where tables belong", f"Write [[{self.path(name)}]], in double brackets."
            )
            return None
        return [
            Table(item, self.file, f"{self.path(name)}[{number}]", self.refusals)
            for number, item in enumerate(value, 1)
        ]

    def rest(self) -> dict[str, Any]:
        """Give everything nobody has asked for, as if it had been."""
        rest = {name: value for name, value in self._values.items() if name not in self._asked}
        self._asked.update(rest)
        return rest

    def finish(self, known: Iterable[str] = ()) -> None:
        """Refuse what nobody has asked for.

        :param known: names that need not be asked for.
        """
        self._asked.update(known)
        for name in self._values:
            if name not in self._asked:
                self.refuse(name, "there is no such key", f"{closest(name, self._asked)}Remove it.")


def kind_of(value: object) -> str:
    """Say what a value is."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, datetime):
        return "a date without a zone" if value.tzinfo is None else "a date"
    return _KINDS.get(type(value), "something else")


def closest(word: str, known: Iterable[str]) -> str:
    """Ask whether the most similar word was meant, if any is similar."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f'Did you mean "{close[0]}"? ' if close else ""


def listed(words: Iterable[str]) -> str:
    """Put words in quotes and commas between them."""
    return ", ".join(f'"{word}"' for word in words)
