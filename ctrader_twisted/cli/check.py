"""``ctrader check``: each step of the way, with what is wrong and the remedy."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ctrader_twisted.cli import options
from ctrader_twisted.cli.checks.printing import Printer, print_json
from ctrader_twisted.cli.checks.way import Way
from ctrader_twisted.cli.finding import Wanted, find
from ctrader_twisted.cli.running import run
from ctrader_twisted.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONFIGURATION: Final = "ctrader.toml"


@click.command(short_help="Check each step of the way from the file to the accounts.")
@options.config_option
@options.tokens_option
@options.host_option
@options.port_option
@options.wire_option
@click.option(
    "--timeout",
    metavar="N",
    type=options.Seconds(0.1, 600),
    default=10.0,
    show_default=True,
    help="Seconds that each step may take.",
)
@options.json_option
@click.pass_obj
def check(
    obj: dict[str, Any],
    config: Path | None,
    tokens: Path | None,
    host: tuple[str, int | None] | None,
    server_port: int | None,
    wire: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Check each step of the way from the configuration to the accounts: what is wrong, and the remedy.

    Nothing is changed: no order is placed and no refresh token is spent.

    Exit status: 0 if all is well (warnings allowed), 1 if a step failed, 2 if the configuration is refused.
    """
    if config is None and Path(_CONFIGURATION).is_file():
        config = Path(_CONFIGURATION)
        with suppress(ConfigurationError):  # which the check tells
            find(Wanted(), os.environ)
    name, port = host or (None, None)
    run(
        lambda reactor: check_all(
            reactor,
            config,
            tokens,
            os.environ,
            wire=wire,
            host=name,
            port=server_port or port,
            timeout=timeout,
            as_json=as_json,
        ),
        verbose=obj["verbose"],
    )


async def check_all(
    reactor: Any,
    config: Path | None,
    tokens: Path | None,
    environ: Mapping[str, str],
    *,
    wire: str | None = None,
    host: str | None = None,
    port: int | None = None,
    timeout: float,
    as_json: bool,
) -> int:
    """Look at everything, print it, and give the exit status.

    :param environ: the process's environment.
    :param wire: how to talk, whatever the configuration says; None to go by it.
    :param host: where to connect, whatever the configuration says; None to go by it.
    :param port: the port there, likewise.
    :param timeout: seconds that each step may take.
    """
    printer = None if as_json else Printer()
    told = None if printer is None else printer.step
    way = Way(reactor, config, tokens, environ, wire=wire, host=host, port=port, timeout=timeout, told=told)
    status = await way.go()
    if printer is None:
        print_json(way.report, config, status)
    else:
        printer.end(way.report)
    if way.lookups_hang:
        # The reactor would wait for the system's lookup, which takes as long as it pleases.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status
