"""Reads recordings.

::

    recording = Recording("flight.jsonl")
    for entry in recording:
        ...
    print(*recording.notes, sep="\n")
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ctrader_twisted.errors import RecordingError
from ctrader_twisted.flight import format
from ctrader_twisted.flight.format import Header, MalformedLine
from ctrader_twisted.flight.parts import numbered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctrader_twisted.flight.format import Entry


class Recording:
    """A recording in files, read as it is iterated. It can be iterated again.

    :param path: of the newest part; those that stand beside it under its name and a number belong to it.
    :param all_parts: False to read this one file only.
    :raises RecordingError: if there is no such file; while it is iterated, if it can't be read, naming file and line.

    :ivar files: the parts, the oldest first.
    :ivar notes: once it has been read, what is missing in it, in sentences: a line that a crash cut short, parts that
        are gone.
    """

    def __init__(self, path: Path | str, *, all_parts: bool = True) -> None:
        newest = Path(path)
        if not newest.is_file():
            raise RecordingError(newest, "", "it is no file" if newest.exists() else "there is no such file")
        self.files: list[Path] = [newest]
        if all_parts:
            for number in count(1):
                part = numbered(newest, number)
                if not part.is_file():
                    break
                self.files.insert(0, part)
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Entry]:
        self.notes = []
        last_part = 0
        for file in self.files:
            for entry in self._read(file):
                if isinstance(entry, Header):
                    if entry.part not in (1, last_part + 1):
                        self._note_gap(file, last_part + 1, entry.part - 1)
                    if entry.dropped:
                        self.notes.append(f"{file}: {entry.dropped} earlier entries were given up for want of room")
                    last_part = entry.part
                yield entry

    def _read(self, file: Path) -> Iterator[Entry]:
        try:
            with file.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if number == 1 and not line.startswith(format.MARK) and not format.MARK.startswith(line):
                        raise RecordingError(file, "", "it is no recording of a flight recorder")
                    try:
                        entry = format.parse(line)
                    except MalformedLine as problem:
                        if not line.endswith(b"\n"):
                            self.notes.append(
                                f"{file}: line {number}, the last one, was cut short: {len(line)} bytes are left out"
                            )
                            return
                        raise RecordingError(file, f"line {number}", str(problem)) from None
                    yield entry
        except OSError as error:
            raise RecordingError(file, "", error.strerror or type(error).__name__) from None

    def _note_gap(self, file: Path, first: int, last: int) -> None:
        missing = f"part {first} is" if first == last else f"parts {first} to {last} are"
        self.notes.append(f"{file}: {missing} missing before it")


def read(path: Path | str, *, all_parts: bool = True) -> list[Entry]:
    """Give every entry of a recording, the oldest first; `Recording` does it without holding all of them.

    :raises RecordingError: if it can't be read.
    """
    return list(Recording(path, all_parts=all_parts))
