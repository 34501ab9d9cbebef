"""``ctrader login``: from the consent page to tokens that are kept."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import click

from ctrader_twisted.cli import options
from ctrader_twisted.cli.access import Access
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.finding import CLIENT_ID, find, token_folder
from ctrader_twisted.cli.hints import copyable
from ctrader_twisted.cli.redirect import RedirectListener, RedirectURI, read_pasted
from ctrader_twisted.cli.running import run, sentence
from ctrader_twisted.cli.tables import account_table, lifetime
from ctrader_twisted.cli.terminal import ask, clean, say, show, warn
from ctrader_twisted.errors import OpenApiError
from ctrader_twisted.tokens import Grant
from ctrader_twisted.tokens.oauth import CONSENT_URL, TOKEN_URL, OAuth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ctrader_twisted.cli.finding import Found
    from ctrader_twisted.tokens import GrantedAccount

PORT: Final = 8765
_DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


@dataclass(frozen=True, slots=True)
class Login:
    """What was asked for.

    :ivar redirect_uri: where the consent page sends the browser, as registered.
    :ivar scope: "trading" or "accounts".
    :ivar name: what the grant will be called.
    :ivar browser: whether to open the consent page.
    :ivar paste: whether the person pastes the code.
    :ivar timeout: seconds to wait for the redirect.
    """

    redirect_uri: RedirectURI
    scope: str
    name: str
    browser: bool
    paste: bool
    timeout: float


@click.command(short_help="Log in with your cTrader ID and keep the tokens.")
@options.connection_options
@click.option("--client-id", metavar="ID", help="The application's id. Its secret is never an argument.")
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(1, 65535),
    help=f"Of http://localhost:PORT/, where the redirect is received. [default: {PORT}]",
)
@click.option("--redirect-uri", metavar="URI", help="To the letter as registered for the application.")
@click.option("--scope", type=click.Choice(["trading", "accounts"]), default="trading", show_default=True)
@click.option("--name", default="default", show_default=True, help="What to call the grant, if you keep several.")
@click.option("--browser/--no-browser", default=True, help="Open the consent page, or only print its address.")
@click.option("--paste", is_flag=True, help="Paste the code, or the whole address the browser was sent to.")
@click.option(
    "--timeout",
    metavar="N",
    type=options.Seconds(1, 86_400),
    default=300.0,
    show_default=True,
    help="Seconds to wait for the redirect; whoever pastes has all the time there is.",
)
@click.pass_obj
def login(obj: dict[str, Any], /, **given: Any) -> None:
    """Log in with your cTrader ID and keep the tokens.

    Client id and secret come from the configuration, or from CTRADER_CLIENT_ID and CTRADER_CLIENT_SECRET; what is
    missing is asked for. The consent page then opens in a browser; what you allow there is received on this computer,
    exchanged for tokens, and kept in a file that only you can read. docs/getting-access.md has the way there.

    Lines for a configuration go to stdout, everything else to stderr.
    """
    port, uri = given.pop("port"), given.pop("redirect_uri")
    if port is not None and uri is not None:
        raise click.UsageError("--port and --redirect-uri say the same: give one of them.")
    options.check_name(given["name"])
    found = find(options.wanted(given, client_id=given.pop("client_id")), os.environ, _ask)
    if found.simulator is not None:
        raise CommandFailed(
            f"{found.file} simulates its venue: its tokens are known, nobody has to log in. To try a login, run "
            "`twistd ctrader-sim` and name it as an [environment] (docs/command.md)"
        )
    uri = uri or (found.oauth.redirect_uri if port is None else None) or f"http://localhost:{port or PORT}/"
    redirect_uri = RedirectURI.parse(uri)
    wanted = Login(
        redirect_uri,
        given["scope"],
        given["name"],
        given["browser"],
        given["paste"] or not redirect_uri.is_loopback,
        given["timeout"],
    )
    for warning in found.warnings:
        warn(warning)
    token_folder(found.token_file)
    run(lambda reactor: log_in(reactor, found, wanted), verbose=obj["verbose"])


def _ask(variable: str) -> str:
    """Ask for client id or secret; neither the secret nor its length is shown."""
    key = variable.removeprefix("CTRADER_").lower()
    instead = f"Set {variable}, or name a configuration (--config FILE) that has {key} in [application]"
    if variable == CLIENT_ID:
        return ask("Client id", instead=instead)
    return ask("Client secret (not shown)", hidden=True, instead=instead)


def ask_for_redirect() -> str:
    """Ask for the code or the address; what is pasted is not shown."""
    return ask("Paste that address, or the code in it (not shown)", hidden=True)


def open_browser(url: str) -> None:
    """Open a page in the person's browser, in a process of its own: some browsers hold up whoever opens them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "webbrowser", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # It outlives this process by days, and needs no secret.
        env={name: value for name, value in os.environ.items() if not name.startswith("CTRADER_")},
    )
    process.returncode = 0  # it may outlive this process: nobody waits for it


