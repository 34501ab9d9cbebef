"""Run as a program: writes and tidies on and on, telling each batch that is written, until it is killed."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from ctrader_twisted.recording.formats import store_at
from tests.recording.recorded import batch

TODAY, TOMORROW = date(2026, 3, 4), date(2026, 3, 5)


def tell(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def until_killed(folder: Path, name: str) -> None:
    if name == "parquet":
        from ctrader_twisted.recording import parquet

        parquet.MANY = 5  # type: ignore[misc]
    store = store_at(folder, name)
    for sentence in store.open():
        tell(sentence)
    known = store.covered("demo", 7)
    number = max((end for spans in known.values() for _, end in spans), default=0) // 1000 % 86_400
    while True:
        store.write(batch(number))
        tell(number)
        number += 1
        store.tidy(TODAY if number % 50 else TOMORROW)


if __name__ == "__main__":
    until_killed(Path(sys.argv[2]), sys.argv[1])
