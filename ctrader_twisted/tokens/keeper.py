"""Which grant opens which account, and refreshes that lose no token.

A refresh token is good for one refresh, and the server ends the old pair before its answer is here. So a refresh is::

    lock      no other program may spend this refresh token meanwhile
    load      another program may have done so before: then its pair is taken, and nothing is spent
    check     the store is writable
    mark      the store says that a refresh began, and when
    spend     the server is asked
    save      in the same turn of the reactor in which the answer arrives, before anything else is done with it
    use       only now does anybody get the new access token
    release

A process that is killed between the server's replacing of the pair and the writing of the new one leaves a spent
refresh token behind; the mark tells. That gap is the network's, and no client can close it. Killed anywhere else, it
leaves a pair that works.
"""

from __future__ import annotations

import datetime
from copy import copy
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred, DeferredLock, succeed
from twisted.logger import Logger

from ctrader_twisted.errors import (
    ApplicationRefused,
    GrantRefused,
    NotAuthorised,
    OAuthRefused,
    OpenApiError,
    RateLimited,
    RequestNotSent,
    TokenRefused,
    UnderMaintenance,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twisted.internet.interfaces import IDelayedCall, IReactorTime
    from twisted.python.failure import Failure

    from ctrader_twisted.tokens.grant import Grant, TokenPair
    from ctrader_twisted.tokens.store import TokenStore

_RETRY_AFTER: Final = 1.0
_RETRY_AT_MOST: Final = 60.0

# What the server answers, or what happens here, when the refresh token can't have been spent.
_NOTHING_SPENT: Final = (
    RequestNotSent,
    TokenRefused,
    ApplicationRefused,
    NotAuthorised,
    RateLimited,
    UnderMaintenance,
    OAuthRefused,
)

_log = Logger()


class TokenKeeper:
    """Knows the grants of a store, and refreshes them.

    :param store: where they are kept.
    :param clock: for the times, and to try again to save.
    :param refresh_within: how long before its end an access token is due to be refreshed, in seconds. Callers ask
        `Grant.due` with it.
    :param lock_timeout: how long a refresh waits for another program's, in seconds.

    :ivar refresh_within: as given.
    """

    def __init__(
        self,
        store: TokenStore,
        clock: IReactorTime,
        *,
        refresh_within: float = 86_400.0,
        lock_timeout: float = 60.0,
    ) -> None:
        self.refresh_within = refresh_within
        self._store = store
        self._clock = clock
        self._grants: dict[str, Grant] = {}
        self._changes = 0
        self._watchers: dict[object, Callable[[Grant], None]] = {}
        self._refreshing: dict[str, list[Deferred[Grant]]] = {}
        self._turns: dict[str, DeferredLock] = {}  # by grant: one change of it at a time
        self._lock = _Lock(store, lock_timeout)
        self._unsaved: dict[str, Grant] = {}  # what the store would not take; the lock is held while there is any
        self._retry: IDelayedCall | None = None
        self._retry_delay = _RETRY_AFTER
        self._at_work = 0
        self._waiting_saved: list[Deferred[None]] = []

    @property
    def where(self) -> str:
        """What its store is, for messages: the file, if it is one."""
        return str(getattr(self._store, "path", "its token store"))

    @property
    def grants(self) -> Mapping[str, Grant]:
        """Every grant as it is now, by name."""
        return MappingProxyType(self._grants)

    def find(self, name: str) -> Grant | None:
        """Give the grant of a name, or None."""
        return self._grants.get(name)

    def grant_for(self, account_id: int) -> Grant | None:
        """Give the grant that opens an account. Of those that list it: one that allows trading before one that allows
        looking only, then the one that ends last; one of which that is not known comes before those that have ended. A
        grant that lists no accounts opens any when it is the only grant.
        """
        listed = [grant for grant in self._grants.values() if account_id in grant.account_ids()]
        if listed:
            now = self._clock.seconds()

            def rank(grant: Grant) -> tuple[bool, float]:
                return grant.scope != "accounts", now if grant.expires_at is None else grant.expires_at

            return max(listed, key=rank)
        only = list(self._grants.values())
        return only[0] if len(only) == 1 and not only[0].accounts else None

    def watch(self, told: Callable[[Grant], None]) -> Callable[[], None]:
        """Tell of each grant that is new or changed, whoever changed it.

        :return: what stops it.
        """
        key = object()
        self._watchers[key] = told

        def stop() -> None:
            self._watchers.pop(key, None)

        return stop

    def load(self) -> Deferred[None]:
        """Read the store, or read it again: that is how another program's changes are found.

        :return: fails with `TokenStoreError`.
        """
        return Deferred.fromCoroutine(self._load())

    def update(self, grant: Grant) -> Deferred[None]:
        """Enter a grant, after a login: save it, then use it.

        :return: fails with `TokenStoreError`; the grant is then not used.
        """
        return Deferred.fromCoroutine(self._update(grant))

    def refresh(
        self, name: str, spend: Callable[[str], Deferred[TokenPair]], *, refused: str | None = None
    ) -> Deferred[Grant]:
        """Get a new pair of tokens for a grant.

        Nothing is spent if the store has another access token than the one in question: another program has refreshed
        it. Whoever asks while a refresh is under way is given its outcome. Once the server has been asked, a refresh
        goes on even if all who asked for it have cancelled.

        :param spend: asks the server with a refresh token. Its Deferred must end within a bounded time; it is never
            cancelled.
        :param refused: the access token that the server has refused; None if it is only due.
        :return: a Deferred of its own for each call, which fires with the grant once it is saved. If it could not be
            saved it fires too, and saving is tried until it works. Fails with `GrantRefused` if a person must log in;
            with `TokenStoreError` if the tokens can't be read, locked or written, and then nothing was spent; else
            with what ``spend`` failed with.
        """
        waiting = self._refreshing.get(name)
        if waiting is not None:
            return _wait_among(waiting)
        waiting = self._refreshing[name] = []
        waiter = _wait_among(waiting)
        known = self._grants.get(name)
        unwanted = refused if refused is not None or known is None else known.access_token
        Deferred.fromCoroutine(self._refresh_for(waiting, name, spend, unwanted)).addErrback(_unexpected)
        return waiter

    @property
    def unsaved(self) -> tuple[str, ...]:
        """The names of the grants whose new tokens could not be saved yet: they are lost if the program ends now."""
        return tuple(self._unsaved)

    @property
    def idle(self) -> bool:
        """Whether no refresh and no save is under way."""
        return not self._at_work and not self._unsaved

    def saved(self) -> Deferred[None]:
        """Wait until no refresh and no save is under way, before the program ends.

        What could not be saved is tried again at once: whoever ends a program may have made room for it.
        """
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
            Deferred.fromCoroutine(self._save_again()).addErrback(_unexpected)
        return succeed(None) if self.idle else _wait_among(self._waiting_saved)

    # Reading

    async def _load(self) -> None:
        while True:
            changes = self._changes
            stored = await self._store.load()
            if changes == self._changes:  # else what was read may be older than what is known by now
                break
        stored = {**stored, **self._unsaved}
        for name in self._grants.keys() - stored.keys():
            del self._grants[name]
        for grant in stored.values():
            self._take_over(grant)

    def _take_over(self, grant: Grant) -> None:
        """Use a grant from now on, and tell the watchers. A mark that came or went is no news to them."""
        old = self._grants.get(grant.name)
        if grant == old:
            return
        self._grants[grant.name] = grant
        self._changes += 1
        if old is not None and replace(old, refresh_began_at=grant.refresh_began_at) == grant:
            return
        for key, told in list(self._watchers.items()):
            if key not in self._watchers:  # stopped by the one before
                continue
            try:
                told(grant)
            except Exception:
                _log.failure('a watcher of the grants failed at "{grant}"', grant=grant.name)

    # Changing

    async def _update(self, grant: Grant) -> None:
        self._at_work += 1
        try:
            async with self._turn(grant.name):
                await self._lock.take()
                try:
                    await self._save(grant)
                finally:
                    self._lock.give_back()
        finally:
            self._at_work -= 1
            self._tell_if_idle()

    async def _refresh_for(
        self,
        waiting: list[Deferred[Grant]],
        name: str,
        spend: Callable[[str], Deferred[TokenPair]],
        unwanted: str | None,
    ) -> None:
        """Refresh, and tell all who wait."""
        self._at_work += 1
        outcome: Grant | Exception
        try:
            try:
                async with self._turn(name):
                    await self._lock.take()
                    try:
                        outcome = await self._refresh(waiting, name, spend, unwanted)
                    finally:
                        self._lock.give_back()
            except Exception as error:
                outcome = error
            del self._refreshing[name]
            while waiting:
                waiter = waiting.pop(0)
                if not isinstance(outcome, Exception):
                    waiter.callback(outcome)
                else:  # to each an error of his own, as it keeps the frames it passes: they may be of several clients
                    waiter.errback(copy(outcome) if isinstance(outcome, OpenApiError) else outcome)
        finally:
            self._at_work -= 1
            self._tell_if_idle()

    async def _refresh(
        self,
        waiting: list[Deferred[Grant]],
        name: str,
        spend: Callable[[str], Deferred[TokenPair]],
        unwanted: str | None,
    ) -> Grant:
        await self._load()
        before = self._grants.get(name)
        if before is None:
            raise GrantRefused(name, "the token store has no grant of this name")
        if unwanted is not None and before.access_token != unwanted:
            _log.info('grant "{grant}": it was refreshed before; its newer tokens are used', grant=name)
            return before
        if before.refresh_token is None:
            raise GrantRefused(name, "it has no refresh token")
        await self._store.check_writable()
        if not waiting:
            _log.info('grant "{grant}": not refreshed, as nobody waits for it any more', grant=name)
            raise CancelledError
        began = self._clock.seconds() if before.refresh_began_at is None else before.refresh_began_at
        marked = replace(before, refresh_began_at=began)
        await self._save(marked)
        _log.info('grant "{grant}": asking the server for new tokens', grant=name)
        try:
            tokens = await spend(before.refresh_token)
        except Exception as error:
            await self._not_renewed(before, error)
            if not isinstance(error, TokenRefused):
                raise
            refusal = _refusal(before, error)
        else:
            return await self._keep(marked.renewed(tokens))
        raise refusal  # by itself: what the server said may quote a token

    async def _not_renewed(self, before: Grant, error: Exception) -> None:
        """No tokens came: say so, and take the mark back if the refresh token can't be spent."""
        _log.warn(
            'grant "{grant}": it was not refreshed: {error}',
            grant=before.name,
            error=_without_tokens(before, str(error)),
        )
        if isinstance(error, _NOTHING_SPENT) and not (isinstance(error, OAuthRefused) and not error.code):
            try:
                await self._save(before)
            except Exception as failure:
                _log.warn(
                    'grant "{grant}": the store still says that a refresh is under way, but none is: {error}',
                    grant=before.name,
                    error=str(failure),
                )

    async def _keep(self, renewed: Grant) -> Grant:
        """Save a new pair, whatever it takes, and use it."""
        try:
            await self._save(renewed)
        except Exception as error:
            self._keep_for_later(renewed, error)
            self._take_over(renewed)
        else:
            _log.info('grant "{grant}": its new tokens are saved', grant=renewed.name)
        return renewed

    async def _save(self, grant: Grant) -> None:
        """Save a grant, then use it."""
        await self._store.save(grant)
        self._forget_unsaved(grant.name)
        self._take_over(grant)

    def _turn(self, name: str) -> DeferredLock:
        return self._turns.setdefault(name, DeferredLock())

    # What could not be saved

    def _keep_for_later(self, grant: Grant, error: Exception) -> None:
        """Keep a pair in memory until the store takes it. Others find the lock held, and not the spent pair."""
        _log.error(
            'grant "{grant}": its new tokens could not be saved: {error}. They are used, and are lost if this program '
            "ends before they are saved; trying again in {delay:g} s",
            grant=grant.name,
            error=str(error),
            delay=self._retry_delay,
        )
        if not self._unsaved:
            self._lock.join()
        self._unsaved[grant.name] = grant
        self._retry_later()

    def _forget_unsaved(self, name: str) -> None:
        if self._unsaved.pop(name, None) is not None and not self._unsaved:
            self._retry_delay = _RETRY_AFTER
            if self._retry is not None:
                self._retry.cancel()
                self._retry = None
            self._lock.give_back()

    def _retry_later(self) -> None:
        if self._retry is None:
            self._retry = self._clock.callLater(self._retry_delay, self._retry_now)

    def _retry_now(self) -> None:
        self._retry = None
        self._retry_delay = min(self._retry_delay * 2, _RETRY_AT_MOST)
        Deferred.fromCoroutine(self._save_again()).addErrback(_unexpected)

    async def _save_again(self) -> None:
        for name in list(self._unsaved):
            async with self._turn(name):
                grant = self._unsaved.get(name)
                if grant is None:
                    continue
                try:
                    await self._save(grant)
                except Exception as error:
                    _log.error(
                        'grant "{grant}": its new tokens are still not saved: {error}; trying again in {delay:g} s',
                        grant=name,
                        error=str(error),
                        delay=self._retry_delay,
                    )
                    self._retry_later()
                else:
                    _log.info('grant "{grant}": its new tokens are saved at last', grant=name)
        self._tell_if_idle()

    # Who waits for the end

    def _tell_if_idle(self) -> None:
        while self._waiting_saved and self.idle:
            self._waiting_saved.pop(0).callback(None)


class _Lock:
    """The store's lock, held once for all refreshes of this keeper: a slow one must not delay another grant's."""

    def __init__(self, store: TokenStore, timeout: float) -> None:
        self._store = store
        self._timeout = timeout
        self._holders = 0
        self._release: Callable[[], None] | None = None
        self._door = DeferredLock()

    async def take(self) -> None:
        """Wait for the lock, or share it."""
        async with self._door:
            if self._release is None:
                self._release = await self._store.lock(self._timeout)
            self._holders += 1

    def join(self) -> None:
        """Share the lock, which is held."""
        self._holders += 1

    def give_back(self) -> None:
        """Need the lock no longer."""
        self._holders -= 1
        if self._holders:
            return
        release, self._release = self._release, None
        if release is not None:
            try:
                release()
            except Exception:
                _log.failure("the token store's lock could not be released")


def _wait_among(waiting: list[Deferred[Any]]) -> Deferred[Any]:
    waiter: Deferred[Any] = Deferred(waiting.remove)
    waiting.append(waiter)
    return waiter


def _refusal(before: Grant, refusal: TokenRefused) -> GrantRefused:
    reason = f"the server refused to refresh it: {refusal.code}"
    if refusal.description:
        reason += f" ({_without_tokens(before, refusal.description)})"
    if before.refresh_began_at is not None:
        reason += (
            f"; an earlier refresh, begun at {_utc(before.refresh_began_at)}, was interrupted between the server and "
            "this program and may have used its refresh token up"
        )
    return GrantRefused(before.name, reason)


def _utc(seconds: float) -> str:
    try:
        return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # no year that a calendar has
        return f"{seconds:g} s after the beginning of 1970"


def _without_tokens(grant: Grant, text: str) -> str:
    """Take a grant's tokens out of a text that somebody else wrote."""
    for token in (grant.access_token, grant.refresh_token):
        if token:
            text = text.replace(token, "…")
    return text


def _unexpected(failure: Failure) -> None:
    _log.failure("a refresh failed unexpectedly", failure)
