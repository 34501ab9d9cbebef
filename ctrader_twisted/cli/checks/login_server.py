"""The server that gives tokens: reached, verified, and asked for the time. No secret goes there."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ctrader_twisted.cli.checks import clocks
from ctrader_twisted.cli.checks.probes import Call, NotReached, Resolver, not_reached
from ctrader_twisted.cli.checks.report import Finding, ok, skipped, warning
from ctrader_twisted.tls import ClientTLS

if TYPE_CHECKING:
    from ctrader_twisted.cli.checks.report import Section

_NEEDED_FOR: Final = "it is needed to log in; everything else goes without it"


async def login_server(section: Section, resolver: Resolver, reactor: Any, url: str, timeout: float) -> None:
    """Look whether it can be reached, and at its clock."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    where = f"{host}:{port}"
    reading: list[clocks.Reading] = []

    async def reached() -> Finding:
        call = Call(reactor, host, port, ClientTLS(host) if parts.scheme == "https" else None)
        try:
            await resolver.addresses(host, port, timeout)
            address = await call.connect(timeout)
            version = (await call.shake_hands(timeout)).version if parts.scheme == "https" else "without TLS"
            asked_at = reactor.seconds()
            answer = await call.ask(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode(), timeout)
            date = _date(answer)
            if date is not None:
                reading.append(clocks.from_date(date, asked_at, reactor.seconds()))
        except NotReached as error:
            found = not_reached(error)
            return warning(f"{found.detail} ({_NEEDED_FOR})", found.remedy)
        finally:
            await call.close()
        return ok(f"answers at {address}, {version}")

    await section.look("login server", where, reached())
    section.add("clock", where, clocks.judge(reading[0]) if reading else skipped("the server did not tell its time"))


def _date(answer: bytes) -> float | None:
    """Give the time that an answer over HTTP tells, in seconds since the epoch."""
    for line in answer.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "date":
            try:
                return parsedate_to_datetime(value.strip()).timestamp()
            except (ValueError, OverflowError):
                return None
    return None
