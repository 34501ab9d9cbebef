"""The venue as a service: by itself as ``twistd ctrader-sim --config venue.toml``, or as a part of another."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from twisted.application.service import IService, Service
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python import usage
from zope.interface import implementer

from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.sim import config
from ctrader_twisted.sim.authority import Authority
from ctrader_twisted.sim.trading.state_file import StateFile, StateInUse
from ctrader_twisted.sim.venue import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IDelayedCall, IListeningPort

    from ctrader_twisted.sim.venue import Venue

SAVE_EVERY: Final = 60.0
"""Seconds from one saving of the state to the next."""


@implementer(IService)
class VenueService(Service):
    """A venue that listens while its service runs.

    :param reactor: an ``IReactorTCP`` and ``IReactorTime``.
    :param settings: the venue.
    :raises ConfigurationError: if what is kept of its authority can't be read.

    :ivar venue: the venue, while it runs.
    :ivar trust_root_pem: what clients are to trust; known from the beginning.
    """

    log: Logger = Logger()

    def __init__(self, reactor: Any, settings: config.Settings) -> None:
        self._reactor = reactor
        self._settings = settings
        self._authority = _authority(settings)
        self._port: IListeningPort | None = None
        self._json_port: IListeningPort | None = None
        self._oauth_port: IListeningPort | None = None
        self._state = None if settings.state is None else StateFile(settings.state)
        self._saving: IDelayedCall | None = None
        self.venue: Venue | None = None
        self.trust_root_pem: str = self._authority.trust_root_pem

    @property
    def port(self) -> int:
        """The port it listens on for protobuf; known while it runs."""
        if self._port is None:
            raise RuntimeError("the venue does not run: its port is known after startService")
        return _number(self._port)

    @property
    def json_port(self) -> int | None:
        """The port it listens on for JSON; None if it has none, or does not run."""
        return None if self._json_port is None else _number(self._json_port)

    @property
    def oauth_port(self) -> int | None:
        """The port of its consent page and token endpoint; None if it has none, or does not run."""
        return None if self._oauth_port is None else _number(self._oauth_port)

    def startService(self) -> None:
        """Begin the venue and listen.

        :raises ConfigurationError: if a file it needs can't be read or written, or the port can't be had.
        """
        self._take_state()
        try:
            self._begin()
        except BaseException:
            self._release_state()
            raise
        Service.startService(self)

    def _begin(self) -> None:
        settings = self._settings
        venue = settings.venue(self._reactor, self._authority)
        try:
            self._port = self._listen(venue.listen, settings.interface, settings.port, "port", settings.names)
            if settings.json_port is not None:
                listen_json = partial(venue.listen_json, tls=settings.json_tls)
                self._json_port = self._listen(
                    listen_json, settings.interface, settings.json_port, "json_port", settings.names
                )
            if settings.oauth_port is not None:
                interface = settings.interface if settings.interface in LOOPBACK else LOOPBACK[0]
                self._oauth_port = self._listen(venue.listen_oauth, interface, settings.oauth_port, "oauth_port")
            self._save(venue)  # here, so that a file that can't be written is found out at once
            if settings.trust_root is not None:  # not before: it may be that of a venue which runs on this port
                _write(settings, settings.trust_root, self.trust_root_pem)
        except ConfigurationError:
            self._port = self._json_port = self._oauth_port = None
            venue.close()
            raise
        self.venue = venue
        if settings.state is not None:
            self._saving = self._reactor.callLater(SAVE_EVERY, self._save_again)
        self.log.info(
            "The venue listens on {interface}:{port}; trust {trust_root}",
            interface=settings.interface,
            port=self.port,
            trust_root=settings.trust_root or "its trust_root_pem",
        )
        if self._json_port is not None:
            self.log.info("JSON over WebSocket: {url}", url=venue.json_url)
        if self._oauth_port is not None:
            consent, token = venue.consent_url, venue.token_url
            self.log.info("Consent page: {consent}; token endpoint: {token}", consent=consent, token=token)

    def stopService(self) -> Deferred[None] | None:
        """Save the venue's state, stop listening and drop every connection."""
        Service.stopService(self)
        venue, self.venue = self.venue, None
        self._port = self._json_port = self._oauth_port = None
        saving, self._saving = self._saving, None
        if saving is not None:
            saving.cancel()
        if venue is None:
            return None
        self._save_if_possible(venue)
        self._release_state()
        return venue.close()

    def _save_again(self) -> None:
        assert self.venue is not None
        self._saving = self._reactor.callLater(SAVE_EVERY, self._save_again)
        self._save_if_possible(self.venue)

    def _save_if_possible(self, venue: Venue) -> None:
        try:
            self._save(venue)
        except ConfigurationError as error:
            self.log.error("The venue's state is not saved: {problem}", problem=error.problem)

    def _save(self, venue: Venue) -> None:
        if self._state is None:
            return
        try:
            self._state.write(venue)
        except OSError as error:
            raise self._unwritable(error) from None

    def _take_state(self) -> None:
        if self._state is None:
            return
        try:
            self._state.take()
        except StateInUse as error:
            remedy = "End the other venue, or name another file for this one."
            raise _refusal(self._settings, "state", error, remedy) from None
        except OSError as error:
            raise self._unwritable(error) from None

    def _release_state(self) -> None:
        if self._state is not None:
            self._state.release()

    def _unwritable(self, error: OSError) -> ConfigurationError:
        problem = f"{self._settings.state} can't be written: {error.strerror}"
        return _refusal(self._settings, "state", problem, "Name a file that can be written.")

    def _listen(
        self, listen: Callable[..., IListeningPort], interface: str, port: int, key: str, *more: object
    ) -> IListeningPort:
        try:
            return listen(self._reactor, interface, port, *more)
        except (CannotListenError, OSError) as error:
            problem = f"{interface}:{port} can't be listened on: {getattr(error, 'socketError', error)}"
            remedy = "Give an interface of this computer and a port that is free, or 0 for any."
            raise _refusal(self._settings, key, problem, remedy) from None


