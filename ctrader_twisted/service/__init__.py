"""What ``twistd ctrader`` runs: the options of its command line, and the service they make.

* `recorder` hands each event to the outputs that want it, as `ctrader_twisted.documents` writes it.
* `account` and `environment` watch; `daemon` begins and ends everything.
* `log` writes the log for people, on stderr.
* `hosts` where environments are; `lookups` of their names hold up no end.
"""

from __future__ import annotations

import atexit
import importlib
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.python import usage

from ctrader_twisted import config, outputs
from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.service.daemon import Daemon
from ctrader_twisted.service.log import stderr_observer
from ctrader_twisted.service.lookups import wait_for_no_lookup
from ctrader_twisted.service.recorder import Output, Recorder
from ctrader_twisted.tls import ClientTLS
from ctrader_twisted.tokens import FileTokenStore, TokenKeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ctrader_twisted.config import Configuration, OutputSettings, ServiceSettings
    from ctrader_twisted.outputs import JsonLinesWriter
    from ctrader_twisted.sim.service import VenueService

_LOG_OPTIONS = ("logger", "logfile", "syslog")

__all__ = ["Options", "makeService", "stderr_observer"]


def _positive(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e9:
        raise ValueError("give a positive number of seconds")
    return seconds


class Options(usage.Options):
    """The command line of ``twistd ctrader``."""

    synopsis = "--config FILE [--seconds N]"
    longdesc = (
        "Connect to cTrader's Open API, watch accounts and write their events. docs/daemon.md describes the file."
    )
    optParameters: ClassVar[list[list[object]]] = [
        ["config", "c", None, "The configuration, a TOML file."],
        ["seconds", "s", None, "End after so many seconds, with exit status 0.", _positive],
    ]

    def postOptions(self) -> None:
        """Refuse a command line without a configuration."""
        if self["config"] is None:
            raise usage.UsageError("no configuration: give --config FILE (examples/ctrader.toml is one to copy)")


def makeService(options: Options) -> Daemon:
    """Read the configuration and make the daemon; nothing has been connected when this returns.

    :raises SystemExit: if the configuration is refused. The refusal goes to stderr, the exit status is 1.
    """
    from twisted.internet import reactor

    try:
        daemon = prepare(reactor, options, os.environ)
    except ConfigurationError as error:
        raise SystemExit(f"twistd ctrader: the configuration is refused.\n{error}") from None
    _obey_hangups(reactor, daemon, in_background=_in_background(options))
    wait_for_no_lookup(reactor)
    return daemon


def prepare(
    reactor: Any, options: Mapping[str, Any], environ: Mapping[str, str], leave: Callable[[int], object] | None = None
) -> Daemon:
    """Make the daemon of a command line.

    :param leave: called with an exit status other than 0; by default the process leaves with it in the end.
    :raises ConfigurationError: if anything is wrong that can be known without connecting.
    """
    configuration = config.load(options["config"], environ)
    _check_trust_roots(configuration)
    tokens = _tokens(reactor, configuration)
    twistd = _of_twistd(options)
    in_background = _in_background(options)
    factories = [_factory(configuration, settings) for settings in configuration.services]
    venue = _venue(reactor, configuration)
    told_where_to_log = any(twistd.get(option) not in (None, False, 0, "", "-") for option in _LOG_OPTIONS)
    recorder = Recorder(reactor)
    daemon = Daemon(
        reactor,
        configuration,
        recorder,
        factories=factories,
        tokens=tokens,
        venue=venue,
        seconds=options["seconds"],
        leave=leave or _leave_with,
        observer=None if in_background or told_where_to_log else stderr_observer(),
    )
    for settings in configuration.outputs:
        open_writer = partial(_writer, reactor, configuration, settings, daemon, in_background)
        recorder.outputs.append(Output(open_writer(), settings.events, settings.path, open_writer))
    return daemon


def _of_twistd(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the options before the word ``ctrader``."""
    return getattr(options, "parent", None) or {}


def _in_background(options: Mapping[str, Any]) -> bool:
    twistd = _of_twistd(options)
    return "nodaemon" in twistd and not twistd["nodaemon"] and not twistd.get("debug")


def _obey_hangups(reactor: Any, daemon: Daemon, *, in_background: bool) -> None:
    """Have SIGHUP open the outputs' files anew, as daemons do; where a terminal hangs up, it ends the program in order.

    ``nohup`` keeps a program of a terminal running: it has the signal ignored.
    """
    if not hasattr(signal, "SIGHUP"):
        return
    if in_background or not _has_terminal() or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: reactor.callFromThread(daemon.reopen_outputs))
    else:
        signal.signal(signal.SIGHUP, reactor.sigTerm)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _tokens(reactor: Any, configuration: Configuration) -> TokenKeeper | None:
    """Make what keeps the tokens, if an account takes its own from there."""
    settings = configuration.tokens
    wanting = any(
        account.access_token is None
        for environment in configuration.environments
        if environment.name != config.SIMULATOR
        for account in environment.accounts
    )
    if settings is None or not wanting:
        return None
    if not settings.file.exists():
        remedy = f"Log in: ctrader login --config {configuration.file}"
        raise ConfigurationError(configuration.file, "tokens.file", f"no tokens yet in {settings.file}", remedy)
    return TokenKeeper(FileTokenStore(settings.file, reactor), reactor, refresh_within=settings.refresh_before)


def _check_trust_roots(configuration: Configuration) -> None:
    for environment in configuration.environments:
        try:
            ClientTLS(environment.host, environment.trust_root)
        except ConfigurationError as error:
            key = f"environment.{environment.name}.trust_root"
            raise ConfigurationError(configuration.file, key, error.problem, error.remedy) from None


def _venue(reactor: Any, configuration: Configuration) -> VenueService | None:
    if configuration.simulator is None:
        return None
    from ctrader_twisted.sim.config import settings_from_table
    from ctrader_twisted.sim.service import VenueService

    return VenueService(reactor, settings_from_table(configuration.simulator.venue, configuration.file))


def _factory(configuration: Configuration, settings: ServiceSettings) -> Callable[..., Any]:
    """Import what makes a user service."""
    key = f"{settings.key}.factory"
    try:
        found: Any = importlib.import_module(settings.module)
    except Exception as error:
        problem = f"{settings.module} can't be imported: {type(error).__name__}: {error}"
        if isinstance(error, ModuleNotFoundError) and error.name and settings.module.startswith(error.name):
            remedy = "Install it, or set PYTHONPATH to the folder it is in."
        else:
            remedy = f'To see where: python -c "import {settings.module}"'
        raise ConfigurationError(configuration.file, key, problem, remedy) from None
    for name in settings.attribute.split("."):
        found = getattr(found, name, None)
    if not callable(found):
        problem = f"{settings.module} has no callable {settings.attribute}"
        raise ConfigurationError(configuration.file, key, problem, "Name a function of (client, settings) in it.")
    factory: Callable[..., Any] = found
    return factory


def _writer(
    reactor: Any, configuration: Configuration, settings: OutputSettings, daemon: Daemon, in_background: bool
) -> JsonLinesWriter:
    key = f"{settings.key}.path"
    if settings.path is None and in_background:
        problem = "stdout leads nowhere when twistd runs in the background"
        raise ConfigurationError(configuration.file, key, problem, "Give twistd --nodaemon, or name a file.")
    try:
        descriptor = os.dup(1) if settings.path is None else outputs.open_for_appending(settings.path)
    except BlockingIOError:
        problem, remedy = f"another process writes to {settings.path}", "Give each daemon files of its own."
    except OSError as error:
        problem, remedy = f"it can't be opened: {error.strerror}", "Name a file that may be written."
    else:
        name = "stdout" if settings.path is None else str(settings.path)
        return outputs.JsonLinesWriter(descriptor, name, reactor, daemon.output_failed)
    raise ConfigurationError(configuration.file, key, problem, remedy)


def _leave_with(status: int) -> None:
    """Let the process end with an exit status: twistd itself only knows 0 for a reactor that was stopped.

    The last thing a process does, when twistd has removed its pid file and ended its log, is what atexit was told.
    """
    atexit.register(_leave_now, status)


def _leave_now(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)
