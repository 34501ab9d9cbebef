"""Tables of the file: values are asked for by name and type, and every refusal says what to write instead."""

from __future__ import annotations

import difflib
import os
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONG: Final = re.compile(r"\S{400,}")
_SHOWN, _SHOWN_AT_ALL = 80, 1000


class Refusals:
    """What is wrong with the file, collected: whoever corrects it should not have to run it again for each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.errors: list[ConfigurationError] = []
        self.warnings: list[str] = []
        self._claimed: dict[Path | None, str] = {Path(os.path.abspath(path)): "this configuration itself"}

    def refuse(self, key: str, problem: str, remedy: str, *, file: Path | None = None) -> None:
        """Add one refusal; of another file than the configuration itself, if given."""
        self.errors.append(ConfigurationError(str(file or self.path), *map(legible, (key, problem, remedy))))

    def warn_once(self, warning: str) -> None:
        """Add a warning, unless it is there already."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def beside(self, given: str) -> Path:
        """Resolve a path from the folder of the configuration file: twistd changes its own.

        :raises RuntimeError: if it is in the folder of a user that there is not.
        """
        return Path(os.path.abspath(self.path.parent / Path(given).expanduser()))

    def claim(self, path: Path | None, table: str, key: str, what: str = "") -> None:
        """Refuse a file that something else is written to; None is stdout.

        :param what: which file of the table's it is, if not the one that the key names.
        """
        name = f"{what} of {table}" if what else table
        first = self._claimed.setdefault(path, name)
        if first != name:
            problem = f"{what} is the same as {first}" if what else f"the same as {first}"
            self.refuse(f"{table}.{key}", problem, "Give each a file of its own.")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name the known word that is closest, if one is close; in capitals or not makes no difference."""
    spelled = {each.casefold(): each for each in sorted(known)}
    close = difflib.get_close_matches(word.casefold(), spelled, n=1)
    return f'Did you mean "{spelled[close[0]]}"? ' if close else ""


def listing(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


class Table:
    """One table of the file: values are asked for by name and type, and what nobody asked for is refused."""

    def __init__(self, refusals: Refusals, name: str, values: dict[str, Any]) -> None:
        self._refusals = refusals
        self.name = name
        self._values = values
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> list[str]:
        return list(self._values)

    def refuse(self, key: str, problem: str, remedy: str) -> None:
        self._refusals.refuse(self.path(key), problem, remedy)

    def path(self, key: str) -> str:
        return ".".join(part for part in (self.name, key) if part)

    def text(self, key: str) -> str | None:
        value = self._get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self.refuse(key, f"{kind_of(value)} where a text belongs", f'Write {key} = "…".')
        return None

    def integer(self, key: str, low: int, high: int) -> int | None:
        value = self._get(key)
        if value is None or (type(value) is int and low <= value <= high):
            return value
        shown = number_shown(value) if type(value) is int else kind_of(value)
        self.refuse(key, f"{shown} where a whole number belongs", f"Write a number from {low} to {high}, unquoted.")
        return None

    def number(self, key: str, low: float, high: float) -> float | None:
        value = self._get(key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None or (is_number and low <= value <= high):
            return None if value is None else float(value)
        shown = number_shown(value) if is_number else kind_of(value)
        self.refuse(key, f"{shown} where a number belongs", f"Write a number from {low:g} to {high:g}, unquoted.")
        return None

    def decimal(self, key: str) -> Decimal | None:
        """Read a number that is not less than 0, exactly as it is written; in quotes or not."""
        value = self._get(key)
        if value is None:
            return None
        shown = kind_of(value)
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            number = decimal_of(value)
            if number is not None and number >= 0:
                return number
            shown = number_shown(value) if not isinstance(value, str) else shown
        self.refuse(key, f"{shown} where a number belongs", f"Write {key} = 0.5, or another number from 0 on.")
        return None

    def file(self, key: str, default: str, *, in_folder: bool = False) -> Path | None:
        """Read the path of a file that is to be written.

        :param in_folder: other files are made beside it, too.
        """
        given = self.text(key) or (default if key not in self else None)
        path = None if given is None else self.path_of(key, given)
        if path is None:
            return None
        if not path.parent.is_dir():
            self.refuse(key, f"the folder {path.parent} does not exist", f"mkdir -p {path.parent}")
        elif path.is_dir():
            self.refuse(key, f"{path} is a folder", "Name a file in it.")
        elif path.exists() and not os.access(path, os.W_OK):
            self.refuse(key, f"{path} may not be written", "Change its permissions, or name another file.")
        elif (in_folder or not path.exists()) and not os.access(path.parent, os.W_OK | os.X_OK):
            problem = f"no file may be made in the folder {path.parent}"
            self.refuse(key, problem, "Change its permissions, or name a file in another one.")
        return path

    def folder(self, key: str) -> Path | None:
        """Read the path of a folder that is to be written to; it is made if the one it is in exists."""
        given = self.text(key)
        path = None if given is None else self.path_of(key, given)
        if path is None:
            return None
        there = path if path.exists() else path.parent
        if not path.parent.is_dir():
            self.refuse(key, f"the folder {path.parent} does not exist", f"mkdir -p {path.parent}")
        elif path.exists() and not path.is_dir():
            self.refuse(key, f"{path} is not a folder", "Name a folder.")
        elif not os.access(there, os.W_OK | os.X_OK):
            self.refuse(
                key, f"nothing may be made in the folder {there}", "Change its permissions, or name another one."
            )
        else:
            return path
        return None

    def path_of(self, key: str, given: str) -> Path | None:
        """Resolve a path; None, and refused, if there can be none such. Whether it is there is another matter."""
        if "\0" in given:
            self.refuse(key, "a text with a NUL in it can't be a path", "Name one without it.")
            return None
        try:
            path = self._refusals.beside(given)
        except RuntimeError:
            user = Path(given).parts[0].removeprefix("~")
            self.refuse(key, f'there is no user "{user}" with a folder', "Write the whole path.")
            return None
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:  # a name that is too long, links in a circle, a folder that may not be looked into
            self.refuse(key, f"{path} can't be looked at: {error.strerror}", "Name another, or correct that.")
            return None
        return path

    def texts(self, key: str) -> tuple[str, ...] | None:
        value = self._get(key)
        return None if value is None else self._texts(key, value)

    def boolean(self, key: str) -> bool | None:
        value = self._get(key)
        if value is None or isinstance(value, bool):
            return value
        self.refuse(key, f"{kind_of(value)} where true or false belongs", f"Write {key} = true, unquoted.")
        return None

    def table(self, key: str) -> Table | None:
        value = self._get(key)
        if value is None or isinstance(value, dict):
            return None if value is None else Table(self._refusals, self.path(key), value)
        self.refuse(key, f"{kind_of(value)} where a table belongs", f"Write [{self.path(key)}] and its keys below.")
        return None

    def tables(self, key: str) -> list[Table]:
        value = self._get(key)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return [Table(self._refusals, f"{self.path(key)}[{number}]", item) for number, item in enumerate(value, 1)]
        self.refuse(key, f"{kind_of(value)} where a list of tables belongs", f"Write [[{key}]], in double brackets.")
        return []

    def all(self) -> dict[str, Any]:
        """Return the whole table, for somebody else to check."""
        return self._values

    def raw(self, key: str) -> Any:
        """Return a value of whatever type; the caller checks it."""
        return self._get(key)

    def as_texts(self, key: str, value: object) -> tuple[str, ...]:
        return self._texts(key, value)

    def finish(self) -> None:
        """Refuse the keys that nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                remedy = did_you_mean(key, self._asked) or f"Remove it; known here: {', '.join(sorted(self._asked))}."
                self.refuse(key, "an unknown key", remedy.strip())

    def _get(self, key: str) -> Any:
        self._asked.add(key)
        return self._values.get(key)

    def _texts(self, key: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.refuse(key, f"{kind_of(value)} where a list of texts belongs", f'Write {key} = ["…", "…"].')
            return ()
        twice = sorted({item for item in value if value.count(item) > 1})
        if twice:
            self.refuse(key, f"{listing(twice)} twice", "Name each once.")
        return tuple(dict.fromkeys(value))


def legible(text: str) -> str:
    """Make a text fit to be read: what can't be printed is shown by its number, and what is very long is cut."""
    printable = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    short = _LONG.sub(lambda word: f"{word[0][:_SHOWN]}…", printable)
    return short if len(short) <= _SHOWN_AT_ALL else f"{short[:_SHOWN_AT_ALL]}…"


def number_shown(number: float) -> str:
    """Write a number; one that is too long to be read is only called so."""
    try:
        text = str(number)
    except ValueError:  # Python writes no whole number of more than 4300 digits
        text = ""
    return text if 0 < len(text) <= _SHOWN else "a number of too many digits"


def decimal_of(value: int | float | str) -> Decimal | None:
    """Give the number that somebody wrote, or None if it is none or not finite."""
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 20 else None


def kind_of(value: object) -> str:
    """Say what a value is without showing it: it may be a secret in the wrong place."""
    if value == "":
        return "an empty text"
    kinds = {
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        dict: "a table",
        datetime: "a moment",
    }
    return kinds.get(type(value), "a list" if isinstance(value, list) else "a value of another kind")