def can_open_browser() -> bool:
    """Whether there is a screen to open a page on."""
    return sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in _DISPLAYS)


async def log_in(
    reactor: Any,
    found: Found,
    wanted: Login,
    *,
    paste: Callable[[], str] = ask_for_redirect,
    browse: Callable[[str], None] | None = None,
    access: Access | None = None,
    oauth: OAuth | None = None,
) -> None:
    """Log in.

    :param paste: gives what the person pasted.
    :param browse: opens the consent page.
    :param access: the connections, if not those of ``found``.
    :param oauth: the authorisation server, if not that of ``found``.
    :raises CommandFailed: if it comes to nothing.
    """
    application = found.application
    assert application is not None
    oauth = oauth or OAuth(
        application.client_id,
        application.client_secret,
        consent_url=found.oauth.consent_url or CONSENT_URL,
        token_url=found.oauth.token_url or TOKEN_URL,
        clock=reactor,
    )
    if browse is None and wanted.browser and can_open_browser():
        browse = open_browser
    async with access or Access(reactor, found) as used:
        await used.store.check_writable()
        code = await _code(reactor, wanted, oauth.consent(wanted.redirect_uri.uri, wanted.scope), paste, browse)
        pair = await oauth.exchange(code, wanted.redirect_uri.uri)
        before = await _put_aside(used, wanted.name, reactor.seconds())
        # Until they are asked for, its accounts are those of the login before: mostly it is the same person's.
        accounts = () if before is None else before.accounts
        grant = Grant(wanted.name, pair.access_token, scope=wanted.scope, accounts=accounts).renewed(pair)
        await used.keeper.update(grant)
        say(f'Kept as "{wanted.name}" in {found.token_file}.', "green")
        try:
            scope, accounts = await used.list_accounts(grant)
        except OpenApiError as error:
            raise CommandFailed(
                f"{sentence(error)}. The tokens are kept, but which accounts they open could not be asked: try "
                "`ctrader accounts`" + ("" if before is None else f'. What was kept before is now "{before.name}"')
            ) from None
        grant = await used.note_accounts(used.keeper.find(wanted.name) or grant, scope, accounts)
        _tell(used, grant, wanted, reactor.seconds())
        if before is not None:
            await _drop_if_replaced(used, before, grant)


async def _put_aside(access: Access, name: str, now: float) -> Grant | None:
    """Keep the grant of a name under another one, so that no tokens of somebody else are lost.

    :return: it, under its new name; None if there is none, or none that can be of use.
    """
    old, left = access.keeper.find(name), None
    if old is not None:
        left = old.days_left(now)
    if old is None or (old.refresh_token is None and left is not None and left <= 0):
        return None
    names = (f"{name}-before{number or ''}" for number in itertools.count())
    aside = replace(old, name=next(each for each in names if access.keeper.find(each) is None))
    await access.keeper.update(aside)
    return aside


async def _drop_if_replaced(access: Access, before: Grant, grant: Grant) -> None:
    """Forget the tokens of the login before, unless they open something that the new ones do not."""
    opened = before.account_ids()
    if opened and opened <= grant.account_ids():
        await access.forget(before.name)
        return
    lost = ", ".join(map(str, sorted(opened - grant.account_ids()))) or "accounts that nobody knows"
    warn(
        f'this login does not open all that the one before did: {lost}. The tokens before are kept as "{before.name}". '
        f"If they are not wanted: ctrader tokens remove {before.name}"
    )


