"""A venue on a real port, a configuration that names it, and the check between the two."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver
from twisted.logger import formatEvent, globalLogPublisher
from zope.interface import implementer

from ctrader_twisted.cli.checks.printing import Printer, print_json
from ctrader_twisted.cli.checks.way import Way
from ctrader_twisted.sim.accounts import Application, Grant, TradingAccount
from ctrader_twisted.sim.testing import DEFAULT_START
from ctrader_twisted.sim.venue import Venue
from ctrader_twisted.tokens import FileTokenStore, GrantedAccount
from ctrader_twisted.tokens import Grant as KeptGrant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from ctrader_twisted.cli.checks.report import Step

SECRET, TOKEN, REFRESH = "hush-client-secret", "hush-access-token", "hush-refresh-token"
VIEW_TOKEN, VIEW_REFRESH = "hush-view-token", "hush-view-refresh-token"
WRONG = "hush-wrong"
ENVIRON = {"CTRADER_CLIENT_ID": "an-id", "CTRADER_CLIENT_SECRET": SECRET}

DEMO_ACCOUNT, SECOND_ACCOUNT, LIVE_ACCOUNT, VIEWED_ACCOUNT = 1_000_001, 1_000_002, 1_000_003, 1_000_004
LOGIN = 2_000_001
DAY = 86_400.0


def make_venue(reactor: Any, **settings: Any) -> Venue:
    """Make a venue with marked secrets; its demo environment, on a Tuesday morning."""
    accounts = [
        TradingAccount(DEMO_ACCOUNT, LOGIN, "EUR"),
        TradingAccount(SECOND_ACCOUNT, LOGIN + 1, "USD"),
        TradingAccount(LIVE_ACCOUNT, LOGIN + 2, "USD", is_live=True),
        TradingAccount(VIEWED_ACCOUNT, LOGIN + 3, "USD"),
    ]
    grants = [
        Grant((DEMO_ACCOUNT, SECOND_ACCOUNT, LIVE_ACCOUNT), TOKEN, REFRESH),
        Grant((VIEWED_ACCOUNT,), VIEW_TOKEN, VIEW_REFRESH, user_id=2, scope=0),
    ]
    settings = {"start": DEFAULT_START, "accounts": accounts, "grants": grants, **settings}
    return Venue(reactor, applications=[Application("an-id", SECRET)], **settings)


class Room:
    """A folder with a configuration and what it names.

    :ivar config: the configuration's file.
    :ivar tokens: the token store's file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "ctrader.toml"
        self.tokens = folder / "tokens.json"

    def write(
        self, port: int, *, root: str | None, host: str = "localhost", accounts: str = "", more: str = "", lab: str = ""
    ) -> None:
        """Write a configuration of one environment, ``lab``, whose tokens are kept.

        :param root: what to trust; None for the system's.
        :param accounts: the accounts' tables, by default the first demo account's.
        :param lab: more keys of the environment.
        """
        trusted = ""
        if root is not None:
            (self.folder / "root.pem").write_text(root)
            trusted = 'trust_root = "root.pem"\n'
        accounts = accounts or f'[[account]]\nid = {DEMO_ACCOUNT}\nenvironment = "lab"\nsymbols = ["EURUSD"]\n'
        self.config.write_text(
            f'[environment.lab]\nhost = "{host}"\nport = {port}\nlive = false\n{trusted}{lab}\n'
            f'[tokens]\n{accounts}\n[[output]]\npath = "-"\n{more}\n'
        )

    async def keep(self, reactor: Any, **settings: Any) -> None:
        """Keep the venue's first grant in the token store, good for 20 days unless told otherwise."""
        grant = KeptGrant(
            "default",
            TOKEN,
            REFRESH,
            expires_at=reactor.seconds() + 20 * DAY,
            scope="trading",
            accounts=tuple(map(GrantedAccount, (DEMO_ACCOUNT, SECOND_ACCOUNT, LIVE_ACCOUNT))),
        )
        await FileTokenStore(self.tokens, reactor).save(replace(grant, **settings))


