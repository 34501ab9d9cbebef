"""The command and its sub commands."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from ctrader_twisted.cli.failures import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Sequence


def invoke(arguments: Sequence[str]) -> int:
    """Run the command and give its exit status; what fails before the reactor runs is told here."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a broker may be called what this terminal can't show
    try:
        status = ctrader.main(list(arguments), prog_name="ctrader", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:
        from ctrader_twisted.cli.running import EXPECTED, tell

        if not isinstance(error, EXPECTED) and {"-v", "--verbose"} & set(arguments):
            raise
        return tell(error)
    return status if isinstance(status, int) else 0


class Lazy(NamedTuple):
    """A sub command that is imported when it is called for.

    :ivar module: where it is.
    :ivar attribute: its name there.
    :ivar short_help: its line in the list of commands; a test holds it to the command's own.
    """

    module: str
    attribute: str
    short_help: str


COMMANDS: Final = {
    "login": Lazy("ctrader_twisted.cli.login", "login", "Log in with your cTrader ID and keep the tokens."),
    "check": Lazy("ctrader_twisted.cli.check", "check", "Check each step of the way from the file to the accounts."),
    "accounts": Lazy("ctrader_twisted.cli.accounts", "accounts", "List the accounts that the tokens open."),
    "symbols": Lazy("ctrader_twisted.cli.symbols", "symbols", "List an account's symbols."),
    "watch": Lazy("ctrader_twisted.cli.watch", "watch", "Watch live quotes."),
    "chart": Lazy("ctrader_twisted.cli.chart", "chart", "Draw a symbol's bars as candles."),
    "history": Lazy("ctrader_twisted.cli.history", "history", "Fetch bars or ticks into a file."),
    "replay": Lazy("ctrader_twisted.cli.replay", "replay", "Print a flight recording in readable form."),
    "tokens": Lazy("ctrader_twisted.cli.tokens", "tokens", "List, import or remove kept tokens."),
}
"""In the order in which a newcomer needs them."""


class LazyGroup(click.Group):
    """A group that imports nothing to show its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the sub commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a sub command."""
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        command: click.Command = getattr(import_module(lazy.module), lazy.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.short_help) for name, lazy in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100})
@click.version_option(version("ctrader_twisted"), prog_name="ctrader")
@click.option("--verbose", "-v", is_flag=True, help="Write a log on stderr.")
@click.pass_context
def ctrader(ctx: click.Context, /, **options: Any) -> None:
    """Log in to cTrader's Open API, look at accounts and symbols, watch quotes, fetch history.

    Begin with `ctrader login`; docs/getting-access.md walks through everything before it. To try the other commands
    without an account, save a file with the line [simulator], and give it with --config. Data goes to stdout,
    everything else to stderr.
    """
    ctx.obj = options
