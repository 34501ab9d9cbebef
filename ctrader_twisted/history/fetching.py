"""One page after another, asked for until it is there.

A request for history changes nothing, so whatever became of one it may be asked again. Refusals for asking too often
are waited for where all requests wait, in the session: it holds the next one back as long as the server says, and
longer each time (observed: the server's own word is too short). After a loss the account is waited for. Everything
together has `patience` seconds without a page, then the reason is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as NotInTime

from ctrader_twisted.errors import (
    CannotRoute,
    NotAuthorised,
    OpenApiError,
    ProtocolError,
    RateLimited,
    RequestFailed,
    SendTimeout,
    ServerUnavailable,
    UnderMaintenance,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

TIMEOUT: Final = 60.0
"""Seconds that an answer may take: a page has some hundred kilobytes, and the limits hold requests back."""

PATIENCE: Final = 900.0
"""Seconds without a page after which nothing more is waited for."""

LONGEST_BLOCK: Final = 120.0
"""Seconds for which the session holds a request back after refusals, unless the server asks for more."""

LONGEST_WAIT: Final = 60.0
"""Seconds between two attempts at most, where it is not the limits that are waited for."""

TRANSIENT: Final = (RequestFailed, RateLimited, NotAuthorised, ServerUnavailable, UnderMaintenance, CannotRoute)


class Fetching:
    """Asks for pages, one at a time.

    :param ask: sends a request and gives a Deferred of the `Envelope` that answers, unread; takes a message and a
        timeout in seconds.
    :param stands: gives a new Deferred that fires when the account is authorised, at once if it is; it can be
        cancelled.
    :param clock: an ``IReactorTime``.

    :ivar requests: how many requests it has sent so far, those that failed included.
    """

    def __init__(
        self,
        ask: Callable[[Message, float], Deferred[Any]],
        stands: Callable[[], Deferred[None]],
        clock: Any,
        *,
        timeout: float = TIMEOUT,
        patience: float = PATIENCE,
    ) -> None:
        self.requests: int = 0
        self._ask = ask
        self._stands = stands
        self._clock = clock
        self._timeout = timeout
        self._patience = patience

    async def page(self, message: Message, *, patience: float | None = None) -> bytes:
        """Give the payload of the answer.

        :param patience: of this page alone; 0 to ask once.
        :raises ClientClosed: if the client is closed.
        :raises ServerError: if the server refuses it for good.
        :raises OpenApiError: the reason, once the patience is over.
        """
        until = self._clock.seconds() + (self._patience if patience is None else patience)
        refusal: RateLimited | None = None
        block = 0.0
        attempts = 0
        while True:
            self.requests += 1
            try:
                envelope = await _ending(self._ask(message, self._timeout + block))
            except TRANSIENT as error:
                left = until - self._clock.seconds()
                why = refusal if refusal is not None and isinstance(error, SendTimeout) else error
                if left <= 0 or isinstance(error.__cause__, ProtocolError):  # or nobody can read what comes
                    raise why from why.__cause__
                if isinstance(error, RateLimited):
                    refusal, block = error, min(max(error.retry_after or 0.0, LONGEST_BLOCK), left)
                    continue
                if not isinstance(error, TimeoutError):
                    await self._wait(min(2.0**attempts, LONGEST_WAIT, left))
                    attempts += 1
                await self._stood(why, until)
            else:
                payload: bytes = envelope.payload
                return payload

    async def _wait(self, seconds: float) -> None:
        waiting: Deferred[None] = Deferred(lambda _: call.cancel())
        call = self._clock.callLater(seconds, waiting.callback, None)
        await waiting

    async def _stood(self, why: OpenApiError, until: float) -> None:
        """Wait for the account; give the reason why it is waited for if it does not come in time."""
        standing = self._stands()
        left = until - self._clock.seconds()
        if not standing.called:
            standing.addTimeout(max(left, 0.0), self._clock)
        try:
            await standing
        except NotInTime:
            raise why from why.__cause__


def _ending(answered: Deferred[Any]) -> Deferred[Any]:
    """Let whoever cancels be told so: a request that is cancelled ends like one that a loss has caught."""
    left = False

    def leave(_: Deferred[Any]) -> None:
        nonlocal left
        left = True
        answered.cancel()

    def ended(result: Any) -> None:
        if not left:
            waiting.callback(result)

    waiting: Deferred[Any] = Deferred(leave)
    answered.addBoth(ended)
    return waiting
