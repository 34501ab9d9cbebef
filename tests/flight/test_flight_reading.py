"""Reading: all parts in order; what is missing is told, what is wrong is named by file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.errors import RecordingError
from ctrader_twisted.flight import FlightRecorder, Header, Opened, Recording, Said, Way, read, select
from ctrader_twisted.flight.format import Ended, Failed

if TYPE_CHECKING:
    from pathlib import Path

    from ctrader_twisted.flight import Entry


def record(path: Path, count: int, **options: int) -> None:
    recorder = FlightRecorder(path, **options)
    for number in range(1, count + 1):
        recorder.opened(number, "here", number)
    recorder.close()


def ats(entries: list[Entry]) -> list[float]:
    return [entry.at for entry in entries if isinstance(entry, Opened)]


def test_parts_are_read_the_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    record(path, 12, max_bytes=300, parts=20)
    recording = Recording(path)
    assert ats(list(recording)) == list(range(1, 13)) == ats(read(path))
    assert len(recording.files) > 3 and recording.files[-1] == path and recording.notes == []
    newest = read(path, all_parts=False)
    assert ats(newest)[-1] == 12 and len(newest) < 5
    assert ats(read(tmp_path / "flight.1.jsonl"))[-1] < 12


def test_a_gap_between_parts_is_told(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    record(path, 12, max_bytes=300, parts=20)
    parts = Recording(path).files
    (tmp_path / "elsewhere").mkdir()
    for number, part in enumerate(part for part in parts if part not in parts[1:3]):
        part.rename(tmp_path / "elsewhere" / f"x{'' if part == path else f'.{len(parts) - 3 - number}'}.jsonl")
    recording = Recording(tmp_path / "elsewhere" / "x.jsonl")
    assert ats(list(recording))[0] == 1
    [note] = recording.notes
    assert "parts 2 to 3 are missing before it" in note


def test_a_beginning_that_is_gone_is_told(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    record(path, 12, max_bytes=300, parts=2)
    recording = Recording(path)
    list(recording)
    assert "missing before it" in recording.notes[0]


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_last_line_that_was_cut_short_is_left_out_and_told(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "flight.jsonl"
    record(path, 3)
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    recording = Recording(path)
    # All but the line feed is there: then it is whole.
    assert ats(list(recording)) == ([1, 2, 3] if cut == 1 else [1, 2])
    assert [note.split(": ", 1)[1].split(",")[0] for note in recording.notes] == ([] if cut == 1 else ["line 4"])


def test_a_header_that_was_cut_short_is_all_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    path.write_bytes(b'{"fli')
    recording = Recording(path)
    assert list(recording) == [] and len(recording.notes) == 1


def test_an_empty_file_is_an_empty_recording(tmp_path: Path) -> None:
    (tmp_path / "flight.jsonl").touch()
    assert read(tmp_path / "flight.jsonl") == []


def test_a_line_that_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    record(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b'{"at":"noon"}\n', *lines[2:]]))
    with pytest.raises(RecordingError, match=r'flight\.jsonl: line 3: its "at" is no time') as refused:
        read(path)
    assert (refused.value.file, refused.value.place) == (str(path), "line 3")


@pytest.mark.parametrize("content", [b"hello\n", b"{}\n", b"\x00" * 100])
def test_what_is_no_recording_is_called_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "flight.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="it is no recording of a flight recorder"):
        read(path)


def test_a_recording_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    path.write_bytes(b'{"flight":2,"what":"ever"}\n')
    with pytest.raises(RecordingError, match="line 1: its format is version 2; this release reads version 1"):
        read(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="it is no file"):
        read(tmp_path)


# Selections

ENTRIES: list[Entry] = [
    Header(0.0, 1, "0", "0"),
    Failed(0.0, "here", "refused"),
    Opened(1.0, 1, "here"),
    Said(2.0, 1, Way.OUT, 2127, (b"",), "a"),
    Opened(3.0, 2, "there"),
    Said(4.0, 2, Way.IN, 2131, (b"",)),
    Said(5.0, 1, Way.IN, 2131, (b"",)),
    Said(6.0, 1, Way.IN, 50_000, (b"",)),
    Ended(7.0, 1, "gone"),
]


def chosen(**options: object) -> list[float]:
    return [entry.at for entry in select(ENTRIES, **options)]  # type: ignore[arg-type]


def test_selections() -> None:
    assert list(select(ENTRIES)) == ENTRIES
    assert chosen(connection=1) == [0, 1, 2, 5, 6, 7]
    assert chosen(connection=[1, 2]) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert chosen(connection=[]) == [0]
    assert chosen(names=["SpotEvent"]) == chosen(names=["protooaspotevent"]) == [4, 5]
    assert chosen(names=["*spot*"]) == [2, 4, 5]
    assert chosen(names=["payload type 50000"]) == [6]
    assert chosen(names=["Spot"]) == []
    assert chosen(since=3, until=6) == [3, 4, 5]
    assert chosen(since=3, until=6, connection=1, names=["SpotEvent"]) == [5]
