"""Who connects where, with which tokens: the clients and the tokens of one run of a command."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import DeferredList, fail, maybeDeferred

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.remedies import explain
from ctrader_twisted.cli.terminal import clean, say, warn
from ctrader_twisted.client import OpenApiClient
from ctrader_twisted.config import SIMULATOR
from ctrader_twisted.config.settings import KNOWN_HOSTS
from ctrader_twisted.credentials import DEMO, LIVE
from ctrader_twisted.entry.hosts import application_at, at_venue, environment_of, grants_at, opening_of
from ctrader_twisted.errors import OpenApiError, RequestNotSent, TokenRefused, TokenStoreError
from ctrader_twisted.refreshing import pair_of
from ctrader_twisted.session.events import Disconnected
from ctrader_twisted.session.machine import ConnectionState
from ctrader_twisted.session.pacing import Limits
from ctrader_twisted.settings import Settings
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount, MemoryTokenStore, TokenKeeper

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from twisted.internet.defer import Deferred

    from ctrader_twisted.account import Account
    from ctrader_twisted.cli.finding import Found
    from ctrader_twisted.credentials import Environment
    from ctrader_twisted.factory import Opening
    from ctrader_twisted.sim.config import Settings as VenueSettings
    from ctrader_twisted.sim.service import VenueService
    from ctrader_twisted.tokens import TokenPair, TokenStore

READY_TIMEOUT: Final = 30.0
"""Seconds to connect and to authorise the application."""
ACCOUNT_TIMEOUT: Final = 60.0
"""Seconds to authorise an account, the refreshing of its token included."""
REFRESH_WAIT: Final = 10.0
"""Seconds that a token refresh under way is waited for at the end."""
_LOCK_TIMEOUT: Final = 10.0


class Access:
    """Clients and tokens of one run of a command; use it with ``async with``.

    :param reactor: the reactor.
    :param found: what there is.
    :param opening: how to connect to an environment, if not over TLS.

    :ivar found: what there is.
    :ivar store: where tokens are kept.
    :ivar keeper: the tokens.
    """

    def __init__(self, reactor: Any, found: Found, *, opening: Callable[[Environment], Opening] | None = None) -> None:
        self.found: Found = found
        self._reactor = reactor
        self._opening = opening
        self._venue: VenueService | None = None
        self._clients: dict[str, OpenApiClient] = {}
        self._spending = 0
        self._closing = False
        self._said: set[str] = set()
        self.store: TokenStore = MemoryTokenStore() if found.simulator else FileTokenStore(found.token_file, reactor)
        self.keeper: TokenKeeper = TokenKeeper(self.store, reactor, refresh_within=found.refresh_within)

    async def __aenter__(self) -> Access:
        if self.found.simulator is not None:
            await self._begin_venue(self.found.simulator)
        else:
            await self.keeper.load()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        marked = {grant.name for grant in self.keeper.grants.values() if grant.refresh_began_at is not None}
        refreshing = not self.keeper.idle
        if refreshing:
            say("Waiting for new tokens, which are to be kept. To end without them: Ctrl-C. That may cost a login.")
        self._closing = True
        if self._spending:  # the answer comes over one of these connections
            await self.keeper.saved().addTimeout(REFRESH_WAIT, self._reactor, lambda *_: None)
        await DeferredList([client.close() for client in self._clients.values()], consumeErrors=True)
        await self.keeper.saved()
        if refreshing:
            for grant in self.keeper.grants.values():
                if grant.name in marked and grant.refresh_began_at is not None:
                    warn(
                        f'grant "{grant.name}": its new tokens did not come. If its access token is refused from now '
                        "on: ctrader login"
                    )
        if self._venue is not None:
            await maybeDeferred(self._venue.stopService)

    async def _begin_venue(self, settings: VenueSettings) -> None:
        from ctrader_twisted.sim.service import VenueService

        venue = self._venue = VenueService(self._reactor, settings)
        venue.startService()
        simulated = at_venue(self.found.environments[SIMULATOR], venue)
        self.found = replace(self.found, application=application_at(venue), environments={SIMULATOR: simulated})
        for grant in grants_at(venue, self._reactor.seconds()):
            await self.keeper.update(grant)

    # Tokens

    @property
    def grants(self) -> list[Grant]:
        """Every grant: those kept, then those that the configuration or the environment gives."""
        return [*self.keeper.grants.values(), *self.found.inline]

    def grant_of(self, account_id: int) -> Grant | None:
        """Find what opens an account: the configuration's own word first."""
        inline = self.found.inline
        for grant in inline:
            if account_id in grant.account_ids():
                return grant
        kept = self.keeper.grant_for(account_id)
        if kept is None and len(inline) == 1 and not inline[0].accounts:
            return inline[0]
        return kept

    def is_kept(self, grant: Grant) -> bool:
        """Whether a grant is in the store, and so can be refreshed."""
        return self.keeper.find(grant.name) == grant

    async def fresh(self, grant: Grant) -> Grant:
        """Give a grant whose access token can be used now: refreshed if that is due.

        If that fails, one that is still good is given with a warning.
        """
        now = self._reactor.seconds()
        if not self.is_kept(grant) or not grant.due(now, self.found.refresh_within):
            return grant
        try:
            return await self.refreshed(grant)
        except OpenApiError as error:
            if grant.expires_at is None or grant.expires_at <= now:
                raise
            why = explain(error).removeprefix(f'grant "{grant.name}": ')
            warn(f'grant "{grant.name}" is due to be refreshed, and was not: {why}')
        return grant

    async def refreshed(self, grant: Grant, *, refused: str | None = None) -> Grant:
        """Refresh a grant that is kept.

        :param refused: the access token that the server has refused; None if it is only due.
        """
        client = await self.client(self.default_environment())

        def spend(refresh_token: str) -> Deferred[TokenPair]:
            if self._closing:
                return fail(RequestNotSent("ProtoOARefreshTokenReq", "the command is ending"))
            self._spending += 1
            asked: Deferred[Any] = client.refresh_token(refreshToken=refresh_token, timeout=ACCOUNT_TIMEOUT)
            return asked.addBoth(spent).addCallback(lambda answer: pair_of(answer, self._reactor.seconds()))

        def spent(result: Any) -> Any:
            self._spending -= 1
            return result

        return await self.keeper.refresh(grant.name, spend, refused=refused)

    async def ask_grant(self, grant: Grant) -> tuple[Grant, str, tuple[GrantedAccount, ...]]:
        """Ask what a grant opens, with an access token that can be used, and keep the answer.

        :return: the grant as it now is, its scope and its accounts.
        """
        grant = await self.fresh(grant)
        try:
            scope, accounts = await self.list_accounts(grant)
        except TokenRefused:
            if not self.is_kept(grant) or grant.refresh_token is None:
                raise
            grant = await self.refreshed(grant, refused=grant.access_token)
            scope, accounts = await self.list_accounts(grant)
        try:
            grant = await self.note_accounts(grant, scope, accounts)
        except TokenStoreError as error:
            warn(f"what the tokens open is not kept: {explain(error)}")
        return grant, scope, accounts

    async def list_accounts(self, grant: Grant) -> tuple[str, tuple[GrantedAccount, ...]]:
        """Ask what a grant opens; the list is served by either environment.

        :return: the grant's scope, "trading" or "accounts", and its accounts.
        """
        client = await self.client(self.default_environment())
        answer = await client.get_account_list_by_access_token(accessToken=grant.access_token)
        accounts = tuple(
            GrantedAccount(
                each.ctidTraderAccountId,
                each.isLive,
                each.traderLogin if each.HasField("traderLogin") else None,
                each.brokerTitleShort,
            )
            for each in answer.ctidTraderAccount
        )
        return ("trading" if answer.permissionScope == 1 else "accounts"), accounts

    async def note_accounts(self, grant: Grant, scope: str, accounts: tuple[GrantedAccount, ...]) -> Grant:
        """Keep what a grant was found to open, unless its tokens have been replaced meanwhile.

        :return: the grant, as it now is.
        """
        known = replace(grant, scope=scope, accounts=accounts)
        if known == grant or not self.is_kept(grant):
            return known
        release = await self.store.lock(_LOCK_TIMEOUT)
        try:
            kept = (await self.store.load()).get(grant.name)
            if kept is not None and kept.access_token == grant.access_token:
                await self.store.save(replace(kept, scope=scope, accounts=accounts))
        finally:
            release()
        await self.keeper.load()
        return self.keeper.find(grant.name) or known

    async def forget(self, name: str) -> None:
        """Remove a grant from the store."""
        release = await self.store.lock(_LOCK_TIMEOUT)
        try:
            await self.store.remove(name)
        finally:
            release()
        await self.keeper.load()

    # Connections

    def default_environment(self) -> str:
        """Name the environment to ask what any can answer."""
        return self.found.chosen or (self.found.named or (DEMO.name,))[0]

    def environment_of(self, account: GrantedAccount) -> str:
        """Name the environment that serves an account.

        The command line's word comes first, then the configuration's own account, then its only environment besides
        live and demo; else it is what the account is.

        :raises CommandFailed: if it could be one of several.
        """
        found = self.found
        said = found.chosen or self._environment_in_file(account.account_id)
        if said is not None:
            return said
        fitting = [
            name
            for name, each in found.environments.items()
            if account.live is None or each.live is None or each.live == account.live
        ]
        own = [name for name in fitting if name not in KNOWN_HOSTS]
        if len(own) > 1:
            raise CommandFailed(
                f"account {account.account_id} could be on any of {', '.join(own)}: say which, with --environment"
            )
        if own:
            return own[0]
        return LIVE.name if account.live else DEMO.name

    def _environment_in_file(self, account_id: int) -> str | None:
        for name, settings in self.found.environments.items():
            if any(each.account_id == account_id for each in settings.accounts):
                return name
        return None

    async def client(self, name: str) -> OpenApiClient:
        """Give the client of an environment, connected and its application authorised.

        Why an attempt failed is said at once: the next ones take a while.
        """
        client = self._clients.get(name) or self._begin_client(name)
        if client.state is not ConnectionState.READY:
            client.on(Disconnected, self._not_connected)
            try:
                return await client.when_ready(timeout=READY_TIMEOUT)
            finally:
                client.off(Disconnected, self._not_connected)
        return client

    def _not_connected(self, event: Disconnected) -> None:
        why = clean(event.reason)
        if event.retry_in is not None and why not in self._said:
            self._said.add(why)
            say(f"{why}. Trying again …", "yellow")

    def _begin_client(self, name: str) -> OpenApiClient:
        settings = self.found.environments[name]
        environment = environment_of(settings)
        assert self.found.application is not None
        client = self._clients[name] = OpenApiClient(
            self._reactor,
            self.found.application,
            environment,
            settings=Settings(
                limits=Limits(settings.requests_per_second, settings.historical_per_second),
                close_timeout=1.0,
                refresh_wait=REFRESH_WAIT,
                compression=settings.compression,
                reconcile=False,
            ),
            opening=(opening_of(settings, self._reactor) if self._opening is None else self._opening(environment)),
            tokens=self.keeper,
        )
        return client

    # Accounts

    async def choose(self, account_id: int | None) -> GrantedAccount:
        """Find the account that is meant: the given one, or the only one there is.

        :raises CommandFailed: if there is none, or more than one.
        """
        known: dict[int, GrantedAccount] = {}
        for grant in self.grants:
            for account in grant.accounts:
                better = known.get(account.account_id)
                if better is None or better.live is None:
                    known[account.account_id] = account
        if account_id is None:
            configured = [each.account_id for one in self.found.environments.values() for each in one.accounts]
            ids = [each for each in configured if each is not None] or list(known)
            if self.found.simulator is not None:
                ids = ids[:1]  # as the daemon does
            if len(ids) > 1:
                raise CommandFailed(f"which account? There are {_listed(ids)}: say it with --account ID")
            if not ids:
                raise self.no_token()
            account_id = ids[0]
        if self.grant_of(account_id) is None:
            if not self.grants:
                raise self.no_token()
            if self.found.simulator is not None:
                raise CommandFailed(f"the simulator has no account {account_id}. It has {_listed(list(known))}")
            have = f"There are tokens for {_listed(list(known))}" if known else "No token says which accounts it opens"
            raise CommandFailed(
                f"no token opens account {account_id}. {have}; for others: ctrader login. The id is the "
                "ctidTraderAccountId, not the login that the terminal shows"
            )
        return known.get(account_id) or GrantedAccount(account_id)

    def no_token(self) -> CommandFailed:
        """Make what to say where there is no token at all."""
        where = "" if self.found.simulator else f" in {self.found.token_file}"
        return CommandFailed(f"there is no token{where}: log in first: ctrader login")

    async def open_account(self, account: GrantedAccount, grant: Grant | None = None) -> OpenApiClient:
        """Give the client of an account's environment, the account authorised on it.

        :param grant: what opens it, if not the first that is found.
        """
        grant = grant or self.grant_of(account.account_id)
        assert grant is not None, "chosen accounts have one"
        if account.live is None and self.found.chosen is None:
            account = await self._identified(account, grant)
        client = await self.client(self.environment_of(account))
        await client.authorise(account.account_id, self._bare_token(account, grant), timeout=ACCOUNT_TIMEOUT)
        return client

    async def stand(self, client: OpenApiClient, account: GrantedAccount) -> Account:
        """Give an account in human units: one that was opened, what it has learned."""
        grant = self.grant_of(account.account_id)
        assert grant is not None, "chosen accounts have one"
        token = self._bare_token(account, grant)
        return await client.account(account.account_id).ready(token, timeout=ACCOUNT_TIMEOUT)

    def _bare_token(self, account: GrantedAccount, grant: Grant) -> str | None:
        """Give the access token to open an account with; None if its grant is kept, so that it can be refreshed."""
        return None if self.keeper.grant_for(account.account_id) == grant else grant.access_token

    async def _identified(self, account: GrantedAccount, grant: Grant) -> GrantedAccount:
        """Ask whether an account is live or demo, unless the configuration names its environment."""
        if self._environment_in_file(account.account_id) is not None:
            return account
        _, _, accounts = await self.ask_grant(grant)
        return next((each for each in accounts if each.account_id == account.account_id), account)


def _listed(ids: list[int]) -> str:
    shown = ", ".join(map(str, ids[:8]))
    return shown if len(ids) <= 8 else f"{shown} and {len(ids) - 8} more"
