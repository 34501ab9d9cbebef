"""The daemon: a venue if one is simulated, an environment for each that has accounts, user services, outputs.

It ends when it is told to (a signal, its time), and by itself, with exit status 1, when nothing can run any more.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from ctrader_twisted.config import SIMULATOR
from ctrader_twisted.credentials import Application
from ctrader_twisted.entry.hosts import application_at, at_venue, environment_of, opening_of
from ctrader_twisted.errors import ConfigurationError, OpenApiError, RecordingStoreError
from ctrader_twisted.flight import FlightRecorder, Redactor
from ctrader_twisted.recording import MarketRecorder
from ctrader_twisted.recording.formats import store_at
from ctrader_twisted.service.environment import REFRESH_WAIT, EnvironmentWatch
from ctrader_twisted.session.pacing import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from twisted.python.failure import Failure

    from ctrader_twisted.config import AccountSettings, Configuration
    from ctrader_twisted.factory import Opening
    from ctrader_twisted.outputs import JsonLinesWriter
    from ctrader_twisted.protocol import Tap
    from ctrader_twisted.recording.keeping import InThread
    from ctrader_twisted.service.recorder import Output, Recorder
    from ctrader_twisted.sim.service import VenueService
    from ctrader_twisted.tokens import TokenKeeper

# Together less than the five seconds in which the daemon ends whatever its peers do.
SERVICES_TIME = 2.0
CLIENTS_TIME = 2.0
VENUE_TIME = 0.3
OUTPUTS_TIME = 0.4

_log = Logger()


class Daemon(MultiService):
    """Everything that ``twistd ctrader`` runs.

    :param reactor: an ``IReactorTCP``, ``IReactorTime`` and ``IReactorCore``.
    :param factories: what makes each user service, in the order of ``configuration.services``.
    :param tokens: the token store's grants, if an account takes its token from there.
    :param venue: the venue to run, if the configuration simulates one.
    :param seconds: end after so many, with exit status 0; None for never.
    :param leave: called once with an exit status other than 0, as soon as it is known.
    :param observer: where the log goes unless ``twistd`` was told otherwise.
    :param opening: how to connect, if not over TLS.
    :param in_thread: calls something for a recording, in a thread, and gives a Deferred; each has one by default.

    :ivar status: the exit status.
    """

    def __init__(
        self,
        reactor: Any,
        configuration: Configuration,
        recorder: Recorder,
        *,
        factories: Sequence[Callable[..., Any]] = (),
        tokens: TokenKeeper | None = None,
        venue: VenueService | None = None,
        seconds: float | None = None,
        leave: Callable[[int], object] = lambda status: None,
        observer: object | None = None,
        opening: Opening | None = None,
        in_thread: InThread | None = None,
    ) -> None:
        MultiService.__init__(self)
        self.status: int = 0
        self.environments: list[EnvironmentWatch] = []
        self._reactor = reactor
        self._configuration = configuration
        self._recorder = recorder
        self._factories = list(zip(configuration.services, factories, strict=True))
        self._tokens = tokens
        self._flight_recorder: FlightRecorder | None = None
        self._venue = venue
        self._seconds = seconds
        self._leave = leave
        self._observer = observer
        self._opening = opening
        self._in_thread = in_thread
        self._user_services: list[IService] = []
        self._timer: Any = None
        self._ending = False

    def setServiceParent(self, parent: Any) -> None:
        """Become a part of an application, and bring the log along."""
        MultiService.setServiceParent(self, parent)
        if self._observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)

    # Begin

    def startService(self) -> None:
        """Begin everything: the venue before those who connect to it, user services with the clients they get."""
        Service.startService(self)
        for warning in self._configuration.warnings:
            _log.warn("{warning}", warning=warning)
        Deferred.fromCoroutine(self._begin()).addErrback(self._not_begun)

    async def _begin(self) -> None:
        if self._tokens is not None:
            await self._tokens.load()
        if self._ending:
            return
        self._begin_flight_recorder()
        await self._open_recordings()
        if self._venue is not None:
            self._venue.startService()
        self._begin_environments()
        self._begin_recordings()
        self._begin_user_services()
        for environment in self.environments:
            environment.startService()
        if self._seconds is not None:
            self._timer = self._reactor.callLater(self._seconds, self._time_is_up)

    def _not_begun(self, failure: Failure) -> None:
        if failure.check(OpenApiError):
            _log.error("{error}", error=failure.getErrorMessage())
        else:
            _log.failure("it could not begin", failure)
        self.end(1, "it could not begin")

    def _begin_flight_recorder(self) -> None:
        settings = self._configuration.flight_recorder
        if settings is None:
            return
        recorder = FlightRecorder(
            settings.path, max_bytes=settings.max_bytes, parts=settings.parts, redactor=Redactor(self._secrets())
        )
        if recorder.failure is not None:
            problem = f"{settings.path} can't be used: {recorder.failure}"
            raise ConfigurationError(
                self._configuration.file, "flight_recorder.path", problem, "Name another file, or remove that one."
            )
        self._flight_recorder = recorder

    def _secrets(self) -> Iterator[str]:
        """Give every secret that is known before anything is said."""
        application = self._configuration.application
        if application is not None:
            yield application.client_secret
        for environment in self._configuration.environments:
            for account in environment.accounts:
                yield account.access_token or ""
                yield account.refresh_token or ""
        for grant in self._tokens.grants.values() if self._tokens is not None else ():
            yield grant.access_token
            yield grant.refresh_token or ""

    def _begin_environments(self) -> None:
        for settings in self._configuration.environments:
            simulated = settings.name == SIMULATOR
            if simulated:
                assert self._venue is not None
                settings = at_venue(settings, self._venue)
            self.environments.append(
                EnvironmentWatch(
                    self._reactor,
                    environment_of(settings),
                    self._application(simulated),
                    [self._account(account, simulated) for account in settings.accounts],
                    limits=Limits(general=settings.requests_per_second, historical=settings.historical_per_second),
                    compression=settings.compression,
                    recorder=self._recorder,
                    on_out=self._somebody_is_out,
                    login=f"ctrader login --config {shlex.quote(self._configuration.file)}",
                    tokens=None if simulated else self._tokens,
                    tap=self._tap(),
                    opening=self._opening or opening_of(settings, self._reactor),
                )
            )

    def _tap(self) -> Tap | None:
        return None if self._flight_recorder is None else self._flight_recorder.tap()

    def _application(self, simulated: bool) -> Application:
        if simulated:
            assert self._venue is not None
            return application_at(self._venue)
        application = self._configuration.application
        assert application is not None
        return Application(application.client_id, application.client_secret)

    def _account(self, settings: AccountSettings, simulated: bool) -> tuple[AccountSettings, int, str | None]:
        account_id, token = settings.account_id, settings.access_token
        if simulated:
            assert self._venue is not None and self._venue.venue is not None
            registry = self._venue.venue.registry
            account_id = account_id or next(iter(registry.accounts))
            if account_id not in registry.accounts:
                remedy = f"It has {', '.join(map(str, registry.accounts))}; without an id, the first of them is taken."
                problem = f"the simulator has no account {account_id}"
                raise ConfigurationError(self._configuration.file, f"{settings.key}.id", problem, remedy)
            token = token or registry.token_for(account_id)
        assert account_id is not None
        return settings, account_id, token

    def _begin_user_services(self) -> None:
        clients = {watch.name: watch.client for watch in self.environments}
        for settings, factory in self._factories:
            made = factory(clients[settings.environment], dict(settings.settings))
            service: IService = IService(made)
            _log.info("{key}: {what}", key=settings.key, what=service)
            self._user_services.append(service)
        for service in self._user_services:
            service.startService()

    # Recordings

    async def _open_recordings(self) -> None:
        for settings in self._configuration.recordings:
            recording = MarketRecorder(
                self._reactor,
                store_at(settings.path, settings.format),
                events=settings.events,
                flush_seconds=settings.flush_seconds,
                refill_days=settings.refill_days,
                name=str(settings.path),
                failed=self._recording_failed,
                in_thread=self._in_thread,
            )
            try:
                await recording.open()
            except (RecordingStoreError, OSError) as error:
                key, remedy = f"{settings.key}.path", "Name a folder that this daemon alone may write to."
                raise ConfigurationError(
                    self._configuration.file, key, f"it can't be opened: {error}", remedy
                ) from None
            self._recorder.recordings.append(recording)

    def _begin_recordings(self) -> None:
        for recording in self._recorder.recordings:
            for environment in self.environments:
                for watch in environment.accounts.values():
                    recording.follow(
                        environment.client, watch.account_id, watch.symbols, watch.settings.symbols, watch.settings.bars
                    )
            recording.startService()

    def _recording_failed(self) -> None:
        self._worsen(1)

    # End

    def end(self, status: int, reason: str) -> None:
        """End the daemon with an exit status; the first reason counts, the worst status does."""
        self._worsen(status)
        if self._ending:
            return
        self._ending = True
        _log.info("ending with status {status}: {reason}", status=self.status, reason=reason)
        self._reactor.callWhenRunning(self._stop_reactor)

    def _stop_reactor(self) -> None:
        try:
            self._reactor.stop()
        except ReactorNotRunning:
            pass  # somebody was faster

    def _worsen(self, status: int) -> None:
        if status > self.status:
            self.status = status
            self._leave(status)

    def _time_is_up(self) -> None:
        self._timer = None
        self.end(0, f"its {self._seconds:g} seconds are over")

    def _somebody_is_out(self) -> None:
        if all(environment.out for environment in self.environments):
            self.end(1, "no account can be used")

    # Outputs

    def reopen_outputs(self) -> None:
        """Open anew the files that were renamed or removed, as who rotates them asks for, and those that had failed."""
        outputs = self._recorder.outputs
        for place, output in enumerate(outputs):
            if output.is_in_place or output.open is None or self._ending:
                continue
            if output.writer.ended:
                self._finish(output)  # it would keep its own successor from opening the file
            try:
                writer = output.open()
            except ConfigurationError as error:
                _log.error("{error}", error=error)
                continue
            if not output.writer.ended:
                output.writer.close()
                self._finish(output)
            outputs[place] = output._replace(writer=writer)
            _log.info("{output}: opened anew", output=writer.name)

    def _finish(self, output: Output) -> None:
        """Let go of a file, and say what became of its events."""
        writer = output.writer
        writer.abandon()
        _log.info(
            "{output}: {written} events written, {lost} not",
            output=writer.name,
            written=writer.written,
            lost=writer.lost,
        )
        if writer.lost:
            self._worsen(1)

    def output_failed(self, writer: JsonLinesWriter) -> None:
        """An output can't go on; without any, and without user services, there is nothing left to do."""
        self._worsen(1)
        if (
            not self._user_services
            and not self._recorder.recordings
            and all(output.writer.ended for output in self._recorder.outputs)
        ):
            self.end(1, "there is no output left")

    def stopService(self) -> Deferred[None]:
        """End everything, in less than five seconds whatever the peers do: nothing is left half written.

        A token refresh that is under way has `REFRESH_WAIT` more: what it gives would be lost with the connection.
        """
        Service.stopService(self)
        self._ending = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        until = self._reactor.seconds() + SERVICES_TIME + CLIENTS_TIME + VENUE_TIME
        services = [maybeDeferred(service.stopService) for service in reversed(self._user_services)]
        await self._within(SERVICES_TIME, services, "a user service")
        refreshing = self._tokens is not None and not self._tokens.idle
        recordings = [maybeDeferred(each.stopService) for each in self._recorder.recordings if each.running]
        clients = [environment.stopService() for environment in self.environments if environment.running]
        await self._within(CLIENTS_TIME + (REFRESH_WAIT if refreshing else 0.0), clients, "a connection")
        for name in self._tokens.unsaved if self._tokens is not None else ():
            _log.error(
                'grant "{grant}": its new tokens could not be saved, and are lost now: ctrader login', grant=name
            )
        if self._venue is not None and self._venue.running:
            await self._within(VENUE_TIME, [maybeDeferred(self._venue.stopService)], "the venue")
        if self._flight_recorder is not None:
            self._flight_recorder.close()
        left = until - self._reactor.seconds()  # of what the others had and did not take
        await self._within(max(OUTPUTS_TIME, left), recordings, "a recording")
        outputs = self._recorder.outputs
        await self._within(OUTPUTS_TIME, [output.writer.close() for output in outputs], "the reader of an output")
        for output in outputs:
            self._finish(output)

    async def _within(self, seconds: float, ends: list[Deferred[Any]], what: str) -> None:
        """Wait for all of these, but not longer."""

        def not_in_time_or_not_well(failure: Failure) -> None:
            if failure.check(CancelledError):
                _log.warn("{what} did not end within {seconds:g} s: not waiting for it", what=what, seconds=seconds)
            else:
                _log.failure("{what} did not end well", failure, what=what)

        for end in ends:
            end.addErrback(not_in_time_or_not_well)
        if ends:
            await DeferredList(ends).addTimeout(seconds, self._reactor)