async def _code(
    reactor: Any, wanted: Login, consent: str, paste: Callable[[], str], browse: Callable[[str], None] | None
) -> str:
    """Get the code: the listener is there before the page that leads to it."""
    if wanted.paste:
        _send_to(consent, browse)
        say(
            f"It sends the browser to {wanted.redirect_uri.uri}?code=… The code is good for one minute. "
            "Copy the whole address from the browser, whatever the page shows."
        )
        return read_pasted(paste()).code_or_fail()
    listener = RedirectListener(reactor, wanted.redirect_uri)
    listener.open()
    try:
        _send_to(consent, browse)
        say(
            f"Waiting for it at {wanted.redirect_uri.uri}, for {wanted.timeout:g} s. That address must be registered "
            "for the application, to the letter. Browser on another computer? Ctrl-C, then: ctrader login --paste"
        )
        redirect = await listener.wait(wanted.timeout)
        return redirect.code_or_fail()
    finally:
        await listener.close()


def _send_to(consent: str, browse: Callable[[str], None] | None) -> None:
    if browse is None:
        say("Open this page in a browser and allow access:")
    else:
        say("Allow access in the page that opens now. If none does, open it yourself:")
    say(f"\n  {consent}\n", whole=True)
    if browse is not None:
        browse(consent)


def _tell(access: Access, grant: Grant, wanted: Login, now: float) -> None:
    """Say what was granted, and what to do next."""
    if not grant.accounts:
        warn("no account was granted: log in again and tick the accounts on the consent page.")
        return
    show(account_table(grant), to_stderr=True)
    say(f"\n{lifetime(grant, now)[0].upper()}{lifetime(grant, now)[1:]}.")
    if grant.scope != wanted.scope:
        warn(f'the scope granted is "{grant.scope}", not "{wanted.scope}".')
    lines = _lines(access, grant)
    if lines:
        say("\nFor a configuration (docs/daemon.md):\n")
        click.echo(lines, nl=False)
    check = copyable("ctrader check")
    watch = check.replace("check", "watch EURUSD", 1)
    say(f"\nNext: {check}\nthen: {watch} --account {grant.accounts[0].account_id}")


def _lines(access: Access, grant: Grant) -> str:
    """Write the lines that a configuration needs, in TOML."""
    found, blocks = access.found, []
    if found.application is not None and not _names_an_application(found.file):
        blocks.append(f"[application]\nclient_id = {_quoted(found.application.client_id)}\n# and {_SECRET_HINT}")
    if not found.token_file_is_configured:
        blocks.append(f"[tokens]\nfile = {_quoted(str(found.token_file.absolute()))}")
    there = {each.account_id for settings in found.environments.values() for each in settings.accounts}
    blocks.extend(_block(access, account) for account in grant.accounts if account.account_id not in there)
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _names_an_application(file: Path | None) -> bool:
    """Whether a configuration has that table; one that the shell has just made, to append to, has not."""
    return file is not None and "application" in tomllib.loads(file.read_bytes().decode("utf-8-sig"))


_SECRET_HINT = "the secret: CTRADER_CLIENT_SECRET in the environment, or client_secret here (chmod 600)"


def _block(access: Access, account: GrantedAccount) -> str:
    login = "" if account.login is None else f"login {account.login}"
    about = ", ".join(filter(None, (clean(account.broker), login)))
    environment = access.environment_of(account)
    return (
        f"[[account]]{'  # ' + about if about else ''}\n"
        f"id = {account.account_id}\n"
        f"environment = {_quoted(environment)}\n"
        'symbols = ["EURUSD"]'
    )


def _quoted(text: str) -> str:
    """Write a text as TOML has it."""
    escaped = "".join(
        f"\\{letter}" if letter in '"\\' else letter if letter.isprintable() else f"\\U{ord(letter):08X}"
        for letter in text
    )
    return f'"{escaped}"'
