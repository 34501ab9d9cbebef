"""One file with its parts: what is missing in it, what is kept for it, how it becomes a new file."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.files.formats import NotOfOurs, format_of
from ctrader_twisted.cli.files.merging import merged
from ctrader_twisted.cli.files.parts import Part, Parts
from ctrader_twisted.cli.files.tally import OutOfOrder, Tally
from ctrader_twisted.history.moments import EPOCH
from ctrader_twisted.history.tables import TIME
from ctrader_twisted.market.calendar import joined
from ctrader_twisted.replacing import Replacing, refuse_special, why

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from pathlib import Path

    from ctrader_twisted.cli.files.contents import Contents
    from ctrader_twisted.cli.files.formats import Writer
    from ctrader_twisted.history.gaps import Hours
    from ctrader_twisted.history.tables import Table
    from ctrader_twisted.market.symbols import Symbol

EVER: Final = 1 << 62
"""ms: an end that is none."""

AGAIN: Final = 20
"""Holes of a symbol that are asked for again in each run, the longest: a request each, as a rule."""

_MS: Final = timedelta(milliseconds=1)
_BEFORE: Final = 3_600_000
"""ms before its first quote from which a side is asked for that has not changed since: it was told in that time."""


class Target:
    """A file of some symbols.

    Opened, it belongs to this process until it is closed. What takes long is an iterator of steps, for whoever has a
    reactor to serve between them.

    :param path: the file; it need not be there.
    :param symbols: what it is of, all that is in it.
    :param hours: when the market of each is open, by the symbol's name; None where nobody knows.
    :raises CommandFailed: if its suffix says no format.
    :raises ExtraMissing: if what it needs is not installed.

    :ivar parts: what was fetched and is not in it yet.
    :ivar tallies: what is in it, by the symbol's name.
    """

    def __init__(
        self, path: Path, contents: Contents, symbols: Iterable[Symbol], hours: Mapping[str, Hours | None]
    ) -> None:
        self.path = path
        self.contents = contents
        self.symbols: dict[str, Symbol] = {symbol.name: symbol for symbol in symbols}
        self.parts: Parts = Parts(path, contents)
        self.tallies: dict[str, Tally] = {}
        self._hours = hours
        self._format = format_of(path)
        self._since: dict[str, int] = {}
        self._again: dict[str, list[tuple[int, int]]] = {}
        self._whole: dict[str, tuple[int, int]] = {}

    def open(self) -> Generator[None]:
        """Take hold of it, and read what is there.

        :raises CommandFailed: if it can't be written, or is not of what is asked for.
        """
        try:
            refuse_special(self.path)
            self.parts.open()
        except OSError as error:
            raise CommandFailed(f"{self.path} can't be written: {why(error)}") from None
        try:
            yield from self._scan()
        except BaseException:
            self.close()
            raise

    def missing(self, symbol: Symbol, start: int, end: int | None) -> list[tuple[int, int | None]]:
        """Give the spans to fetch, ascending, in ms; an end of None is the present.

        The file stays without a seam: what lies between what it has and what is asked for is fetched, too. Its newest
        rows are asked for again, and so are its longest holes within what is asked for. Parts that lie apart from all
        that are left where they are.
        """
        name = symbol.name
        covered: list[tuple[int, int]] = []
        first, last = start, EVER if end is None else end
        tally = self.tallies.get(name)
        if tally is not None and tally.rows:
            begins = min(self._since.get(name, tally.first), tally.first)
            self._again[name] = _holes(tally, start, EVER if end is None else end)
            for hole, stop in self._again[name]:
                covered.append((begins, hole))
                begins = stop
            covered.append((begins, tally.last))
            first, last = min(first, covered[0][0]), max(last, tally.last)
        kept = [(part.start, part.end) for part in self.parts.kept.get(name, ())]
        first, last = next(span for span in joined([(first, last), *kept]) if span[0] <= first < span[1])
        self._whole[name] = first, last
        covered += [(part.start, part.end) for part in self.used(name)]
        self._since[name] = first
        spans: list[tuple[int, int | None]] = []
        for begins, ends in joined(covered):
            if first < begins:
                spans.append((first, begins))
            first = max(first, ends)
        if first < last:
            spans.append((first, None if last == EVER else last))
        return spans

    def used(self, name: str) -> list[Part]:
        """Give the parts that are of the file as it is to be, once `missing` has said what that is; ascending."""
        first, last = self._whole.get(name, (0, 0))
        return [part for part in self.parts.kept.get(name, ()) if first <= part.start and part.end <= last]

    def apart(self) -> dict[str, list[Part]]:
        """Give the parts with rows that are not: of other times, or of symbols that are not asked for; by symbol."""
        used = {name: self.used(name) for name in self.symbols}
        found = {
            name: [part for part in parts if part.rows and part not in used.get(name, ())]
            for name, parts in self.parts.kept.items()
        }
        return {name: parts for name, parts in found.items() if parts}

    def forget_used(self) -> None:
        """Forget the parts that are of the file: they are in it, or nothing is."""
        for name in self.symbols:
            self.parts.forget(self.used(name))

    def ask_from(self, symbol: Symbol, start: int) -> int:
        """Say from when on to ask, so that what comes from `start` on is right; ms. See `Contents.known_from`."""
        if self.contents.kind:
            return start
        name = symbol.name
        if any(start == hole for hole, _ in self._again.get(name, ())):
            return max(0, start - _BEFORE)  # what stood before it is not at hand
        parts = [part for part in self.used(name) if part.rows and part.end <= start]
        tally = self.tallies.get(name)
        before = self.part(symbol, parts[-1]) if parts else None if tally is None else tally.tail
        if before is None or not len(before):
            return start
        times = before.columns[TIME]
        known = self.contents.known_from(before[: int(times.searchsorted(start))])
        return max(0, self._since.get(name, start) - _BEFORE) if known is None else known

    def part(self, symbol: Symbol, part: Part) -> Table[Any]:
        """Read a part."""
        return self.contents.table(symbol, part.columns(self.contents))

    def write(self) -> Generator[None]:
        """Write it anew, with its parts, and forget those.

        :raises CommandFailed: if it can't be written; then it is as it was, and so are its parts.
        """
        tallies: dict[str, Tally] = {}
        writer: Writer | None = None
        replacing: Replacing | None = None
        try:
            replacing = Replacing(self.path)
            writer = self._format.writer(replacing.file, self.contents, self._since)
            for name, tables in self._everything():
                tally = tallies[name] = Tally(self.contents, self._hours.get(name))
                for table in tables:
                    tally.take(table)
                    writer.write(table)
                    yield
            closing, writer = writer, None
            closing.close()
            replacing.commit()
            self.forget_used()
        except (OutOfOrder, NotOfOurs) as error:
            raise self._not_ours(error) from None
        except OSError as error:
            kept = f"; all {self.parts.rows:,} rows fetched are kept in {self.parts.folder}: then run this again"
            raise CommandFailed(f"{self.path} can't be written: {why(error)}{kept}") from None
        finally:
            if writer is not None:
                with suppress(Exception):
                    writer.close()
            if replacing is not None:
                replacing.abandon()
        self.tallies = tallies

    def close(self) -> None:
        """Let go of it. What is in no file yet is kept."""
        self.parts.close()

    def _scan(self) -> Generator[None]:
        self.tallies.clear()
        try:
            for name, tables in self._file():
                tally = self.tallies[name] = Tally(self.contents, self._hours.get(name))
                for table in tables:
                    tally.take(table)
                    yield
            if self.tallies:
                self._since = self._format.since(self.path)
        except (OutOfOrder, NotOfOurs) as error:
            raise self._not_ours(error) from None
        except OSError as error:
            raise CommandFailed(f"{self.path} can't be read: {error.strerror}") from None

    def _everything(self) -> Iterator[tuple[str, Iterator[Table[Any]]]]:
        seen = set()
        for name, tables in self._file():
            seen.add(name)
            yield name, self._merged(name, tables)
        for name in self.symbols:
            if name not in seen and any(part.rows for part in self.used(name)):
                yield name, self._merged(name, ())

    def _merged(self, name: str, tables: Iterable[Table[Any]]) -> Iterator[Table[Any]]:
        symbol = self.symbols[name]
        return merged(tables, self.used(name), lambda part: self.part(symbol, part))

    def _file(self) -> Iterator[tuple[str, Iterator[Table[Any]]]]:
        """Give each symbol's rows in the file; nothing if there is none, or if it was only made (`mktemp`)."""
        if not self.path.exists() or not self.path.stat().st_size:
            return
        pieces = self._format.read(self.path, self.contents)
        seen: set[str] = set()
        for (name, what), same in groupby(pieces, lambda piece: (piece.symbol, piece.what)):
            symbol = self.symbols.get(name)
            if what != self.contents.what:
                raise CommandFailed(
                    f'{self.path} has rows of "{what}", not of {self.contents}: name another file for these'
                )
            if symbol is None:
                raise CommandFailed(
                    f"{self.path} has {name}, which is not asked for: name another file, or ask for {name}, too"
                )
            if name in seen:
                raise NotOfOurs(f"the rows of {name} are not together")
            seen.add(name)
            yield name, (self.contents.table(symbol, piece.columns) for piece in same)

    def _not_ours(self, error: Exception) -> CommandFailed:
        return CommandFailed(f"{self.path} is not as this command writes {self.contents}: {error}. Name another file")


def _holes(tally: Tally, start: int, end: int) -> list[tuple[int, int]]:
    """Give the holes that are worth being asked for again, ascending, in ms; none where they may be closed hours."""
    if not tally.hours_known:
        return []
    holes = [((gap.start - EPOCH) // _MS, (gap.end - EPOCH) // _MS) for gap in tally.holes]
    inside = [hole for hole in holes if start <= hole[0] and hole[1] <= end]
    return sorted(sorted(inside, key=lambda hole: hole[0] - hole[1])[:AGAIN])
