"""What there is to connect with: arguments, a configuration file and the environment's variables, brought together."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.config import SIMULATOR, load_access, load_simulated
from ctrader_twisted.config.secrets import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, COPY_ANEW, FLAW, flawed
from ctrader_twisted.config.settings import PROTOBUF, TOKEN_FILE, TokenSettings
from ctrader_twisted.config.tables import did_you_mean
from ctrader_twisted.credentials import DEMO, LIVE, Application, Environment
from ctrader_twisted.entry.hosts import environment_of
from ctrader_twisted.entry.opening import Access
from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.session.pacing import Limits
from ctrader_twisted.tokens import Grant, GrantedAccount

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.internet.defer import Deferred

    from ctrader_twisted.config import AccountSettings, EnvironmentSettings
    from ctrader_twisted.settings import Settings
    from ctrader_twisted.sim.config import Settings as VenueSettings

_HERE: Final = "connect"
"""Where arguments are, for messages."""

ADD_SIMULATOR: Final = "Add the line [simulator] at its end: nothing more is needed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What there is to connect with; `find` gives it.

    :ivar application: who this is; None with a simulator, which knows its own.
    :ivar environment: where to connect; None with a simulator, which is found when it runs.
    :ivar accounts: those that the file names there, with limits and aliases.
    :ivar limits: how many requests a second are asked.
    :ivar compression: whether a WebSocket offers to be compressed.
    :ivar proxy: URL of the proxy to connect through, or None.
    :ivar inline: access tokens that were given, as grants.
    :ivar tokens: where tokens are kept, or None.
    :ivar simulator: the venue to run, or None.
    :ivar wire: how to talk to it.
    :ivar login: the command by which somebody logs in whose tokens are looked for.
    """

    application: Application | None = None
    environment: Environment | None = None
    accounts: tuple[AccountSettings, ...] = ()
    limits: Limits = field(default_factory=Limits)
    compression: bool = False
    proxy: str | None = field(default=None, repr=False)
    inline: tuple[Grant, ...] = ()
    tokens: TokenSettings | None = None
    simulator: VenueSettings | None = None
    wire: str = PROTOBUF
    login: str = "ctrader login"

    def open(self, reactor: Any, *, settings: Settings | None = None, timeout: float | None = None) -> Deferred[Access]:
        """Connect, authorise the application, and learn which accounts there are.

        :param reactor: an ``IReactorTCP`` and ``IReactorTime``.
        :param settings: limits and times of the client; by default those that the configuration says.
        :param timeout: seconds to wait at most; None for as long as it takes.
        :return: a Deferred that fires with what was opened, which is to be closed. It fails with what
            `OpenApiClient.when_ready` fails with, with a `TokenStoreError` if there is no token, and with what refuses
            one; nothing is left open then, nor if it is cancelled.
        """
        return Access(self, reactor, settings).open(timeout)


