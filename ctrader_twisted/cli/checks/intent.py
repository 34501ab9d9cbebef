"""What a configuration asks for: who connects where, with which tokens, for which accounts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ctrader_twisted import config
from ctrader_twisted.cli.finding import find
from ctrader_twisted.config import SIMULATOR
from ctrader_twisted.credentials import Application
from ctrader_twisted.errors import ConfigurationError, ConfigurationErrors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ctrader_twisted.cli.finding import Wanted
    from ctrader_twisted.config import Configuration, EnvironmentSettings
    from ctrader_twisted.sim.config import Settings as VenueSettings
    from ctrader_twisted.tokens import Grant


@dataclass(frozen=True, slots=True)
class Intent:
    """What there is to check.

    :ivar file: the configuration; None if there is none.
    :ivar application: who this is; None if only the simulator is used.
    :ivar environments: where it connects, with the accounts wanted there.
    :ivar everything: whether no account is named anywhere: then every account that the tokens open is meant.
    :ivar token_file: where tokens are kept; None if nothing is to be kept.
    :ivar inline: access tokens that the environment gives and that belong to no account by name.
    :ivar token_url: the login server's, where the configuration says so.
    :ivar simulator: the venue to run, or None.
    :ivar warnings: what was accepted and should not stay so.
    :ivar incomplete: what only the daemon would miss.
    """

    file: Path | None
    application: Application | None
    environments: tuple[EnvironmentSettings, ...]
    everything: bool = False
    token_file: Path | None = None
    inline: tuple[Grant, ...] = ()
    token_url: str | None = None
    simulator: VenueSettings | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()
    incomplete: tuple[ConfigurationError, ...] = ()


_FOR_THE_DAEMON: Final = (("account", "missing"), ("output", "neither an output nor a recording nor a service"))
"""Keys, and how the problem begins, of what only the daemon needs: the other commands do without."""


def read(wanted: Wanted, environ: Mapping[str, str]) -> Intent:
    """Read a configuration as the daemon does; where only the daemon would miss something, as the other commands do.

    :param wanted: what the command line says; without a configuration, to go by the process's environment alone.
    :param environ: the process's environment.
    :raises ConfigurationError: naming every problem, each with its key and remedy.
    :raises CommandFailed: if there is no file, and the environment does not say who this is.
    """
    incomplete: tuple[ConfigurationError, ...] = ()
    if wanted.config is not None:
        try:
            intent = _of_the_daemon(config.load(wanted.config, environ), wanted.config, wanted)
        except ConfigurationError as error:
            incomplete = error.errors if isinstance(error, ConfigurationErrors) else (error,)
            if not all(map(_is_for_the_daemon, incomplete)):
                raise
        else:
            return intent if wanted.tokens is None else replace(intent, token_file=wanted.tokens)
    return replace(_of_the_commands(wanted, environ), incomplete=incomplete)


def _is_for_the_daemon(error: ConfigurationError) -> bool:
    return any(error.key == key and error.problem.startswith(problem) for key, problem in _FOR_THE_DAEMON)


def _of_the_daemon(configuration: Configuration, file: Path, wanted: Wanted) -> Intent:
    simulator, environments = None, tuple(wanted.directed(each) for each in configuration.environments)
    if configuration.simulator is not None:
        from ctrader_twisted.sim.config import settings_from_table

        venue = replace(configuration.simulator, wire=wanted.wire or configuration.simulator.wire).venue
        simulator = settings_from_table(venue, configuration.file)
    application = configuration.application
    return Intent(
        file=file,
        application=None if application is None else Application(application.client_id, application.client_secret),
        environments=environments,
        token_file=None if configuration.tokens is None else configuration.tokens.file,
        token_url=configuration.oauth.token_url,
        simulator=simulator if any(each.name == SIMULATOR for each in environments) else None,
        warnings=configuration.warnings,
    )


def _of_the_commands(wanted: Wanted, environ: Mapping[str, str]) -> Intent:
    found = find(wanted, environ)
    named = tuple(each for each in found.environments.values() if each.accounts)
    candidates = [found.environments[name] for name in found.named or found.environments if name in found.environments]
    return Intent(
        file=found.file,
        application=found.application,
        environments=named or tuple(candidates),
        everything=not named,
        token_file=None if found.simulator is not None else found.token_file,
        inline=() if named else found.inline,
        token_url=found.oauth.token_url,
        simulator=found.simulator,
        warnings=found.warnings,
    )
