"""Batches to write, and what is to be read of them afterwards with nothing of ours."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ctrader_twisted.recording.spans import united
from ctrader_twisted.recording.store import Batch, Cover

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MIDNIGHT = 1_772_582_400_000  # 2026-03-04
DAY = 86_400_000
SPAN = 1000
ROWS = 7
SYMBOLS = ("US 30", "BRENT/USD", "#AAPL")


def batch(number: int, *, rows: int = ROWS, day: int = 0, environment: str = "demo") -> Batch:
    """Quotes of one second; ``received`` says which batch they are of."""
    start = MIDNIGHT + day * DAY + number * SPAN
    return Batch(
        "quotes",
        environment,
        7,
        {
            "time": [start + row % SPAN for row in range(rows)],
            "received": [number] * rows,
            "symbol": [SYMBOLS[(number + row) % 3] for row in range(rows)],
            "bid": [1 + row / 16 for row in range(rows)],
            "ask": [2 + number / 16 for _ in range(rows)],
            "source": ["live"] * rows,
        },
        tuple(Cover(f"quotes/{symbol}", start, start + SPAN) for symbol in SYMBOLS),
    )


def bars(times: list[int], symbol: str = "EURUSD", period: str = "M1", **other: Any) -> Batch:
    columns = {
        "time": times,
        "period": [period] * len(times),
        "symbol": [symbol] * len(times),
        **{name: [1.5] * len(times) for name in ("open", "high", "low", "close")},
        "ticks": [3] * len(times),
        "source": ["live"] * len(times),
    }
    return Batch("bars", "demo", 7, columns, **other)


def numbers_of(rows: Iterable[tuple[Any, ...]], where: int = 1) -> Counter[int]:
    """How many rows there are of each batch."""
    return Counter(row[where] for row in rows)


def spans_of(numbers: Iterable[int]) -> dict[str, list[tuple[int, int]]]:
    """What is covered if these batches were written on the first day."""
    spans = united((MIDNIGHT + number * SPAN, MIDNIGHT + (number + 1) * SPAN) for number in numbers)
    return {f"quotes/{symbol}": spans for symbol in SYMBOLS} if spans else {}


def plainly(folder: Path) -> tuple[list[tuple[Any, ...]], dict[str, list[tuple[int, int]]]]:
    """Read the quotes and covers that are in a folder, without anything of ours."""
    rows: list[tuple[Any, ...]] = []
    covers: dict[str, list[tuple[int, int]]] = {}
    for file in sorted((folder / "quotes").glob("*/*/*/*.parquet")):
        import pyarrow.parquet as pq

        table = pq.ParquetFile(file).read()
        times = [table[name].cast("int64").to_pylist() for name in ("time", "received")]
        rows += zip(*times, *(table[name].to_pylist() for name in ("symbol", "bid", "ask")), strict=True)
        for stream, spans in json.loads(table.schema.metadata[b"ctrader_twisted.covered"]).items():
            covers.setdefault(stream, []).extend((start, end) for start, end in spans)
    for file in sorted(folder.glob("*.sqlite")):
        with closing(sqlite3.connect(file)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'quotes'").fetchall():
                continue  # killed while it was being made
            rows += connection.execute("SELECT time, received, symbol, bid, ask FROM quotes").fetchall()
            for stream, start, until in connection.execute("SELECT stream, start, until FROM covered").fetchall():
                covers.setdefault(stream, []).append((start, until))
    return rows, {stream: united(spans) for stream, spans in covers.items()}
