"""Tokens refreshed over a client's own connection, before they end and when the server calls them bad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from ctrader_twisted import messages
from ctrader_twisted.errors import GrantRefused, OpenApiError, OutcomeUnknown, RequestNotSent
from ctrader_twisted.tokens import TokenPair

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from ctrader_twisted.protocol import OpenApiProtocol
    from ctrader_twisted.session.session import Session
    from ctrader_twisted.tokens import Grant, TokenKeeper

REFRESH_TIMEOUT = 300.0
"""Seconds that the answer to a refresh is waited for. One that comes even later is kept all the same."""
RETRY = 60.0
"""Seconds until a refresh that failed for a reason that may pass is tried again; twice as many each further time."""
RETRY_AT_MOST = 3600.0

_log = Logger()


def pair_of(answer: messages.ProtoOARefreshTokenRes, now: float) -> TokenPair:
    """Give the tokens of an answer.

    :param now: seconds since the epoch.
    :raises OutcomeUnknown: if it holds no access token: it must not be kept in place of one that may work.
    """
    if not answer.accessToken:
        raise OutcomeUnknown("ProtoOARefreshTokenReq", "the answer holds no access token")
    return TokenPair(
        access_token=answer.accessToken,
        refresh_token=answer.refreshToken or None,
        expires_at=now + answer.expiresIn if answer.expiresIn > 0 else None,
        obtained_at=now,
    )


class Refreshing:
    """The refreshes of one client. A keeper that serves several clients lets one of them refresh for all.

    :param clock: an ``IReactorTime``.
    :param where: the environment, for messages.
    :param refused: told of a grant that is found dead while its accounts still stand.

    :ivar connection: what refreshes go over; None while there is none.
    :ivar bought: the access token that was bought here last, by the name of its grant. Others come from the store,
        where another program put them, and may have ended since.
    """

    def __init__(
        self,
        *,
        session: Session,
        clock: Any,
        tokens: TokenKeeper,
        where: str,
        refused: Callable[[str, GrantRefused], None],
    ) -> None:
        self.connection: OpenApiProtocol | None = None
        self.bought: dict[str, str] = {}
        self._session = session
        self._clock = clock
        self._tokens = tokens
        self._where = where
        self._refused = refused
        self._calls: dict[str, IDelayedCall] = {}
        self._under_way = 0
        self._closing = False

    def now(self, name: str, refused: str | None = None) -> Deferred[Grant]:
        """Refresh a grant; see `TokenKeeper.refresh`."""
        return self._tokens.refresh(name, lambda refresh_token: self._spend(name, refresh_token), refused=refused)

    @property
    def idle(self) -> bool:
        """Whether no refresh is under way over this client's connection."""
        return not self._under_way

    def when_due(self, name: str) -> None:
        """Refresh a grant in place as soon as it is due."""
        grant = self._tokens.find(name)
        due_at = None if grant is None else grant.due_at(self._tokens.refresh_within)
        self._forget(name)
        if due_at is not None and self.connection is not None:
            self._in(name, due_at - self._clock.seconds(), RETRY)

    def close(self) -> None:
        """Begin no refresh any more: its answer would not be waited for."""
        self._closing = True
        self.stop()

    def stop(self) -> None:
        """Schedule nothing any more."""
        for name in list(self._calls):
            self._forget(name)

    def late(self, refresh_token: str, answer: messages.ProtoOARefreshTokenRes) -> None:
        """The answer to a refresh that was given up came after all: its tokens are the only ones that work."""
        for grant in self._tokens.grants.values():
            if grant.refresh_token == refresh_token and answer.accessToken:
                self._tokens.update(grant.renewed(pair_of(answer, self._clock.seconds()))).addErrback(
                    self._not_kept, grant.name
                )

    def _spend(self, name: str, refresh_token: str) -> Deferred[TokenPair]:
        """Buy a new pair of tokens over the socket: it needs neither secret nor HTTP (protocol notes, 1.13)."""
        connection = self.connection
        if connection is None or self._closing:
            why = "the client is being closed" if self._closing else f"there is no connection to {self._where}"
            return fail(RequestNotSent("ProtoOARefreshTokenReq", why))
        request = messages.ProtoOARefreshTokenReq(refreshToken=refresh_token)

        def bought(answer: messages.ProtoOARefreshTokenRes) -> TokenPair:
            pair = pair_of(answer, self._clock.seconds())
            self.bought[name] = pair.access_token
            return pair

        self._under_way += 1
        return connection.request(request, REFRESH_TIMEOUT, own=True).addBoth(self._over).addCallback(bought)

    def _over(self, result: Any) -> Any:
        self._under_way -= 1
        return result

    def _in(self, name: str, seconds: float, retry: float) -> None:
        def due() -> None:
            del self._calls[name]
            grant = self._tokens.find(name)
            if grant is not None and grant.due(self._clock.seconds(), self._tokens.refresh_within):
                self.now(name).addErrback(self._failed, name, retry)
            else:  # it has been renewed meanwhile, or is gone
                self.when_due(name)

        self._calls[name] = self._clock.callLater(max(0.0, seconds), due)

    def _failed(self, failure: Failure, name: str, retry: float) -> None:
        error = failure.value
        if isinstance(error, OpenApiError):
            _log.error(
                'the tokens of grant "{grant}" were not refreshed: {error}',
                grant=name,
                error=self._session.scrub(str(error)),
            )
        else:
            _log.failure('the tokens of grant "{grant}" were not refreshed', failure, grant=name)
        if isinstance(error, GrantRefused):
            self._refused(name, error)
        elif self.connection is not None and name not in self._calls:
            self._in(name, retry, min(retry * 2, RETRY_AT_MOST))

    def _not_kept(self, failure: Failure, name: str) -> None:
        _log.failure('the tokens of grant "{grant}" came late and could not be kept', failure, grant=name)

    def _forget(self, name: str) -> None:
        call = self._calls.pop(name, None)
        if call is not None:
            call.cancel()
