"""Files that are refused: the configuration, a replay, a recording, a place to record to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted.errors.roots import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class ConfigurationError(LocalError):
    """A configuration is refused.

    :ivar file: the file it was read from, as given.
    :ivar key: the dotted key, or ``""`` when the file as a whole is meant.
    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, file: str | Path, key: str, problem: str, remedy: str) -> None:
        super().__init__(file, key, problem, remedy)
        self.file: str = str(file)
        self.key = key
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"{self.file}: {self.key}" if self.key else self.file
        return f"{where}: {self.problem}. {self.remedy}"


class ConfigurationErrors(ConfigurationError):
    """A configuration is refused for more than one reason. Its own fields are those of the first.

    :ivar errors: every reason.
    """

    def __init__(self, errors: Iterable[ConfigurationError]) -> None:
        self.errors: tuple[ConfigurationError, ...] = tuple(errors)
        first = self.errors[0]
        super().__init__(first.file, first.key, first.problem, first.remedy)
        self.args: tuple[Any, ...] = (self.errors,)

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


class ReplayError(ConfigurationError):
    """A file can't be replayed. ``key`` is the place in it: "line 7, column bid", or "row 7, …" in Parquet."""


class RecordingError(LocalError):
    """A recording of the flight recorder can't be read.

    :ivar file: the file.
    :ivar place: where in it, such as ``"line 7"``, or ``""``.
    :ivar problem: what is wrong.
    """

    def __init__(self, file: str | Path, place: str, problem: str) -> None:
        super().__init__(str(file), place, problem)
        self.file: str = str(file)
        self.place = place
        self.problem = problem

    def __str__(self) -> str:
        where = f"{self.file}: {self.place}" if self.place else self.file
        return f"{where}: {self.problem}"


class RecordingStoreError(LocalError):
    """Market data can't be recorded where it is to be: somebody else has the place.

    :ivar path: the folder, or a file in it.
    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, path: str | Path, problem: str, remedy: str) -> None:
        super().__init__(str(path), problem, remedy)
        self.path: str = str(path)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.path} {self.problem}: {self.remedy}"
