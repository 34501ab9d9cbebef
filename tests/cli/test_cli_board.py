"""The table of live quotes."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO, StringIO, TextIOWrapper

from rich.console import Console

from ctrader_twisted.cli.board import Board, Row
from ctrader_twisted.market import Quote


def quote(bid: str | None, ask: str | None) -> Quote:
    return Quote(1, None if bid is None else Decimal(bid), None if ask is None else Decimal(ask), None)


def shown(board: Board, width: int = 80) -> list[str]:
    console = Console(file=StringIO(), width=width)
    console.print(board.shown())
    file = console.file
    assert isinstance(file, StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_spread_and_change_are_in_pips() -> None:
    row = Row("EURUSD", digits=5, pip_position=4)
    assert (row.spread, row.change, row.moved) == (None, None, 0)
    row.take(quote("1.12356", "1.12358"), "10:00:00.0")
    assert (row.spread, row.change, row.moved) == (Decimal("0.2"), Decimal("0.0"), 0)
    row.take(quote("1.12344", "1.12358"), "10:00:00.1")
    assert (row.spread, row.change, row.moved) == (Decimal("1.4"), Decimal("-1.2"), -1)
    row.take(quote("1.12344", "1.12360"), "10:00:00.2")
    assert row.moved == -1, "the bid has not moved since"
    row.take(quote("1.12370", "1.12372"), "10:00:00.3")
    assert (row.change, row.moved) == (Decimal("1.4"), 1)


def test_a_pip_that_is_a_whole_unit() -> None:
    row = Row("XAUUSD", digits=2, pip_position=0)
    row.take(quote("4569.20", "4569.45"), "")
    assert row.spread == Decimal("0.25")


def test_one_side_is_not_known_yet() -> None:
    row = Row("EURUSD", digits=5, pip_position=4)
    row.take(quote(None, "1.12358"), "10:00:00.0")
    assert (row.spread, row.change) == (None, None)
    board = Board()
    board.rows = {1: row}
    assert shown(board)[1].split() == ["EURUSD", "1.12358", "10:00:00.0"]


def test_the_table() -> None:
    board = Board()
    board.rows = {1: Row("EURUSD", 5, 4), 2: Row("GER40.cash", 2, 0)}
    board.rows[1].take(quote("1.12356", "1.12358"), "10:00:00.0")
    board.rows[1].take(quote("1.12366", "1.12368"), "10:00:00.1")
    assert shown(board) == [
        "symbol          bid      ask  spread  change        time",
        "EURUSD      1.12366  1.12368     0.2    +1.0  10:00:00.1",
        "GER40.cash                                       waiting",
    ]


def test_a_loss_is_told_below_and_the_quotes_are_stale_until_the_next() -> None:
    board = Board()
    board.rows = {1: Row("EURUSD", 5, 4)}
    board.rows[1].take(quote("1.12356", "1.12358"), "10:00:00.0")
    board.stop("demo: the connection was lost\x1b[2J. Trying again in 1 s")
    assert board.rows[1].stale
    assert shown(board)[-1] == "demo: the connection was lost?[2J. Trying again in 1 s", "no text moves the cursor"
    board.rows[1].take(quote("1.12356", "1.12358"), "10:00:01.0")
    assert not board.rows[1].stale


def test_a_table_that_has_little_room() -> None:
    board = Board()
    board.rows = {1: Row("A" * 60, 5, 4)}
    board.rows[1].take(quote("1.12356", "1.12358"), "10:00:00.0")
    assert all(len(line) <= 60 for line in shown(board, 60))
    assert "1.12356  1.12358" in shown(board, 60)[1], "numbers are never cut"


def charted(board: Board, width: int, encoding: str = "utf-8") -> list[str]:
    written = TextIOWrapper(BytesIO(), encoding)
    console = Console(file=written, width=width)
    with console.capture() as captured:
        console.print(board.shown(console))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_columns_are_left_out_where_there_is_no_room() -> None:
    """A price that is cut is a wrong one."""
    board = Board()
    board.rows = {1: Row("EURUSD", 5, 4), 2: Row("XAUUSD", 2, 0)}
    board.rows[1].take(quote("1.12356", "1.12358"), "10:00:00.0")
    board.rows[2].take(quote("4569.20", "4569.45"), "10:00:00.0")
    for width, columns in (
        (48, ["symbol", "bid", "ask", "spread", "change", "time"][:5]),
        (40, ["symbol", "bid", "ask", "spread", "change"]),
        (36, ["symbol", "bid", "ask", "spread"]),
        (25, ["symbol", "bid", "ask"]),
    ):
        lines = charted(board, width)
        assert lines[0].split() == columns
        assert [line.split()[:3] for line in lines[1:]] == [
            ["EURUSD", "1.12356", "1.12358"],
            ["XAUUSD", "4569.20", "4569.45"],
        ]
        assert len(lines) == 3


def test_a_small_chart_where_there_is_room() -> None:
    board = Board()
    board.rows = {1: Row("EURUSD", 5, 4), 2: Row("USDJPY", 3, 2)}
    for pips in (0, 7, 3):
        board.rows[1].take(quote(f"1.1235{pips}", "1.12358"), "10:00:00.0")
    assert charted(board, 80) == [
        "symbol      bid      ask  spread  change        time  chart",
        "EURUSD  1.12353  1.12358     0.5    +0.3  10:00:00.0  ▁█▄",
        "USDJPY                                       waiting",
    ]
    assert charted(board, 61) == shown(board, 61), "no room"
    assert charted(board, 80, "latin-1") == shown(board), "no blocks there"