def account_table(account_id: int, environment: str = "lab", more: str = "") -> str:
    """Write the table of an account."""
    return f'[[account]]\nid = {account_id}\nenvironment = "{environment}"\n{more}\n'


class Checked:
    """What a run of the check gave."""

    def __init__(self, status: int, document: dict[str, Any], text: str) -> None:
        self.status = status
        self.document = document
        self.text = text

    def all(self, step: str) -> list[dict[str, Any]]:
        """Give every step of a name."""
        return [one for one in self.document["steps"] if one["step"] == step]

    def one(self, step: str, where: str = "") -> dict[str, Any]:
        """Give the only step of a name, whose place has a text in it."""
        (found,) = (one for one in self.all(step) if where in one["where"])
        return found

    def statuses(self) -> dict[str, str]:
        """Give how each step ended; of several of a name, the last."""
        return {one["step"]: one["status"] for one in self.document["steps"]}


async def checked(
    reactor: Any,
    capsys: pytest.CaptureFixture[str],
    config: Path | None,
    *,
    environ: dict[str, str] | None = None,
    tokens: Path | None = None,
    wire: str | None = None,
    host: str | None = None,
    port: int | None = None,
    timeout: float = 5.0,
) -> Checked:
    """Run the check, print what it found in both ways, and hold everything that was written to having no secret."""
    logged: list[str] = []

    def observe(event: Any) -> None:
        logged.append(f"{formatEvent(event)} {event!r}")

    told: list[Step] = []
    printer = Printer()
    globalLogPublisher.addObserver(observe)
    try:
        capsys.readouterr()
        environ = ENVIRON if environ is None else environ
        way = Way(reactor, config, tokens, environ, wire=wire, host=host, port=port, timeout=timeout, told=told.append)
        status = await way.go()
        for step in told:
            printer.step(step)
        printer.end(way.report)
        text = capsys.readouterr().out
        print_json(way.report, config, status)
        written = capsys.readouterr().out
    finally:
        globalLogPublisher.removeObserver(observe)
    assert told == way.report.steps, "every step was told, in order"
    for output in (text, written, repr(way.report.steps), *logged):
        assert "hush" not in output, output
    document = json.loads(written)
    assert document["exit_status"] == status == way.status
    for step in document["steps"]:
        assert set(step) == {"step", "where", "status", "detail", "remedy", "seconds"}
        assert step["status"] != "failed" or step["detail"]
        assert 0 <= step["seconds"] <= 3 * timeout + 2
    return Checked(status, document, text)


@implementer(IHostnameResolver)
class Names:
    """Knows the names it was told of; others it passes on, and some it never answers for."""

    def __init__(self, otherwise: Any, **known: list[str] | None) -> None:
        self._otherwise = otherwise
        self._known = {name.replace("_", "."): addresses for name, addresses in known.items()}

    def resolveHostName(self, receiver: Any, host: str, port: int = 0, *rest: Any, **more: Any) -> Any:  # noqa: N802
        """Answer, or pass it on."""
        if host not in self._known:
            return self._otherwise.resolveHostName(receiver, host, port, *rest, **more)
        receiver.resolutionBegan(object())
        addresses = self._known[host]
        for address in addresses or ():
            kind = IPv6Address if ":" in address else IPv4Address
            receiver.addressResolved(kind("TCP", address, port))
        if addresses is not None:
            receiver.resolutionComplete()
        return None


def with_names(reactor: Any, **known: list[str] | None) -> Callable[[], None]:
    """Let the reactor know names, dots written as ``_``; None is a name that nobody ever answers for. Give the end."""
    before = reactor.nameResolver
    reactor.installNameResolver(Names(before, **known))

    def restore() -> None:
        reactor.installNameResolver(before)

    return restore
