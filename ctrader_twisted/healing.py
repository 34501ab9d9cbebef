"""Accounts brought to stand, kept so, and brought back after each loss.

Each account is brought back on its own: authorised with the token that is chosen for it (`choosing`), refreshed first
where that is due or the server refuses it (`refreshing`); then what it had is restored (`restoring`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import Logger

from ctrader_twisted import messages
from ctrader_twisted.choosing import Choice, Choosing
from ctrader_twisted.errors import (
    AccountRefused,
    CannotRoute,
    ClientClosed,
    GrantRefused,
    OpenApiError,
    RequestNotSent,
    ServerError,
    TokenRefused,
    TokenStoreError,
    WrongEnvironment,
)
from ctrader_twisted.logins import Logins
from ctrader_twisted.refreshing import Refreshing
from ctrader_twisted.restoring import Restoring, seconds_asked_for
from ctrader_twisted.session.machine import AccountState, ConnectionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from ctrader_twisted.credentials import Environment
    from ctrader_twisted.protocol import OpenApiProtocol
    from ctrader_twisted.session.events import AccountChanged
    from ctrader_twisted.session.session import Session
    from ctrader_twisted.session.standing import AccountStanding
    from ctrader_twisted.settings import Settings
    from ctrader_twisted.tokens import Grant, TokenKeeper

CHANGES_AT_MOST = 5
"""Tokens tried in one attempt: a grant that changes faster than the server answers is left for the next."""

FINAL: Final = (GrantRefused, WrongEnvironment, AccountRefused, TokenRefused)
"""What ends the attempts to authorise an account, until something has changed; after anything else they go on."""

_log = Logger()


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    """Who waits for an account.

    :ivar token: the bare token it was asked for with, or None.
    """

    deferred: Deferred[None]
    token: str | None = field(repr=False)


@dataclass(slots=True)
class _Account(Choice):
    """One account and what is done for it.

    :ivar waiting: who waits for it.
    :ivar attempting: whether an attempt to authorise it is under way.
    :ivar revived: whether something has changed since it was found to need a login.
    :ivar delay: seconds that the next attempt waits, if it is put off.
    :ivar call: the attempt that was put off.
    :ivar stood_at: when it last came to stand.
    """

    waiting: list[_Waiter] = field(default_factory=list)
    attempting: bool = False
    revived: bool = False
    delay: float = 0.0
    call: IDelayedCall | None = None
    stood_at: float | None = None

    def take_waiting(self) -> list[_Waiter]:
        """Remove and give those who wait, but not those whose token has yet to be tried."""
        later = [] if self.given is None else [waiter for waiter in self.waiting if waiter.token == self.given]
        taken = [waiter for waiter in self.waiting if waiter not in later]
        self.waiting = later
        return taken

    def unschedule(self) -> None:
        """Forget the next attempt."""
        if self.call is not None:
            self.call.cancel()
            self.call = None


class Healing:
    """Every account of one client.

    :param clock: an ``IReactorTime``.
    :param tokens: where grants are kept; None if accounts are authorised with bare access tokens only.
    :param announce: told of `Resynchronised`.
    """

    def __init__(
        self,
        *,
        session: Session,
        clock: Any,
        settings: Settings,
        environment: Environment,
        tokens: TokenKeeper | None,
        announce: Callable[[object], None],
    ) -> None:
        self._session = session
        self._clock = clock
        self._settings = settings
        self._environment = environment
        self._tokens = tokens
        self._restoring = Restoring(session=session, clock=clock, settings=settings, announce=announce)
        self._connection: OpenApiProtocol | None = None
        self._closed = False
        self._accounts: dict[int, _Account] = {}
        self._attempts: set[Deferred[None]] = set()
        self._refreshing: Refreshing | None = None
        self._logins: Logins | None = None
        self._unwatch: Callable[[], None] | None = None
        if tokens is not None:
            self._refreshing = Refreshing(
                session=session, clock=clock, tokens=tokens, where=str(environment), refused=self._grant_dead
            )
            self._logins = Logins(tokens, clock, self._somebody_needs_login)
            self._unwatch = tokens.watch(self._grant_changed)
        self._choosing = Choosing(
            session=session, clock=clock, settings=settings, tokens=tokens, refreshing=self._refreshing
        )

    # What the factory tells

    def authorise(self, account_id: int, access_token: str | None) -> Deferred[None]:
        """Bring an account to stand and keep it so; see `OpenApiClient.authorise`."""
        if self._closed:
            return fail(ClientClosed())
        standing = self._session.standing.want(account_id)
        account = self._account(account_id)
        self._choosing.note(account, standing)
        standing.again = self._session.overrule_logouts(account_id)
        stands = self._session.accounts.state(account_id) is AccountState.AUTHORISED and not standing.again
        if access_token is not None:
            if stands and access_token == standing.access_token:
                return succeed(None)
            account.given = access_token
        else:
            if stands and (self._tokens is None or account.grant is not None):
                return succeed(None)
            account.by_grant = self._tokens is not None
        waiter: Deferred[None] = Deferred(lambda _: account.waiting.remove(entry) if entry in account.waiting else None)
        entry = _Waiter(waiter, access_token)
        account.waiting.append(entry)
        account.revived = True
        self._attempt_now(account)
        return waiter

    def give_up(self, account_id: int) -> None:
        """Keep an account no longer, as its user asks for."""
        self.forget(account_id)
        self._session.accounts.given_up(account_id)
        self._tell()

    def forget(self, account_id: int) -> None:
        """Keep an account no longer."""
        self._session.standing.forget(account_id)
        self._restoring.abandon(account_id)
        account = self._accounts.pop(account_id, None)
        if account is not None:
            account.unschedule()
            given_up = RequestNotSent("ProtoOAAccountAuthReq", "the account was logged out or given up", account_id)
            self._end_waiting(account, given_up)

    def ready(self, connection: OpenApiProtocol) -> None:
        """The application is authorised: bring back every account, each on its own."""
        self._connection = connection
        if self._refreshing is not None:
            self._refreshing.connection = connection
        for standing in self._session.standing:
            account = self._account(standing.account_id)
            if account.revived or self._session.accounts.state(account.account_id) is not AccountState.NEEDS_LOGIN:
                self._attempt_now(account)

    def ended(self) -> None:
        """The connection is gone."""
        self._connection = None
        for account in list(self._accounts.values()):
            account.unschedule()
            if not account.attempting and self._session.standing.find(account.account_id) is None:
                self.forget(account.account_id)  # it was logged out while its next attempt was put off
        self._restoring.stop()
        if self._refreshing is not None:
            self._refreshing.connection = None
            self._refreshing.stop()

    def changed(self, event: AccountChanged) -> None:
        """An account moved to another state."""
        if event.state is event.previous:
            return
        standing = self._session.standing.find(event.account_id)
        if standing is None:  # it was logged out, or was never kept
            self.forget(event.account_id)
            return
        account = self._account(event.account_id)
        self._restoring.abandon(account.account_id)
        if event.state is AccountState.AUTHORISED:
            account.stood_at = self._clock.seconds()
            if not account.attempting:  # it was authorised by hand, or late
                self._choosing.note(account, standing)
                self._settle(account, standing)
            if self._connection is not None:
                self._restoring.begin(standing, self._connection)
        elif event.state is AccountState.UNAUTHORISED:  # it was logged out, and asked for since
            account.noted = None
            self._attempt_now(account)
        elif event.state is AccountState.DROPPED and not account.attempting:
            self._attempt_later(account)
        elif event.state is AccountState.NEEDS_LOGIN and self._logins is not None and not self._closed:
            self._logins.expect()

    def late_refresh(self, refresh_token: str, answer: messages.ProtoOARefreshTokenRes) -> None:
        """The answer to a refresh came when nobody waited for it any more."""
        if self._refreshing is not None:
            self._refreshing.late(refresh_token, answer)

    def refused(self, error: ServerError) -> None:
        """The application was refused for good: no account will stand, and nobody who waits for one will get it."""
        for standing in self._session.standing:
            self._session.accounts.found_unusable(
                standing.account_id, f"the application was refused: {error}", error.remedy
            )
        self._tell()
        for account in list(self._accounts.values()):
            self._end_waiting(account, error)

    def closing(self) -> Deferred[None] | None:
        """Begin no refresh any more. Give what fires when that which is under way has ended; None if none is."""
        if self._refreshing is None:
            return None
        self._refreshing.close()
        return None if self._tokens is None or self._refreshing.idle else self._tokens.saved()

    def close(self) -> None:
        """Ask for nothing any more, and leave nothing scheduled."""
        self._closed = True
        if self._unwatch is not None:
            self._unwatch()
        if self._logins is not None:
            self._logins.stop()
        self.ended()
        for attempt in list(self._attempts):
            attempt.cancel()  # it waits for the token store, or for a refresh that another client goes on with
        for account in list(self._accounts.values()):
            self._end_waiting(account, ClientClosed())

    def _somebody_needs_login(self) -> bool:
        return any(
            self._session.accounts.state(account_id) is AccountState.NEEDS_LOGIN for account_id in self._accounts
        )

    # Attempts to authorise

    def _account(self, account_id: int) -> _Account:
        account = self._accounts.get(account_id)
        if account is None:
            account = self._accounts[account_id] = _Account(account_id, delay=self._settings.retry_after)
        return account

    def _serves(self, connection: OpenApiProtocol) -> bool:
        return connection is self._connection and self._session.state is ConnectionState.READY

    def _stays(self, account_id: int) -> bool:
        stands = self._session.accounts.state(account_id) is AccountState.AUTHORISED
        return stands and not self._session.is_to_leave(account_id)

    def _attempt_now(self, account: _Account) -> None:
        account.unschedule()
        if self._session.is_to_leave(account.account_id):
            self._attempt_later(account)  # if it is still there then
            return
        connection = self._connection
        if connection is not None and self._serves(connection) and not account.attempting:
            account.attempting = True
            account.revived = False
            attempt = Deferred.fromCoroutine(self._attempt(account, connection)).addErrback(_unexpected)
            if not attempt.called:
                self._attempts.add(attempt)
                attempt.addBoth(lambda _: self._attempts.discard(attempt))

    def _attempt_later(self, account: _Account, at_least: float = 0.0) -> None:
        """Attempt after a delay that grows until the account stands for a while: one that is cut again and again is not
        hammered.
        """
        if self._connection is None or not self._serves(self._connection) or account.call is not None:
            return  # all are attempted as soon as there is a connection
        now, stood_at = self._clock.seconds(), account.stood_at
        if stood_at is not None and now - stood_at >= self._settings.steady_after:
            account.delay = self._settings.retry_after
        if self._session.accounts.state(account.account_id) is not AccountState.AUTHORISED:
            account.stood_at = None

        def attempt() -> None:
            account.call = None
            self._attempt_now(account)

        account.call = self._clock.callLater(max(account.delay, at_least), attempt)
        account.delay = min(account.delay * 1.5, self._settings.retry_at_most)

    async def _attempt(self, account: _Account, connection: OpenApiProtocol) -> None:
        """Authorise an account; what it is subscribed to follows when the server has accepted."""
        error: OpenApiError | None = None
        tried = account.given
        try:
            await self._authorise(account, connection)
        except OpenApiError as failure:
            # Whoever is told keeps it as long as he likes, and not the frames it passed: these may be of another client
            # that refreshed for this one.
            error = failure.with_traceback(None)
            error.__context__ = None
        except Exception as failure:
            if self._closed and isinstance(failure, CancelledError):
                return
            _log.failure("account {account} could not be authorised", account=account.account_id)
            error = TokenStoreError("the token store", "it failed in a way of its own", "The log says how.")
        if isinstance(error, CannotRoute) and self._serves(connection):
            error = await self._tell_wrong_from_busy(account, connection, error)
        if self._serves(connection):
            self._tell()
        account.attempting = False
        if self._accounts.get(account.account_id) is not account:
            return  # it was given up; if it was asked for again, that is another attempt
        standing = self._session.standing.find(account.account_id)
        if standing is None:
            self.forget(account.account_id)
        elif not self._serves(connection):
            if self._connection not in (None, connection):
                self._attempt_now(account)  # the connection after this one found the attempt still under way
        elif error is None and not self._stays(account.account_id):
            self._attempt_now(account)  # it was logged out before its authorisation was sent, and is to stand anew
        elif error is None:
            self._settle(account, standing)
            self._follow(account, standing)
        else:
            self._failed(account, standing, error, tried)

    async def _authorise(self, account: _Account, connection: OpenApiProtocol) -> None:
        """Ask until the server accepts a token, or there is none left to try."""
        refreshed: set[str] = set()
        dead: GrantRefused | None = None
        for _ in range(CHANGES_AT_MOST):
            standing = self._session.standing.find(account.account_id)
            if standing is None or not self._serves(connection):
                return
            try:
                token, grant = await self._choosing.token(account, standing)
            except GrantRefused as refusal:
                raise dead or refusal from None
            if not self._serves(connection) or self._session.standing.find(account.account_id) is not standing:
                return  # lost, logged out or given up meanwhile
            if self._session.is_to_leave(account.account_id):
                return  # it was asked to be logged out meanwhile: if it stays, it is attempted again
            standing.by_grant = grant is not None
            stands = self._session.accounts.state(account.account_id) is AccountState.AUTHORISED
            if stands and token == standing.access_token and not standing.again:
                self._choosing.note(account, standing, grant)
                self._session.accounts.put_right(account.account_id)
                return
            self._session.overrule_logouts(account.account_id)  # those that nobody waits for any more
            try:
                await connection.request(
                    messages.ProtoOAAccountAuthReq(ctidTraderAccountId=account.account_id, accessToken=token),
                    self._settings.timeout,
                    own=True,
                )
            except TokenRefused as refused:
                if grant is None:
                    raise
                dead = await self._choosing.mend(account, grant, token, refreshed, refused) or dead
            else:
                # Not as before, where it was logged out meanwhile.
                self._choosing.note(account, self._session.standing.find(account.account_id) or standing, grant)
                return
        raise RequestNotSent("ProtoOAAccountAuthReq", "its tokens changed again and again", account.account_id)

    async def _tell_wrong_from_busy(
        self, account: _Account, connection: OpenApiProtocol, error: CannotRoute
    ) -> OpenApiError:
        """The same code means the wrong environment, which stays, and a broker's maintenance, which passes.

        ``isLive`` of the account decides; the list is served by either environment (protocol notes, 1.1 and 1.7).
        """
        account_id = account.account_id
        standing = self._session.standing.find(account_id)
        if standing is None or self._environment.live is None or standing.stood:
            return error
        try:
            token, _ = await self._choosing.token(account, standing)
            granted = await connection.request(
                messages.ProtoOAGetAccountListByAccessTokenReq(accessToken=token), self._settings.timeout, own=True
            )
        except Exception:
            return error  # it will be asked again
        for one in granted.ctidTraderAccount:
            if one.ctidTraderAccountId == account_id:
                if one.isLive == self._environment.live:
                    return error
                kind = "live" if one.isLive else "demo"
                return WrongEnvironment(
                    error.code,
                    error.description,
                    request=error.request,
                    account_id=account_id,
                    remedy=f"It is a {kind} account: connect to the {kind} environment for it.",
                )
        return AccountRefused(
            error.code, "the token was not granted for this account", request=error.request, account_id=account_id
        )

    def _failed(self, account: _Account, standing: AccountStanding, error: OpenApiError, tried: str | None) -> None:
        """An attempt failed: say what a person has to do, or try again."""
        session, account_id = self._session, account.account_id
        text = session.scrub(str(error))
        _log.warn(
            "account {account} on {where} was not authorised: {error}",
            account=account_id,
            where=str(self._environment),
            error=text,
        )
        final = isinstance(error, FINAL)
        told: list[_Waiter] = []
        if final:
            if account.given == tried:
                account.given = None
            told = account.take_waiting()
            if account.given is None:
                standing.again = 0
            if not standing.stood and account.given is None and not isinstance(error, GrantRefused):
                session.standing.forget(account_id)  # it is not tried at each reconnect
        if isinstance(error, GrantRefused):
            session.accounts.grant_dead(account_id, error.reason, error.remedy)
        elif isinstance(error, WrongEnvironment | AccountRefused):
            session.accounts.found_unusable(account_id, text, error.remedy)
        elif isinstance(error, TokenStoreError):
            session.accounts.found_unusable(account_id, f"{error.where}: {error.problem}", error.remedy)
        elif session.standing.find(account_id) is None and session.accounts.state(account_id) is AccountState.DROPPED:
            # It was given up and stood on, and was lost while the token it was asked for with was tried: none is left.
            session.accounts.found_unusable(account_id, text, "Authorise it with another access token.")
        self._tell()
        for waiter in told:
            if not waiter.deferred.called:
                waiter.deferred.errback(error)
        if not final:
            self._attempt_later(account, seconds_asked_for(error, self._clock.seconds(), self._settings))
        elif account.given is not None or account.revived:
            self._attempt_now(account)
        elif session.accounts.state(account_id) is AccountState.DROPPED:
            self._attempt_later(account)

    def _settle(self, account: _Account, standing: AccountStanding) -> None:
        """It stands: tell those who waited for that."""
        if standing.again:  # and not for long: a logout that was asked for before is still under way
            self._attempt_later(account)
            return
        for waiter in account.take_waiting():
            if not waiter.deferred.called:
                waiter.deferred.callback(None)

    def _end_waiting(self, account: _Account, error: OpenApiError) -> None:
        waiting, account.waiting = account.waiting, []
        for waiter in waiting:
            if not waiter.deferred.called:
                waiter.deferred.errback(error)

    def _tell(self) -> None:
        """Tell what the session was told here; what the server tells goes the same way."""
        if self._connection is not None:
            self._connection.announce()

    # Tokens

    def _follow(self, account: _Account, standing: AccountStanding) -> None:
        """Another token may have come while the account was being authorised with the one before."""
        wanted = self._choosing.wanted(account)
        if wanted is not None and wanted != standing.access_token:
            self._attempt_now(account)

    def _grant_changed(self, grant: Grant) -> None:
        """A grant has new tokens: every account that stands, or is to stand, by it moves to them."""
        self._session.keep_secret(grant.access_token, grant.refresh_token)
        used = False
        for standing in self._session.standing:
            account = self._account(standing.account_id)
            self._choosing.note(account, standing)
            current = self._choosing.grant_of(account)
            if current is None or current.name != grant.name:
                continue
            used = True
            if standing.access_token != grant.access_token:
                account.revived = True
                self._attempt_now(account)
        if used and self._refreshing is not None:
            self._refreshing.when_due(grant.name)

    def _grant_dead(self, name: str, error: GrantRefused) -> None:
        """A grant can't be refreshed any more, while its accounts still stand."""
        for account in self._accounts.values():
            if account.grant == name and account.by_grant:
                self._session.accounts.grant_dead(account.account_id, error.reason, error.remedy)
        self._tell()


def _unexpected(failure: Failure) -> None:
    """Only a fault of this package ends up here, besides what was cancelled because its connection ended."""
    if failure.check(CancelledError):
        return
    _log.failure("unexpected failure while an account was being brought back", failure)
