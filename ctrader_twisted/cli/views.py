"""Where live quotes are shown: a table that changes in place, or JSON Lines."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from rich.live import Live
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.terminal import say, stdout_console
from ctrader_twisted.outputs import JsonLinesWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from ctrader_twisted.cli.board import Board, Row
    from ctrader_twisted.documents import Document

REDRAW: Final = 0.2
"""Seconds between two looks at whether the table has changed."""
_CLOSE_TIMEOUT: Final = 1.0


class View(Protocol):
    """Where quotes are shown.

    :ivar on_failure: called with what went wrong, None if the reader has gone; set by whoever watches.
    """

    on_failure: Callable[[CommandFailed | None], object]

    def begin(self, board: Board) -> None:
        """Begin with a board."""

    def quote(self, row: Row, document: Document) -> None:
        """Show a quote, which the board has taken in."""

    def event(self, document: Document) -> None:
        """Show that something else happened, of which the board's status tells a person."""

    def status(self) -> None:
        """Show that the board's status is another one."""

    def end(self) -> Deferred[None]:
        """Show what is left, and end."""


class TableView:
    """A table that is drawn again in place when it has changed.

    :param reactor: an ``IReactorTime``.
    """

    def __init__(self, reactor: Any) -> None:
        self.on_failure: Callable[[CommandFailed | None], object] = lambda failure: None
        self._live = Live(console=stdout_console(), auto_refresh=False)
        self._redrawing = LoopingCall(self._redraw)
        self._redrawing.clock = reactor
        self._board: Board | None = None
        self._changed = False

    def begin(self, board: Board) -> None:
        """Draw the table."""
        self._board, self._changed = board, True
        self._live.start()
        self._redrawing.start(REDRAW).addErrback(self._failed)

    def quote(self, row: Row, document: Document) -> None:
        """Draw it soon."""
        self._changed = True

    def event(self, document: Document) -> None:
        """Draw it soon."""
        self._changed = True

    def status(self) -> None:
        """Draw it soon."""
        self._changed = True

    def end(self) -> Deferred[None]:
        """Draw for the last time."""
        if self._redrawing.running:
            self._redrawing.stop()
            with suppress(OSError):  # a terminal that is gone
                self._redraw()
                self._live.stop()
        return succeed(None)

    def _failed(self, failure: Failure) -> None:
        """The terminal is gone."""
        failure.trap(OSError)
        self.on_failure(None)

    def _redraw(self) -> None:
        if self._changed and self._board is not None:
            self._changed = False
            self._live.update(self._board.shown(self._live.console), refresh=True)


class JsonView:
    """A line of JSON for each quote and event. A reader that is slow is not waited for.

    :param reactor: an ``IReactorFDSet`` and ``IReactorTime``.
    :param descriptor: where to; stdout by default.
    """

    def __init__(self, reactor: Any, descriptor: int | None = None) -> None:
        self.on_failure: Callable[[CommandFailed | None], object] = lambda failure: None
        self._reactor = reactor
        self._descriptor = os.dup(sys.stdout.fileno()) if descriptor is None else descriptor
        self._writer = JsonLinesWriter(self._descriptor, "stdout", reactor, self._failed)
        self._said = ""
        self._board: Board | None = None

    def begin(self, board: Board) -> None:
        """Begin."""
        self._board = board

    def quote(self, row: Row, document: Document) -> None:
        """Write it."""
        self._writer.write(document)

    def event(self, document: Document) -> None:
        """Write it, and tell a person."""
        self._writer.write(document)
        self.status()

    def status(self) -> None:
        """Tell a person."""
        status = "" if self._board is None else self._board.status
        if status and status != self._said:
            say(status, "yellow")
        self._said = status

    def end(self) -> Deferred[None]:
        """Write what waits, but don't wait for long."""

        def give_up(result: object, seconds: float) -> None:
            self._writer.abandon()

        return self._writer.close().addTimeout(_CLOSE_TIMEOUT, self._reactor, give_up)

    def _failed(self, writer: JsonLinesWriter) -> None:
        if _reader_is_gone(self._descriptor):
            self.on_failure(None)
        else:
            self.on_failure(CommandFailed(f"stdout can't be written: {writer.failure}"))


def _reader_is_gone(descriptor: int) -> bool:
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(found & (select.POLLERR | select.POLLHUP) for _, found in poll.poll(0))
