"""``ctrader login`` as a person runs it: a process, a browser, a venue with a consent page."""

from __future__ import annotations

import json
import re
import shlex
import stat
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted.sim.accounts import PLAYGROUND_URI, Application
from ctrader_twisted.sim.script import refuse_connections
from ctrader_twisted.sim.venue import DEFAULT_START, Venue
from ctrader_twisted.tokens import FileTokenStore
from tests.loopback.commands import Ended, serve, start
from tests.loopback.servers import over_sockets
from tests.loopback.test_cli_redirect_listener import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctrader_twisted.tokens import Grant

SECRET = "hush-client-secret"
SECRETS = {"CTRADER_CLIENT_ID": "an-id", "CTRADER_CLIENT_SECRET": SECRET}
WEBSITE = "https://my.site/callback"


class Stage:
    """A venue that an application is registered with, and the folder of whoever logs in."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        from twisted.internet import reactor

        self.folder = folder
        self.port = free_port()
        self.redirect_uri = f"http://localhost:{self.port}/"
        application = Application("an-id", SECRET, (PLAYGROUND_URI, self.redirect_uri, WEBSITE))
        self.venue = Venue(reactor, applications=[application], start=DEFAULT_START, **settings)
        self.page = folder / "page.html"
        serve(self.venue, folder, self.oauth())

    def oauth(self) -> str:
        self.venue.listen_oauth(self.venue.clock)
        return f"""
        [tokens]
        [oauth]
        redirect_uri = "{self.redirect_uri}"
        consent_url = "{self.venue.consent_url}"
        token_url = "{self.venue.token_url}"
        """

    def browser(self, decision: str = "allow") -> dict[str, str]:
        script = Path(__file__).with_name("browser.py")
        return {"BROWSER": shlex.join([sys.executable, str(script), decision, str(self.page)]) + " %s"}

    def secrets(self) -> list[str]:
        """Everything that must not be seen anywhere."""
        tokens = [text for grant in self.venue.registry.grants for text in (grant.access_token, grant.refresh_token)]
        code = re.findall(r"code=([^&\s]+)", self.page.read_text("utf-8")) if self.page.exists() else []
        return [SECRET, *tokens, *code]

    def check(self, ended: Ended) -> Ended:
        """No run may show a secret or a traceback."""
        shown = ended.out + ended.err
        assert not [secret for secret in self.secrets() if secret in shown], shown
        assert "Traceback" not in shown, shown
        return ended

    async def run(self, *arguments: str, **variables: str) -> Ended:
        return self.check(await start(self.folder, *arguments, **{**SECRETS, **variables}).ended)

    async def kept(self) -> dict[str, Grant]:
        return await FileTokenStore(self.folder / "tokens.json", self.venue.clock).load()


@over_sockets
async def test_from_the_consent_page_to_the_first_quotes(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    ended = await stage.run("login", **stage.browser())
    assert ended.status == 0, ended.err
    assert "You can close this page and go back to the terminal." in stage.page.read_text("utf-8")
    assert stat.S_IMODE((tmp_path / "tokens.json").stat().st_mode) == 0o600
    (grant,) = (await stage.kept()).values()
    assert grant.access_token == stage.venue.registry.grants[-1].access_token
    assert [account.account_id for account in grant.accounts] == [1000001, 1000002]
    assert grant.scope == "trading"
    assert "1000001  demo  2000001  Simulated venue  trading" in ended.err
    assert "Tokens good for 30 days, refreshed by itself." in ended.err
    lines = tomllib.loads(ended.out)
    assert [account["id"] for account in lines["account"]] == [1000001, 1000002]
    assert {account["environment"] for account in lines["account"]} == {"demo"}
    # And on: with what it says, everything else works.
    accounts = await stage.run("accounts", "--json")
    assert json.loads(accounts.out)["grants"][0]["accounts"][0]["balance"] == "10000.00"
    quotes = await stage.run("watch", "EURUSD", "--account", "1000001", "--count", "2")
    assert [json.loads(line)["symbol"] for line in quotes.out.splitlines()] == ["EURUSD", "EURUSD"], quotes.err
    assert lines["application"] == {"client_id": "an-id"}, "the file has none"
    listed = await stage.run("tokens", "list")
    assert "default  trading   30 days  yes" in listed.out and "1000001 demo, 1000002 demo" in listed.out
    await stage.venue.close()


@over_sockets
async def test_its_lines_make_a_configuration_for_the_daemon(tmp_path: Path) -> None:
    from ctrader_twisted import config

    stage = Stage(tmp_path)
    ended = await stage.run("login", **stage.browser())
    file = tmp_path / "ctrader.toml"
    file.write_text(file.read_text("utf-8") + ended.out + '\n[[output]]\npath = "-"\n', "utf-8")
    loaded = config.load(file, SECRETS)
    assert [account.account_id for account in loaded.environments[0].accounts] == [1000001, 1000002]
    assert not loaded.warnings
    assert (await stage.run("login", **stage.browser())).out == "", "all that it needs is there"
    await stage.venue.close()


@over_sockets
async def test_without_a_configuration_the_tokens_are_kept_in_the_users_own_folder(tmp_path: Path) -> None:
    """The consent page is the real one then, so the venue's is given by hand."""
    stage = Stage(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    ended = await stage.run("login", "--tokens", "elsewhere/mine.json", **stage.browser())
    assert ended.status == 0, ended.err
    assert tomllib.loads(ended.out)["tokens"]["file"] == str(tmp_path / "elsewhere" / "mine.json")
    await stage.venue.close()


@over_sockets
async def test_access_is_denied(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    ended = await stage.run("login", **stage.browser("deny"))
    assert ended.status == 1
    assert "ctrader: access was not granted" in ended.err
    assert "Not granted" in stage.page.read_text("utf-8")
    assert not await stage.kept()
    await stage.venue.close()


@over_sockets
async def test_nobody_consents(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    ended = await stage.run("login", "--no-browser", "--timeout", "1")
    assert ended.status == 1
    assert "no consent within 1 s" in ended.err and "--paste" in ended.err
    assert re.search(r"http://\S+grantingaccess/\?\S*client_id=an-id\S*scope=trading", ended.err)
    await stage.venue.close()


@over_sockets
async def test_the_port_is_taken(tmp_path: Path) -> None:
    from twisted.internet import reactor
    from twisted.internet.protocol import Factory

    stage = Stage(tmp_path)
    port = reactor.listenTCP(stage.port, Factory(), interface="127.0.0.1")
    ended = await stage.run("login", **stage.browser())
    assert ended.status == 1
    assert f"port {stage.port} of 127.0.0.1 can't be had" in ended.err
    await port.stopListening()
    await stage.venue.close()


@over_sockets
async def test_the_store_is_tried_before_anything_is_asked(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    (tmp_path / "readable.json").write_text("{}")
    (tmp_path / "readable.json").chmod(0o644)
    ended = await stage.run("login", "--tokens", "readable.json", **stage.browser())
    assert ended.status == 1
    assert "chmod 600" in ended.err
    assert "Open this page" not in ended.err and not stage.page.exists()
    await stage.venue.close()


@over_sockets
async def test_a_wrong_secret(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    ended = await stage.run("login", CTRADER_CLIENT_SECRET="hush-wrong", **stage.browser())
    assert ended.status == 1
    assert "ACCESS_DENIED" in ended.err and "client id, secret and redirect URI" in ended.err
    assert "hush" not in ended.err
    assert not await stage.kept()
    await stage.venue.close()


@over_sockets
async def test_the_tokens_are_kept_though_the_accounts_can_not_be_listed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.venue.play(refuse_connections())
    command = start(tmp_path, "login", **SECRETS, **stage.browser())
    await command.when(lambda command: b"Kept as" in command.err)
    assert (await stage.kept())["default"].access_token
    command.kill(2)
    ended = stage.check(await command.ended)
    assert ended.status == 130
    await stage.venue.close()


@pytest.mark.slow
@over_sockets
async def test_a_second_login_replaces_the_first_only_when_it_is_complete(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.run("login", **stage.browser())
    first = (await stage.kept())["default"].access_token
    await stage.run("login", **stage.browser("deny"))
    assert (await stage.kept())["default"].access_token == first
    await stage.run("login", "--name", "second", "--scope", "accounts", **stage.browser())
    assert {name: grant.scope for name, grant in (await stage.kept()).items()} == {
        "default": "trading",
        "second": "accounts",
    }
    await stage.run("login", **stage.browser())
    assert (await stage.kept())["default"].access_token not in (first, (await stage.kept())["second"].access_token)
    await stage.venue.close()


@over_sockets
async def test_ctrl_c_while_it_waits(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    command = start(tmp_path, "login", "--no-browser", **SECRETS)
    await command.when(lambda command: b"Waiting for it" in command.err)
    command.kill(2)
    ended = stage.check(await command.ended)
    assert ended.status == 130
    await stage.venue.close()


# Pasting


def paste(stage: Stage, what: Callable[[str], str]) -> str:
    """Make a code as the consent page would, and give what a person pastes of it."""
    application = stage.venue.registry.applications["an-id"]
    code = stage.venue.registry.make_code(application, WEBSITE, [1000002], stage.venue.now())
    stage.page.write_text(f"?code={code}", "utf-8")
    return what(code)


@pytest.mark.parametrize("what", [lambda code: code, lambda code: f"{WEBSITE}?code={code}&x=1"])
@over_sockets
async def test_a_redirect_uri_that_is_a_website(tmp_path: Path, what: Callable[[str], str]) -> None:
    stage = Stage(tmp_path)
    command = start(tmp_path, "login", "--redirect-uri", WEBSITE, "--no-browser", pty=(40, 120), **SECRETS)
    await command.when(lambda command: b"not shown" in command.out)
    await command.asks_unseen()
    command.write(paste(stage, what) + "\n")
    ended = stage.check(await command.ended)
    assert ended.status == 0, ended.out
    assert (await stage.kept())["default"].account_ids() == {1000002}
    await stage.venue.close()


@over_sockets
async def test_what_is_pasted_holds_no_code(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    command = start(tmp_path, "login", "--paste", "--no-browser", pty=(40, 120), **SECRETS)
    await command.when(lambda command: b"not shown" in command.out)
    await command.asks_unseen()
    command.write("http://localhost/\n")
    ended = stage.check(await command.ended)
    assert ended.status == 1
    assert "holds no code" in ended.out
    await stage.venue.close()


@over_sockets
async def test_ctrl_c_while_it_asks(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    command = start(tmp_path, "login", "--paste", "--no-browser", pty=(40, 120), **SECRETS)
    await command.when(lambda command: b"not shown" in command.out)
    await command.asks_unseen()
    command.write("\x03")
    ended = stage.check(await command.ended)
    assert ended.status == 130
    await stage.venue.close()


@over_sockets
async def test_the_secret_is_asked_for_and_not_shown(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    command = start(tmp_path, "login", "--client-id", "an-id", pty=(40, 120), **stage.browser())
    await command.when(lambda command: b"Client secret" in command.out)
    await command.asks_unseen()
    command.write(SECRET + "\n")
    ended = stage.check(await command.ended)
    assert ended.status == 0, ended.out
    await stage.venue.close()


@over_sockets
async def test_there_is_nobody_to_ask(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    ended = await stage.run("login", CTRADER_CLIENT_SECRET="")
    assert ended.status == 1
    assert "nobody at a terminal" in ended.err
    assert "Set CTRADER_CLIENT_SECRET, or name a configuration" in ended.err and "client_secret in" in ended.err
    await stage.venue.close()