def find(
    config: str | Path | None = None,
    *,
    simulator: bool = False,
    environment: str | Environment | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    access_token: str | None = None,
    tokens: str | Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Entry:
    """Bring together what there is to connect with. Files are read, and nothing is connected to.

    :param config: a configuration file as the daemon has it; what is given besides counts before it.
    :param simulator: connect to a simulated venue that runs in this process, as that file's ``[simulator]`` describes
        it if there is one. Nothing else is needed for it.
    :param environment: ``"demo"``, ``"live"``, the name of one of the file's, or an `Environment`. By default the one
        that the file's accounts are on, else the demo environment.
    :param client_id: of the application; by default ``CTRADER_CLIENT_ID``, else the file's.
    :param client_secret: of the application; by default ``CTRADER_CLIENT_SECRET``, else the file's.
    :param access_token: opens accounts, and is never refreshed; by default the tokens that are kept, else
        ``CTRADER_ACCESS_TOKEN``.
    :param tokens: the file in which tokens are kept; by default the configuration's, or that of ``ctrader login``.
    :param environ: the process's environment.
    :raises ConfigurationError: naming file or argument, and remedy; a `ConfigurationErrors` if there are several
        reasons.
    """
    file = None if config is None else Path(config)
    given = {CLIENT_ID: client_id, CLIENT_SECRET: client_secret, ACCESS_TOKEN: access_token}
    said = {**environ, **{name: value for name, value in given.items() if value is not None}}
    if simulator or environment == SIMULATOR or environment is None:
        simulated = _simulated(file, said, wanted=simulator or environment == SIMULATOR)
        if simulated is not None:
            return simulated
    found = _without_file(environment, said) if file is None else _from_file(file, environment, said)
    found = replace(found, login=_login(file, tokens))
    if tokens is not None:
        found = replace(found, tokens=TokenSettings(Path(tokens).expanduser()))
    elif found.tokens is None:
        kept = default_token_file() if file is None else file.parent / TOKEN_FILE
        if kept is not None and kept.is_file():
            found = replace(found, tokens=TokenSettings(kept))
    if access_token is not None:
        return replace(found, inline=(Grant("access_token", access_token),), tokens=None)
    if found.tokens is None and not found.inline:
        token = environ.get(ACCESS_TOKEN)
        if not token:
            remedy = f'Log in ({found.login}), give access_token="…" or tokens="FILE", or set {ACCESS_TOKEN}.'
            raise ConfigurationError(str(file or _HERE), "access_token", "missing", remedy)
        found = replace(found, inline=(Grant(ACCESS_TOKEN, token),))
    return found


def _login(file: Path | None, tokens: str | Path | None) -> str:
    """Give the command that logs in with the same configuration and keeps its tokens where they are looked for."""
    options = {"--config": file, "--tokens": tokens}
    return "ctrader login" + "".join(f" {name} {quote(str(path))}" for name, path in options.items() if path)


def default_token_file() -> Path | None:
    """Give the file for tokens where nobody names one, which is that of ``ctrader login``: in the user's own folder for
    settings. None without the extra ``cli``.
    """
    try:
        from click import get_app_dir
    except ImportError:
        return None
    return Path(get_app_dir("ctrader")) / "tokens.json"


def _simulated(file: Path | None, environ: Mapping[str, str], *, wanted: bool) -> Entry | None:
    """Give the simulator if it is wanted, or if the file knows nothing else."""
    if file is None and not wanted:
        return None
    from ctrader_twisted.sim.config import Settings as VenueSettings
    from ctrader_twisted.sim.config import settings_from_table
    from ctrader_twisted.sim.venue import DEFAULT_START

    if file is None:
        return Entry(simulator=VenueSettings(_HERE, start=DEFAULT_START))
    found = load_simulated(file, environ, alone=not wanted)
    if found is None:
        if not wanted:
            return None
        raise ConfigurationError(str(file), SIMULATOR, "missing", ADD_SIMULATOR)
    settings, accounts = found
    venue = settings_from_table(settings.venue, str(file))
    return Entry(simulator=venue, accounts=accounts, wire=settings.wire)


def _without_file(environment: str | Environment | None, environ: Mapping[str, str]) -> Entry:
    known = {each.name: each for each in (DEMO, LIVE)}
    where = DEMO if environment is None else environment
    if not isinstance(where, Environment):
        if where not in known:
            remedy = f'{did_you_mean(where, known)}Give "demo", "live" or an Environment, or name a configuration.'
            raise ConfigurationError(_HERE, "environment", f'"{where}" is not known', remedy)
        where = known[where]
    for name, variable in (("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)):
        if not environ.get(variable):
            remedy = f"Give {name}=…, set {variable}, or name a configuration that has it."
            raise ConfigurationError(_HERE, name, "missing", remedy)
        if flawed(environ[variable]):
            raise ConfigurationError(_HERE, name, FLAW, COPY_ANEW)
    return Entry(application=Application(environ[CLIENT_ID], environ[CLIENT_SECRET]), environment=where)


def _from_file(file: Path, environment: str | Environment | None, environ: Mapping[str, str]) -> Entry:
    access = load_access(file, environ)
    application = Application(access.application.client_id, access.application.client_secret)
    if isinstance(environment, Environment):
        return Entry(application=application, environment=environment, tokens=access.tokens)
    settings = _chosen(file, environment, access.environments)
    return Entry(
        application=application,
        environment=environment_of(settings),
        accounts=settings.accounts,
        limits=Limits(settings.requests_per_second, settings.historical_per_second),
        compression=settings.compression,
        proxy=settings.proxy,
        inline=tuple(
            Grant(account.key, account.access_token, accounts=(GrantedAccount(account.account_id),))
            for account in settings.accounts
            if account.access_token is not None and account.account_id is not None
        ),
        tokens=access.tokens,
    )


def _chosen(file: Path, name: str | None, environments: tuple[EnvironmentSettings, ...]) -> EnvironmentSettings:
    known = {each.name: each for each in environments}
    if name is None:
        own = [each.name for each in environments if each.name not in (DEMO.name, LIVE.name)]
        names = [each.name for each in environments if each.accounts] or own or [DEMO.name]
        if len(names) > 1:
            remedy = f"Say which: {' or '.join(f'environment={each!r}' for each in names)}."
            raise ConfigurationError(str(file), "environment", "it could be any of several", remedy)
        name = names[0]
    if name not in known:
        remedy = f"{did_you_mean(name, known)}It has {', '.join(sorted(known))}."
        raise ConfigurationError(str(file), "environment", f'"{name}" is not known', remedy)
    return known[name]
