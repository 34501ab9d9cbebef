"""What there is to connect with, opened: a client that is ready, the accounts that it can open, and their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, maybeDeferred

from ctrader_twisted.client import OpenApiClient
from ctrader_twisted.config import SIMULATOR
from ctrader_twisted.config.settings import EnvironmentSettings
from ctrader_twisted.entry.hosts import application_at, at_venue, environment_of, grants_at
from ctrader_twisted.entry.limits import safety_of
from ctrader_twisted.errors import ConfigurationError, TokenStoreError
from ctrader_twisted.proxy import proxy_opening
from ctrader_twisted.settings import Settings
from ctrader_twisted.tokens import FileTokenStore, MemoryTokenStore, TokenKeeper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctrader_twisted.account import Account, Safety
    from ctrader_twisted.credentials import Application, Environment
    from ctrader_twisted.entry.finding import Entry
    from ctrader_twisted.sim.service import VenueService

CLOSE_TIMEOUT: Final = 1.0
"""Seconds that a peer which does not let go of the connection is waited for, unless settings say otherwise."""
REFRESH_WAIT: Final = 10.0
"""Seconds that tokens which are being refreshed or saved are waited for at the end."""


class Access:
    """A client that is ready, and the accounts that it can open. `Entry.open` gives it; close it at the end.

    :param entry: what there is to connect with.
    :param reactor: an ``IReactorTCP`` and ``IReactorTime``.
    :param settings: limits and times of the client; by default those that the entry says.

    :ivar settings: limits and times of the client.
    :ivar account_ids: the accounts that can be opened, as far as that is known: those that a configuration names, else
        those that the tokens open.
    """

    def __init__(self, entry: Entry, reactor: Any, settings: Settings | None = None) -> None:
        self.settings: Settings = settings or Settings(
            limits=entry.limits,
            close_timeout=CLOSE_TIMEOUT,
            refresh_wait=REFRESH_WAIT,
            compression=entry.compression,
        )
        self.account_ids: tuple[int, ...] = ()
        self._entry = entry
        self._reactor = reactor
        self._venue: VenueService | None = None
        self._keeper: TokenKeeper | None = None
        self._client: OpenApiClient | None = None

    @property
    def client(self) -> OpenApiClient:
        """The client, which is ready."""
        if self._client is None:
            raise RuntimeError("nothing is open: the client is there once `Entry.open` has fired")
        return self._client

    def open(self, timeout: float | None) -> Deferred[Access]:
        """Connect; see `Entry.open`."""
        return Deferred.fromCoroutine(self._open(timeout))

    def account(
        self,
        account_id: int | None = None,
        *,
        safety: Safety | None = None,
        aliases: Mapping[str, str] | None = None,
        settle_after: float | None = None,
        timeout: float | None = None,
    ) -> Deferred[Account]:
        """Give an account that is ready; the parameters but these are those of `OpenApiClient.account`.

        :param account_id: its ctidTraderAccountId; None for the only one there is.
        :param timeout: seconds to wait at most; None for as long as it takes.
        :return: a Deferred that fires with the account; it fails as `Account.ready` does.
        :raises ConfigurationError: if there are several to choose from, or none is known.
        """
        if account_id is None:
            account_id = self._only_account()
        account = self.client.account(account_id, safety=safety, aliases=aliases, settle_after=settle_after)
        return account.ready(self._token_for(account_id), timeout=timeout)

    def close(self) -> Deferred[None]:
        """Close the client, see to it that tokens are saved, and end the simulated venue, if there is one.

        :return: a Deferred that fires with None when that is done. It waits for a peer that does not let go no longer
            than `Settings.close_timeout`, and for tokens that are being refreshed and saved `Settings.refresh_wait`.
        """
        return Deferred.fromCoroutine(self._close())

    # Opening

    async def _open(self, timeout: float | None) -> Access:
        try:
            application, environment = await self._begin()
            opening = None if self._entry.proxy is None else proxy_opening(self._reactor, self._entry.proxy)
            client = self._client = OpenApiClient(
                self._reactor, application, environment, settings=self.settings, opening=opening, tokens=self._keeper
            )
            for account in self._entry.accounts:
                if account.account_id is not None:
                    if account.safety is not None:
                        client.limit(account.account_id, safety_of(account.safety))
                    if account.aliases:
                        client.alias(account.account_id, account.aliases)
            await client.when_ready(timeout)
            self.account_ids = await self._known_accounts(environment)
        except BaseException:
            await self._close()
            raise
        return self

    async def _begin(self) -> tuple[Application, Environment]:
        """Have the tokens, and the venue if there is one; give who connects to what."""
        entry = self._entry
        if entry.simulator is not None:
            return await self._begin_venue()
        assert entry.application is not None and entry.environment is not None, "there is no simulator"
        if entry.tokens is not None:
            store = FileTokenStore(entry.tokens.file, self._reactor)
            self._keeper = TokenKeeper(store, self._reactor, refresh_within=entry.tokens.refresh_before)
            await self._keeper.load()
            if not self._keeper.grants and not entry.inline:
                raise TokenStoreError(entry.tokens.file, "there is no token in it", f"Log in: {entry.login}")
        return entry.application, entry.environment

    async def _begin_venue(self) -> tuple[Application, Environment]:
        from ctrader_twisted.sim.service import VenueService

        assert self._entry.simulator is not None, "there is one"
        venue = VenueService(self._reactor, self._entry.simulator)
        venue.startService()
        self._venue = venue
        self._keeper = TokenKeeper(MemoryTokenStore(), self._reactor)
        for grant in grants_at(venue, self._reactor.seconds()):
            await self._keeper.update(grant)
        here = EnvironmentSettings(SIMULATOR, "", 0, None, None, (), wire=self._entry.wire)
        return application_at(venue), environment_of(at_venue(here, venue))

    async def _known_accounts(self, environment: Environment) -> tuple[int, ...]:
        named = tuple(each.account_id for each in self._entry.accounts if each.account_id is not None)
        if named:
            return named
        known: dict[int, bool | None] = {}
        for grant in self._keeper.grants.values() if self._keeper is not None else ():
            known.update((each.account_id, each.live) for each in grant.accounts)
        for grant in self._entry.inline:
            if not grant.accounts:
                answer = await self.client.get_account_list_by_access_token(accessToken=grant.access_token)
                known.update((each.ctidTraderAccountId, each.isLive) for each in answer.ctidTraderAccount)
        fitting = (each for each, live in known.items() if None in (live, environment.live) or live == environment.live)
        return tuple(fitting)

    # Accounts

    def _only_account(self) -> int:
        if len(self.account_ids) == 1:
            return self.account_ids[0]
        if not self.account_ids:
            raise ConfigurationError("account", "", "no account is known", "Say the id of the one that is meant.")
        there_are = ", ".join(map(str, self.account_ids))
        problem = f"which account? There are {there_are}"
        raise ConfigurationError("account", "", problem, f"Say its id, as in account({self.account_ids[0]}).")

    def _token_for(self, account_id: int) -> str | None:
        """Give the bare token that opens an account; None if a grant that is kept does."""
        for grant in self._entry.inline:
            if account_id in grant.account_ids():
                return grant.access_token
        if self._keeper is not None and self._keeper.grant_for(account_id) is not None:
            return None
        return next((grant.access_token for grant in self._entry.inline if not grant.accounts), None)

    # Closing

    async def _close(self) -> None:
        if self._client is not None:
            await self._client.close()
        if self._keeper is not None:
            saved = self._keeper.saved()
            await saved.addTimeout(self.settings.refresh_wait, self._reactor, lambda *_: None)
        if self._venue is not None:
            await maybeDeferred(self._venue.stopService)
