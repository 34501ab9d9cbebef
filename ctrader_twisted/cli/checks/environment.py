"""One environment: the wire, the way there, the application, the tokens, the accounts, the clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred

from ctrader_twisted.cli.checks import clocks
from ctrader_twisted.cli.checks.accounts import look_at_account, opened_by_none
from ctrader_twisted.cli.checks.grants import Known, look_at_token
from ctrader_twisted.cli.checks.probes import (
    Call,
    NotReached,
    days_left,
    describe,
    issuer_of,
    not_reached,
    shown_certificate,
)
from ctrader_twisted.cli.checks.report import Finding, Status, failed, ok, skipped, warning
from ctrader_twisted.cli.checks.sentences import of_another_wire, problem_and_remedy
from ctrader_twisted.cli.checks.wanted import WantedAccount
from ctrader_twisted.cli.waiting import all_of
from ctrader_twisted.client import OpenApiClient
from ctrader_twisted.config import SIMULATOR
from ctrader_twisted.errors import (
    ConfigurationError,
    ConnectionFailed,
    ProtocolError,
    RequestFailed,
    UndecodableEnvelope,
)
from ctrader_twisted.reasons import UNTRUSTED
from ctrader_twisted.session.events import Disconnected, Problem
from ctrader_twisted.session.machine import ConnectionState
from ctrader_twisted.session.pacing import Limits
from ctrader_twisted.settings import Settings
from ctrader_twisted.tls import ClientTLS, passed_over
from ctrader_twisted.wire.choice import Wire, client_wire

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from twisted.python.failure import Failure

    from ctrader_twisted.cli.checks.probes import Resolver
    from ctrader_twisted.cli.checks.report import Section
from ctrader_twisted.cli.checks.wanted import Opener, WantedEnvironment

FEW_DAYS: Final = 7.0
"""Days before a server's certificate expires from which on that is a warning."""
_WIRES: Final = {
    Wire.PROTOBUF: "protobuf over TCP",
    Wire.JSON: "JSON over WebSocket",
    Wire.PROTOBUF_WEBSOCKET: "protobuf over WebSocket",
}
_NEVER: Final = 86_400.0
"""Seconds until a second attempt: there is to be none."""


async def check_environment(
    section: Section, reactor: Any, resolver: Resolver, wanted: WantedEnvironment, timeout: float
) -> None:
    """Look at an environment.

    :param reactor: an ``IReactorTCP`` and ``IReactorTime``.
    :param timeout: seconds that each step may take.
    """
    with section:
        check = _Check(section, reactor, resolver, wanted, timeout)
        section.add("wire", check.where, ok(f"{wanted.environment.wire.value}: {_WIRES[wanted.environment.wire]}"))
        obstacle = await check.reach()
        if obstacle is None:
            await check.converse()
        else:
            check.skip("application", "version", reason=obstacle)
            check.skip_the_rest(obstacle)
        section.add("limits", check.where, limits_of(wanted))


def limits_of(wanted: WantedEnvironment) -> Finding:
    """Say how often will be asked, and how that compares with what Spotware's servers allow."""
    limits, theirs = wanted.limits, Limits()
    detail = f"{limits.general} requests a second, and {limits.historical} for history"
    if limits == theirs:
        return ok(f"{detail}: what Spotware's servers allow")
    detail += f"; Spotware's servers allow {theirs.general} and {theirs.historical}"
    more = (limits.general or 0) > (theirs.general or 0) or (limits.historical or 0) > (theirs.historical or 0)
    return ok(f"{detail}, and {wanted.environment.host} has to allow more" if more else detail)


