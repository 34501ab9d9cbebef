"""Options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ctrader_twisted.cli.finding import Wanted
from ctrader_twisted.config import WIRES

if TYPE_CHECKING:
    from collections.abc import Callable

    _Type = click.ParamType[tuple[str, int | None]]
else:
    _Type = click.ParamType  # not generic before click 8.3

_F = TypeVar("_F", bound="Callable[..., Any]")


class HostAndPort(_Type):
    """HOST, HOST:PORT or [ADDRESS]:PORT."""

    name = "HOST[:PORT]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int | None]:
        """Read it."""
        host, port = str(value), ""
        if host.startswith("["):
            host, bracket, rest = host[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                self.fail(f"{value!r} is no HOST:PORT", param, ctx)
            port = rest[1:]
        elif host.count(":") == 1:
            host, _, port = host.partition(":")
        if not host or "/" in host or (port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536)):
            self.fail(f"{value!r} is no HOST:PORT", param, ctx)
        return host, int(port) if port else None


class Seconds(click.FloatRange):
    """A number of seconds: ``nan`` is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it."""
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds


def config_option(function: _F) -> _F:
    """Add ``--config``."""
    return click.option(
        "--config",
        "-c",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="CTRADER_CONFIG",
        help="A configuration (docs/command.md); if left out CTRADER_CONFIG, or ctrader.toml of this folder.",
    )(function)


def tokens_option(function: _F) -> _F:
    """Add ``--tokens``."""
    return click.option(
        "--tokens",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Where tokens are kept, if not where the configuration says or in your own folder.",
    )(function)


def json_option(function: _F) -> _F:
    """Add ``--json``."""
    return click.option("as_json", "--json", is_flag=True, help="Write JSON in place of a table.")(function)


def account_option(function: _F) -> _F:
    """Add ``--account``."""
    return click.option(
        "--account",
        "-a",
        metavar="ID",
        type=click.IntRange(1),
        help="Which account, by the number that `ctrader accounts` shows first. Needed if there is more than one.",
    )(function)


def connection_options(function: _F) -> _F:
    """Add what says where to connect, and how often to ask."""
    for option in (
        click.option(
            "--historical-per-second",
            metavar="N",
            type=click.IntRange(1),
            help="Requests for history in a second: 5 if left out; more only where another host allows it.",
        ),
        click.option(
            "--requests-per-second",
            metavar="N",
            type=click.IntRange(1),
            help="Other requests than for history in a second: 50 if left out; more only where another host allows it.",
        ),
        wire_option,
        host_option,
        click.option(
            "--environment",
            "-e",
            metavar="NAME",
            help="live, demo, simulator, or one of the configuration; by default, what the account is.",
        ),
        tokens_option,
        config_option,
    ):
        function = option(function)
    return function


def host_option(function: _F) -> _F:
    """Add ``--host``."""
    return click.option("--host", type=HostAndPort(), help="Connect there: to a proxy, for instance.")(function)


def wire_option(function: _F) -> _F:
    """Add ``--wire``."""
    return click.option(
        "--wire",
        type=click.Choice(list(WIRES)),
        help="How to talk: protobuf over TCP (the default), or either of the others over WebSocket.",
    )(function)


def port_option(function: _F) -> _F:
    """Add ``--port``: not for a command whose own port is another one."""
    return click.option(
        "server_port",
        "--port",
        metavar="PORT",
        type=click.IntRange(1, 65535),
        help="The port there; by default 5035, for JSON 5036.",
    )(function)


def wanted(options: dict[str, Any], *, client_id: str | None = None) -> Wanted:
    """Take what the command line said of connecting out of a command's options."""
    host, port = options.pop("host", None) or (None, None)
    return Wanted(
        config=options.pop("config", None),
        tokens=options.pop("tokens", None),
        environment=options.pop("environment", None),
        host=host,
        port=options.pop("server_port", None) or port,
        wire=options.pop("wire", None),
        requests_per_second=options.pop("requests_per_second", None),
        historical_per_second=options.pop("historical_per_second", None),
        client_id=client_id,
    )


def check_name(name: str) -> None:
    """Refuse a name that no grant should have.

    :raises click.UsageError: if it is one.
    """
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise click.UsageError("--name: give a short text.")
