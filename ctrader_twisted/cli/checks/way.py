"""All of it: from the file to the accounts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, maybeDeferred

from ctrader_twisted.cli.checks import files, intent
from ctrader_twisted.cli.checks.environment import check_environment
from ctrader_twisted.cli.checks.login_server import login_server
from ctrader_twisted.cli.checks.probes import Resolver
from ctrader_twisted.cli.checks.report import Report, Status, failed
from ctrader_twisted.cli.checks.wanted import (
    Opener,
    WantedAccount,
    WantedEnvironment,
)
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.finding import Wanted
from ctrader_twisted.cli.waiting import all_of
from ctrader_twisted.config import SIMULATOR
from ctrader_twisted.config.settings import SPOTWARE
from ctrader_twisted.entry.hosts import application_at, at_venue, environment_of, grants_at, opening_of
from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.session.pacing import Limits
from ctrader_twisted.sim.service import VenueService
from ctrader_twisted.tokens import Grant, MemoryTokenStore, TokenKeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ctrader_twisted.cli.checks.intent import Intent
    from ctrader_twisted.cli.checks.report import Section, Step
    from ctrader_twisted.config import EnvironmentSettings
    from ctrader_twisted.credentials import Application

ALL_WELL: Final = 0
FAILED: Final = 1
UNREADABLE: Final = 2
"""Exit statuses."""


class Way:
    """One run of the check.

    :param reactor: an ``IReactorTCP``, ``IReactorTime`` and ``IReactorPluggableNameResolver``.
    :param file: the configuration; None to go by the process's environment.
    :param tokens: where tokens are kept, whatever the configuration says; None to go by it.
    :param environ: the process's environment.
    :param wire: how to talk, whatever the configuration says; None to go by it.
    :param host: where to connect, whatever the configuration says; None to go by it.
    :param port: the port there, likewise.
    :param timeout: seconds that each step may take.
    :param told: called with each step as soon as all before it are known.

    :ivar report: what was found.
    :ivar status: the exit status.
    """

    def __init__(
        self,
        reactor: Any,
        file: Path | None,
        tokens: Path | None,
        environ: Mapping[str, str],
        *,
        wire: str | None = None,
        host: str | None = None,
        port: int | None = None,
        timeout: float = 10.0,
        told: Callable[[Step], None] | None = None,
    ) -> None:
        self.report: Report = Report(reactor, told)
        self.status: int = ALL_WELL
        self._reactor = reactor
        self._wanted = Wanted(file, tokens, host=host, port=port, wire=wire)
        self._environ = environ
        self._timeout = timeout
        self._resolver = Resolver(reactor)

    @property
    def lookups_hang(self) -> bool:
        """Whether a lookup of a name was given up that the system still goes on with, for as long as it pleases."""
        return self._resolver.hanging > 0

    def go(self) -> Deferred[int]:
        """Look at everything; the Deferred fires with the exit status."""
        return Deferred.fromCoroutine(self._go())

    async def _go(self) -> int:
        asked = self._read()
        if asked is None:
            self.status = UNREADABLE
            return self.status
        self.report.keep_secret(_secrets_of(asked))
        with self.report.section() as section:
            files.configuration(section, asked)
            files.secrets(section, asked, self._environ)
            sources = {"": _Source(asked.application, await self._kept(section, asked), asked.inline)}
        service = None
        try:
            if asked.simulator is not None:
                service = VenueService(self._reactor, asked.simulator)
                service.startService()
                asked, sources[SIMULATOR] = await self._simulated(asked, service)
            for source in sources.values():
                self.report.keep_secret(source.secrets())
            await self._look_at(asked, sources)
        except ConfigurationError as error:
            with self.report.section() as section:
                files.refusals(section, error)
            self.status = UNREADABLE
            return self.status
        finally:
            if service is not None:
                await maybeDeferred(service.stopService)
        self.status = FAILED if self.report.status is Status.FAILED else ALL_WELL
        return self.status

    # What is on this computer

    def _read(self) -> Intent | None:
        with self.report.section() as section:
            try:
                return intent.read(self._wanted, self._environ)
            except ConfigurationError as error:
                files.refusals(section, error)
            except CommandFailed as error:
                section.add("configuration", "this computer's environment", failed(str(error)))
        return None

    async def _kept(self, section: Section, asked: Intent) -> TokenKeeper:
        """Look at the token store, if it has anything to do with this."""
        path = asked.token_file
        named = [account for each in asked.environments if each.name != SIMULATOR for account in each.accounts]
        needed = any(account.access_token is None for account in named) or (asked.everything and not asked.inline)
        if path is None or (not needed and not path.exists()):
            return TokenKeeper(MemoryTokenStore(), self._reactor)
        return await files.token_store(section, self._reactor, path, needed=needed, timeout=self._timeout)

    async def _simulated(self, asked: Intent, service: VenueService) -> tuple[Intent, _Source]:
        """Put a venue that runs in the place of the environment ``simulator``; give it and what opens its accounts."""
        venue = service.venue
        assert venue is not None
        keeper = TokenKeeper(MemoryTokenStore(grants_at(service, self._reactor.seconds())), self._reactor)
        await keeper.load()
        first = next(iter(venue.registry.accounts))
        environments = []
        for each in asked.environments:
            if each.name == SIMULATOR:
                each = replace(
                    at_venue(each, service),
                    live=venue.options.environment == "live",
                    accounts=tuple(replace(one, account_id=one.account_id or first) for one in each.accounts),
                )
            environments.append(each)
        return replace(asked, environments=tuple(environments)), _Source(application_at(service), keeper)

    # What is elsewhere

    async def _look_at(self, asked: Intent, sources: Mapping[str, _Source]) -> None:
        url = _login_url(asked)
        if url is not None:
            with self.report.section() as section:
                await login_server(section, self._resolver, self._reactor, url, self._timeout)
        looking = []
        for settings in asked.environments:
            wanted = _wanted(settings, sources.get(settings.name) or sources[""], everything=asked.everything)
            if wanted is not None:
                wanted = replace(wanted, opening=opening_of(settings, self._reactor))
                section = self.report.section()
                looking.append(check_environment(section, self._reactor, self._resolver, wanted, self._timeout))
        await all_of(looking)


@dataclass(frozen=True, slots=True)
class _Source:
    """Who connects, and what opens accounts."""

    application: Application | None
    keeper: TokenKeeper
    inline: tuple[Grant, ...] = ()

    def secrets(self) -> Iterator[str | None]:
        if self.application is not None:
            yield self.application.client_secret
        for grant in (*self.keeper.grants.values(), *self.inline):
            yield grant.access_token
            yield grant.refresh_token

    def openers(self) -> list[Opener]:
        kept = [Opener(f'grant "{grant.name}"', grant, kept=True) for grant in self.keeper.grants.values()]
        return [*kept, *(Opener(grant.name, grant, kept=False) for grant in self.inline)]


def _secrets_of(asked: Intent) -> Iterator[str | None]:
    for each in asked.environments:
        for account in each.accounts:
            yield account.access_token
            yield account.refresh_token


def _login_url(asked: Intent) -> str | None:
    """Give the address where tokens come from; None if these environments have none that is known."""
    if asked.token_url is not None:
        return asked.token_url
    if asked.token_file is None or not any(each.host.lower().endswith(SPOTWARE) for each in asked.environments):
        return None
    from ctrader_twisted.tokens.oauth import TOKEN_URL

    return TOKEN_URL


def _wanted(settings: EnvironmentSettings, source: _Source, *, everything: bool) -> WantedEnvironment | None:
    """Give what to look at in an environment; None if every account is meant and all are known to be elsewhere."""
    assert source.application is not None
    openers = source.openers()
    if everything and not _may_have_accounts(settings, openers):
        return None
    accounts = _accounts(settings, source)
    used = [account.opener for account in accounts if account.opener is not None]
    everybodys = everything or len(used) < len(accounts)  # what the others open says what may have been meant
    return WantedEnvironment(
        environment_of(settings),
        source.application,
        Limits(settings.requests_per_second, settings.historical_per_second),
        accounts,
        tuple(openers if everybodys else dict.fromkeys(used)),
        everything,
        clock=settings.name != SIMULATOR,
        compression=settings.compression,
    )


def _may_have_accounts(settings: EnvironmentSettings, openers: Sequence[Opener]) -> bool:
    if not openers or settings.live is None:
        return True
    return any(
        not opener.grant.accounts or any(one.live in (None, settings.live) for one in opener.grant.accounts)
        for opener in openers
    )


def _accounts(settings: EnvironmentSettings, source: _Source) -> tuple[WantedAccount, ...]:
    """Find what opens each account, as the client does: its own token, else the grant that lists it."""
    own: dict[str, Opener] = {}
    accounts = []
    for account in settings.accounts:
        assert account.account_id is not None
        opener: Opener | None = None
        if account.access_token is not None:
            grant = Grant(account.key, account.access_token)
            opener = own.setdefault(account.access_token, Opener(f"the token of {account.key}", grant, kept=False))
        else:
            found = source.keeper.grant_for(account.account_id)
            if found is not None:
                opener = Opener(f'grant "{found.name}"', found, kept=True)
        accounts.append(WantedAccount(account.account_id, opener, account.symbols))
    return tuple(accounts)