@dataclass(slots=True)
class _Check:
    section: Section
    reactor: Any
    resolver: Resolver
    wanted: WantedEnvironment
    timeout: float
    round_trip: float = 0.0
    known: dict[str, Known] = field(default_factory=dict)
    loss: str = ""
    silent: bool = False

    @property
    def where(self) -> str:
        return str(self.wanted.environment)

    def skip(self, *steps: str, reason: str) -> None:
        for step in steps:
            self.section.add(step, self.where, skipped(reason))

    def skip_the_rest(self, reason: str) -> None:
        for opener in self.wanted.openers:
            self.section.add("token", self._of(opener.name), skipped(reason))
        for account in self.wanted.accounts:
            self.section.add("account", self._of(f"account {account.account_id}"), skipped(reason))
        if self.wanted.accounts:
            self.skip("clock", reason=reason)

    def _of(self, what: str) -> str:
        return f"{self.wanted.environment.name}, {what}"

    async def _look(self, step: str, looking: Coroutine[Deferred[Any], Any, Finding]) -> bool:
        """Look at something, and give whether it did not fail."""
        return (await self.section.look(step, self.where, looking)).status is not Status.FAILED

    # The way there

    async def reach(self) -> str | None:
        """Look at DNS, TCP, TLS and, if the wire has one, WebSocket; give why there is no way, or None."""
        environment = self.wanted.environment
        websocket = () if environment.wire is Wire.PROTOBUF else ("websocket",)
        if self.wanted.opening is not None:
            self.skip("dns", "tcp", "tls", *websocket, reason="the proxy connects, on the way to the application")
            return None
        if not await self._look("dns", self._dns()):
            self.skip("tcp", "tls", *websocket, reason="the host name was not resolved")
            return "there is no connection"
        try:
            tls = ClientTLS(environment.host, environment.trust_root)
        except ConfigurationError as error:
            self.skip("tcp", reason="TLS can't be begun")
            self.section.add("tls", self.where, failed(f"{error.file}: {error.problem}", error.remedy))
            self.skip(*websocket, reason="TLS can't be begun")
            return "TLS can't be begun"
        call = Call(self.reactor, environment.host, environment.port, tls)
        try:
            if not await self._look("tcp", self._tcp(call)):
                self.skip("tls", *websocket, reason="there is no connection")
                return "there is no connection"
            if not await self._look("tls", self._tls(call)):
                self.skip(*websocket, reason="TLS does not stand")
                return "TLS does not stand"
            if websocket and not await self._look("websocket", self._websocket(call)):
                return "there is no WebSocket"
            return None
        finally:
            await call.close()

    async def _dns(self) -> Finding:
        environment = self.wanted.environment
        try:
            addresses = await self.resolver.addresses(environment.host, environment.port, self.timeout)
        except NotReached as error:
            return not_reached(error)
        return ok("an address, nothing to resolve" if addresses == [environment.host] else ", ".join(addresses))

    async def _tcp(self, call: Call) -> Finding:
        began = self.reactor.seconds()
        try:
            address = await call.connect(self.timeout)
        except NotReached as error:
            return not_reached(error)
        return ok(f"connected to {address} in {_milliseconds(self.reactor.seconds() - began)}")

    async def _tls(self, call: Call) -> Finding:
        environment = self.wanted.environment
        try:
            handshake = await call.shake_hands(self.timeout)
        except NotReached as error:
            found = not_reached(error)
            if error.why in UNTRUSTED:
                found = found._replace(remedy=self._trust_remedy())
            if error.certificate:
                shown = await shown_certificate(self.reactor, environment.host, environment.port, self.timeout)
                if shown is not None:
                    return found._replace(detail=f"{found.detail} (what it shows is {describe(shown)})")
            return found
        left = days_left(handshake.certificate, self.reactor.seconds())
        trusted = "this machine's authorities" if environment.trust_root is None else "the trust root"
        detail = (
            f"{handshake.version}, {handshake.cipher}; certificate issued by {issuer_of(handshake.certificate)}, "
            f"{left:.0f} days left, verified by {trusted}"
        )
        if left < FEW_DAYS:
            return warning(detail, "The server's operator must renew its certificate")
        return ok(detail)

    async def _websocket(self, call: Call) -> Finding:
        environment, settings = self.wanted.environment, Settings()
        wire = client_wire(
            environment.wire,
            host=environment.host,
            port=environment.port,
            where=self.where,
            max_frame=settings.max_frame,
            compression=self.wanted.compression,
            unknown=Counter(),
        )
        began = self.reactor.seconds()
        try:
            await call.open_websocket(wire, self.timeout)
        except NotReached as error:
            return not_reached(error)
        return ok(f"open after {_milliseconds(self.reactor.seconds() - began)}")

    def _trust_remedy(self) -> str:
        key = f"trust_root in [environment.{self.wanted.environment.name}]"
        if self.wanted.environment.trust_root is None:
            remedy = f"If that is the authority to trust, set {key} to its certificate; else do not go on"
            return ". ".join(filter(None, (remedy, passed_over())))
        return f"Set {key} to the certificate of the authority that signs now"

    # The conversation

    async def converse(self) -> None:
        """Look at everything else, by the client itself; it keeps no tokens, so it can't refresh any."""
        client = OpenApiClient(
            self.reactor,
            self.wanted.application,
            self.wanted.environment,
            settings=Settings(
                limits=self.wanted.limits,
                timeout=self.timeout,
                connect_timeout=self.timeout,
                close_timeout=1.0,
                retry_after=_NEVER,
                retry_at_most=_NEVER,
                compression=self.wanted.compression,
                reconcile=False,
            ),
            opening=self.wanted.opening,
        )
        client.on(Disconnected, self._lost)
        try:
            await self._converse(client)
        finally:
            await client.close()

    async def _converse(self, client: OpenApiClient) -> None:
        if not await self._look("application", self._application(client)):
            self.skip("version", reason="the application is not authorised")
            self.skip_the_rest("the application is not authorised")
            return
        await self._look("version", self._version(client))
        for opener in self.wanted.openers:
            await self._look_at_token(client, opener)
        accounts = self._accounts()
        parts = [(self.section.section(), account) for account in accounts]
        looked = await all_of(self._look_at_account(part, client, account) for part, account in parts)
        authorised = [account for account in looked if account is not None]
        if accounts:
            await self._look_at_clock(client, authorised)

    def _lost(self, event: Disconnected) -> None:
        self.loss = str(event.reason)

    def _obstacle(self, client: OpenApiClient) -> str | None:
        """Say why there is no use in asking anything more, if that is so."""
        if client.state is not ConnectionState.READY:
            return f"the connection was lost: {self.loss}"
        return "the server does not answer" if self.silent else None

    async def _application(self, client: OpenApiClient) -> Finding:
        """Wait for the first attempt to end: well, or with the reason for which it did not."""
        ended: Deferred[None] = Deferred()

        def authorised(_: object) -> None:
            if not ended.called:
                ended.callback(None)

        def not_ready(failure: Failure) -> None:
            if not ended.called:
                ended.errback(failure)

        def lost(event: Disconnected) -> None:
            if not ended.called:
                ended.errback(event.reason)

        def unreadable(event: Problem) -> None:
            if isinstance(event.error, UndecodableEnvelope) and not ended.called:
                ended.errback(event.error)

        client.once(Disconnected, lost)
        client.on(Problem, unreadable)
        # Connecting, the handshakes and the answer have a time each.
        client.when_ready(3 * self.timeout + 1).addCallbacks(authorised, not_ready)
        try:
            await ended
        except (ConnectionFailed, ProtocolError) as error:  # the server has not understood, or is not understood
            problem, remedy = problem_and_remedy(error)
            return failed(problem, of_another_wire(self.wanted.environment) or remedy)
        return ok("authorised")

    async def _version(self, client: OpenApiClient) -> Finding:
        began = self.reactor.seconds()
        try:
            answer = await client.version()
        except RequestFailed:
            self.silent = True
            raise
        self.round_trip = self.reactor.seconds() - began
        return ok(f"the server speaks version {answer.version}, and answers in {_milliseconds(self.round_trip)}")

    async def _look_at_token(self, client: OpenApiClient, opener: Opener) -> None:
        async def looking() -> Finding:
            try:
                found, self.known[opener.name] = await look_at_token(client, opener, self.reactor.seconds())
            except RequestFailed:
                self.silent = True
                raise
            return found

        obstacle = self._obstacle(client)
        if obstacle is not None:
            self.known[opener.name] = Known({}, obstacle)
            self.section.add("token", self._of(opener.name), skipped(obstacle))
            return
        await self.section.look("token", self._of(opener.name), looking())
        self.known.setdefault(opener.name, Known({}, "what its token opens is not known"))

    def _accounts(self) -> list[WantedAccount]:
        """Give the accounts that are meant: those that are named, or all that the tokens open here."""
        accounts = {account.account_id: account for account in self.wanted.accounts}
        if self.wanted.everything:
            live = self.wanted.environment.live
            for opener in self.wanted.openers:
                for account_id, account in self.known[opener.name].accounts.items():
                    if live is None or account.isLive == live:
                        accounts.setdefault(account_id, WantedAccount(account_id, opener))
        return list(accounts.values())

    async def _look_at_account(
        self, part: Section, client: OpenApiClient, account: WantedAccount
    ) -> WantedAccount | None:
        """Look at an account; give it if it is authorised."""
        account_id, opener = account.account_id, account.opener
        where = self._of(f"account {account_id}")
        with part:
            if opener is None:
                opened = {key: one for known in self.known.values() for key, one in known.accounts.items()}
                simulated = self.wanted.environment.name == SIMULATOR
                part.add("account", where, opened_by_none(account_id, opened, simulated=simulated))
                return None
            known = self.known[opener.name]
            obstacle = known.problem or self._obstacle(client)
            if obstacle:
                part.add("account", where, skipped(obstacle))
                return None
            looking = look_at_account(client, account_id, opener.grant.access_token, known.accounts)
            found = await part.look("account", where, looking)
            return None if found.status is Status.FAILED else account

    async def _look_at_clock(self, client: OpenApiClient, authorised: Sequence[WantedAccount]) -> None:
        obstacle = self._obstacle(client) or (None if authorised else "no account is authorised that could ask for it")
        if not self.wanted.clock:
            obstacle = "the simulated venue's clock is its own"
        if obstacle is not None:
            self.skip("clock", reason=obstacle)
            return
        account = authorised[0]

        async def looking() -> Finding:
            reading = await clocks.from_quotes(
                self.reactor, client, account.account_id, account.symbols, self.round_trip, self.timeout
            )
            if reading is None:
                return skipped("no quote came that tells the server's time: the market is closed, perhaps")
            return clocks.judge(reading)

        await self._look("clock", looking())


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.{1 if seconds < 0.01 else 0}f} ms"
