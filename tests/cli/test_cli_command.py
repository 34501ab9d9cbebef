"""The command as a whole: its help, its statuses, what it says of errors."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from typing import Any

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from ctrader_twisted.cli import options, terminal
from ctrader_twisted.cli.command import COMMANDS, ctrader, invoke
from ctrader_twisted.cli.failures import CommandFailed, Interrupted
from ctrader_twisted.cli.options import HostAndPort
from ctrader_twisted.cli.remedies import explain
from ctrader_twisted.cli.running import sentence, tell
from ctrader_twisted.cli.terminal import say, show_json
from ctrader_twisted.errors import (
    AccountRefused,
    AnswerTimeout,
    ApplicationRefused,
    ClientClosed,
    ConfigurationError,
    GrantRefused,
    NotReadyInTime,
    OAuthRefused,
    OpenApiError,
    ServerError,
    TokenRefused,
    TokenStoreError,
    WrongEnvironment,
)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_they_say_of_themselves(name: str) -> None:
    command = ctrader.get_command(click.Context(ctrader), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(200) == COMMANDS[name].short_help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    command = ctrader.get_command(click.Context(ctrader), name)
    assert command is not None and command.help
    commands = list(command.commands.values()) if isinstance(command, click.Group) else [command]
    for each in commands:
        options = [parameter for parameter in each.params if isinstance(parameter, click.Option)]
        assert all(option.help or isinstance(option.type, click.Choice) for option in options)
        assert not [option for option in options if "secret" in option.opts[0]], "no secret in an argument"


def test_help_loads_no_command() -> None:
    program = (
        "import sys; from ctrader_twisted.cli.command import invoke; invoke(['--help']); "
        "sys.exit(bool({'rich.live', 'treq', 'ctrader_twisted.cli.login'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, timeout=60, check=True)


# Statuses


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CommandFailed("no"), 1),
        (ConfigurationError("a.toml", "key", "wrong", "Correct it."), 1),
        (PermissionError(13, "Permission denied", "a.toml"), 1),
        (RuntimeError("hush"), 1),
        (Interrupted(), 130),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (click.UsageError("no"), 2),
        (None, 0),
    ],
)
def test_statuses(error: BaseException | None, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(ctrader, "main", fail)
    assert invoke([]) == status


def test_a_fault_of_the_program_is_shown_to_who_wants_to_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(ctrader, "main", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        invoke(["-v"])


# Sentences


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ApplicationRefused("CH_CLIENT_AUTH_FAILURE"), "see that it is Active"),
        (TokenRefused("CH_ACCESS_TOKEN_INVALID"), "ctrader login"),
        (AccountRefused("CH_CTID_TRADER_ACCOUNT_NOT_FOUND"), "ctrader accounts"),
        (WrongEnvironment("CANT_ROUTE_REQUEST"), "--environment"),
        (NotReadyInTime("demo", "not ready within 30 s"), "ctrader check"),
        (OAuthRefused("openapi.ctrader.com", "ACCESS_DENIED"), "one minute"),
        (AnswerTimeout("ProtoOATraderReq", "no answer within 30 s"), "nothing was changed"),
        (ServerError("SOMETHING_NEW"), "ctrader check"),
        (GrantRefused("default", "the server refused to refresh it"), "ctrader login"),
        (TokenStoreError("tokens.json", "the disk is full", "Make room on it"), "Make room"),
    ],
)
def test_every_error_says_what_to_do(error: OpenApiError, remedy: str) -> None:
    said = explain(error)
    assert said.startswith(str(error)) and remedy in said
    assert sentence(error) == said


@pytest.mark.parametrize(
    ("arguments", "check"),
    [
        ([], "ctrader check"),
        (["--wire", "json"], "ctrader check --wire json"),
        (["--host", "proxy:7000", "--wire", "json"], "ctrader check --host proxy --port 7000 --wire json"),
        (["--host", "proxy:7000", "--port", "7001"], "ctrader check --host proxy --port 7001"),
    ],
)
@pytest.mark.parametrize(
    "error",
    [NotReadyInTime("demo", "not ready within 30 s"), ServerError("SOMETHING_NEW")],
    ids=lambda each: type(each).__name__,
)
def test_the_check_that_an_error_sends_to_goes_the_same_way(
    error: OpenApiError, arguments: list[str], check: str
) -> None:
    @click.command()
    @options.connection_options
    @options.port_option
    def command(**given: Any) -> None:
        options.wanted(given)
        click.echo(explain(error))

    said = CliRunner().invoke(command, arguments)
    assert said.output.endswith(f"To see which step fails: {check}\n")


@pytest.mark.parametrize(
    ("arguments", "text", "said"),
    [
        ([], "Log in: ctrader login", "Log in: ctrader login"),
        (["-c", "my.toml"], "Log in: ctrader login", "Log in: ctrader login --config my.toml"),
        (["-c", "my own.toml"], "(ctrader login)", "(ctrader login --config 'my own.toml')"),
        (["--tokens", "t.json"], "ctrader login --paste", "ctrader login --tokens t.json --paste"),
        (["-c", "my.toml"], "ctrader login --config my.toml", "ctrader login --config my.toml"),
        (["-e", "lab", "--wire", "json"], "ctrader login, ctrader tokens list", "ctrader login, ctrader tokens list"),
        (["-e", "lab", "--host", "a:7"], "ctrader accounts", "ctrader accounts --environment lab --host a --port 7"),
        (["-c", "my.toml", "-a", "5"], '"ctrader symbols"', '"ctrader symbols --config my.toml --account 5"'),
        (["-c", "my.toml", "-a", "5"], "ctrader: `twistd ctrader`", "ctrader: `twistd ctrader`"),
    ],
)
def test_what_a_sentence_sends_to_works_as_it_is_copied(
    arguments: list[str], text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    @options.account_option
    @options.connection_options
    @options.port_option
    def command(**given: Any) -> None:
        say(text, whole=True)

    command.main(arguments, standalone_mode=False)
    assert capsys.readouterr().err == f"{said}\n"


@pytest.mark.parametrize("request_", ["ProtoOARefreshTokenReq", "the token request"])
def test_what_is_used_up_is_not_said_to_be_unchanged(request_: str) -> None:
    said = explain(AnswerTimeout(request_, "no answer within 30 s"))
    assert "may be spent" in said and "ctrader login" in said and "nothing was changed" not in said


def test_a_servers_words_make_no_line_of_their_own() -> None:
    said = explain(ServerError("X", "down\nctrader: all is well\x1b[2J"))
    assert "\n" not in said and "\x1b" not in said


def test_json_moves_no_cursor(capfd: pytest.CaptureFixture[str]) -> None:
    show_json({"broker": "Größe \x9b2J\u202e"})
    out = capfd.readouterr().out
    assert "Größe" in out and "\x9b" not in out and "\u202e" not in out
    assert json.loads(out) == {"broker": "Größe \x9b2J\u202e"}


@pytest.mark.parametrize("arguments", [["watch", "EURUSD", "--seconds", "nan"], ["login", "--timeout", "inf"]])
def test_what_is_no_number_of_seconds(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(arguments) == 2
    assert "--" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["login", "-h"], ["watch", "--help"], ["tokens", "import", "--help"]]
)
def test_help(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert invoke(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: ctrader") and err == ""
    assert all(len(line) <= 100 for line in out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["wacth"], "No such command 'wacth'"),
        (["watch"], "Missing argument 'SYMBOL...'"),
        (["watch", "EURUSD", "--count", "0"], "--count"),
        (["accounts", "--host", "http://x"], "is no HOST:PORT"),
        (["accounts", "--wire", "jsn"], "'protobuf', 'json', 'protobuf-websocket'"),
        (["login", "--port", "1", "--redirect-uri", "http://localhost/"], "give one of them"),
        (["login", "--client-secret", "hush"], "No such option"),
        (["login", "--name", ""], "--name"),
        (["accounts", "--requests-per-second", "60"], "allow 50"),
    ],
)
def test_mistakes(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CTRADER_CLIENT_ID", "an-id")
    monkeypatch.setenv("CTRADER_CLIENT_SECRET", "a-secret")
    assert invoke(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err


def test_other_errors() -> None:
    assert sentence(FileNotFoundError(2, "No such file or directory", "a.toml")) == "a.toml: No such file or directory"
    assert sentence(OSError("odd")).startswith("OSError: this should not happen")
    assert "hush" not in sentence(ValueError("hush"))
    assert "start a new one" in sentence(ClientClosed())


def test_text_of_others_can_not_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    tell(CommandFailed("one\x1b[2J\rtwo\nthree\u202e"))
    assert capsys.readouterr().err == "ctrader: one?[2J?two\nthree?\n"


# Tables and questions


def test_tables_that_nobody_sees_are_as_wide_as_they_want(capsys: pytest.CaptureFixture[str]) -> None:
    wide = terminal.table(("name", "left"), ("number", "right"))
    wide.add_row(terminal.cell("x" * 300), terminal.cell(5))
    terminal.show(wide)
    assert capsys.readouterr().out.splitlines()[1] == "x" * 300 + "       5"


def test_cells_are_text_and_nothing_else() -> None:
    made = terminal.table(("name", "left"))
    made.add_row(terminal.cell("[bold]a[/bold] :smile: \x1b[31m\n"))
    console = Console(file=StringIO(), width=80, force_terminal=True, color_system="truecolor")
    console.print(made)
    file = console.file
    assert isinstance(file, StringIO)
    assert "[bold]a[/bold] :smile: ?[31m?" in file.getvalue()


def test_a_question_that_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(""))
    with pytest.raises(CommandFailed, match='"Client id" has to be answered.* to do it$'):
        terminal.ask("Client id")
    with pytest.raises(CommandFailed, match=r"to do it\. Name a file$"):
        terminal.ask("Client id", instead="Name a file")


def test_a_question_that_a_pipe_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(" an-id \n\n"))
    assert terminal.ask("Client id") == "an-id"
    assert terminal.ask("Refresh token", optional=True) == ""


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("proxy.example", "proxy.example", None),
        ("proxy.example:5035", "proxy.example", 5035),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("::1", "::1", None),
        ("[::1]:5035", "::1", 5035),
    ],
)
def test_hosts(text: str, host: str, port: int | None) -> None:
    assert HostAndPort().convert(text, None, None) == (host, port)


@pytest.mark.parametrize("text", ["", ":5035", "a:b", "a:0", "a:65536", "http://a", "[::1", "[::1]5035", "a:²"])
def test_no_hosts(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no HOST:PORT"):
        HostAndPort().convert(text, None, None)