class Options(usage.Options):
    """The command line of ``twistd ctrader-sim``."""

    synopsis = "[--config FILE]"
    longdesc = "A simulated cTrader venue, to develop and test against. docs/simulator.md describes the configuration."
    optParameters: Sequence[Sequence[str | None]] = (["config", "c", None, "A TOML file with a table [simulator]."],)

    def postOptions(self) -> None:
        """Read the configuration, so that what is wrong with it is said before twistd goes into the background."""
        if self["config"] is None:
            raise usage.UsageError("no configuration: give --config venue.toml")
        try:
            self["settings"] = config.read(self["config"])
        except ConfigurationError as error:
            raise SystemExit(f"twistd ctrader-sim: the configuration is refused.\n{error}") from None


def makeService(options: Options) -> VenueService:
    """Make the service of ``twistd ctrader-sim``."""
    from twisted.internet import reactor

    return _CommandLine(reactor, options["settings"])


class _CommandLine(VenueService):
    """Ends the program with a sentence, not a traceback, when something the configuration names can't be had."""

    def startService(self) -> None:
        """Begin the venue and listen."""
        try:
            super().startService()
        except ConfigurationError as error:
            raise SystemExit(f"twistd ctrader-sim: the configuration is refused.\n{error}") from None


def _authority(settings: config.Settings) -> Authority:
    if settings.authority is None:
        return Authority.create()
    try:
        return Authority.kept_in(settings.authority)
    except (OSError, ValueError) as error:
        raise _refusal(settings, "authority", error, "Name another directory, or empty it.") from None


def _number(port: IListeningPort) -> int:
    number: int = port.getHost().port  # type: ignore[attr-defined]  # an IPv4Address or IPv6Address
    return number


def _write(settings: config.Settings, path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".new")
    try:
        beside.write_text(text, encoding="ascii")
        os.replace(beside, path)
    except OSError as error:
        problem = f"{path} can't be written: {error.strerror}"
        raise _refusal(settings, "trust_root", problem, "Name a file that can be written.") from None


def _refusal(settings: config.Settings, key: str, error: object, remedy: str) -> ConfigurationError:
    return ConfigurationError(settings.file, f"{settings.key}.{key}", str(error), remedy)
