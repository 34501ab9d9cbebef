"""``ctrader tokens``: what is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ctrader_twisted.cli import options
from ctrader_twisted.cli.access import Access
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.finding import find, token_folder
from ctrader_twisted.cli.running import run
from ctrader_twisted.cli.tables import days, kind
from ctrader_twisted.cli.terminal import ask, cell, clean, say, show, show_json, table, warn
from ctrader_twisted.documents import iso
from ctrader_twisted.tokens import Grant, GrantedAccount

if TYPE_CHECKING:
    from ctrader_twisted.cli.finding import Found


@click.group(short_help="List, import or remove kept tokens.")
def tokens() -> None:
    """List, import or remove kept tokens. No token is ever shown, and nothing is asked of a server."""


def _find(given: dict[str, Any]) -> Found:
    """Find the token store; the application is not needed for that."""
    found = find(options.wanted(given), os.environ, lambda variable: "none")
    if found.simulator is not None:
        raise CommandFailed(f"{found.file} simulates its venue, whose tokens nobody keeps")
    return found


@tokens.command("list", short_help="List the grants that are kept.")
@options.config_option
@options.tokens_option
@options.json_option
@click.pass_obj
def list_tokens(obj: dict[str, Any], /, as_json: bool, **given: Any) -> None:
    """List the grants that are kept: name, accounts, scope, days left."""
    found = _find(given)
    run(lambda reactor: show_tokens(reactor, found, as_json=as_json), verbose=obj["verbose"])


async def show_tokens(reactor: Any, found: Found, *, as_json: bool) -> None:
    """Read the store, and show what is there."""
    async with Access(reactor, found) as access:
        grants = list(access.keeper.grants.values())
    now = reactor.seconds()
    if as_json:
        show_json({"file": str(found.token_file), "grants": [_document(grant, now) for grant in grants]})
        return
    if not grants:
        say(f"There is no token in {found.token_file}. To get one: ctrader login")
        return
    made = table(
        ("grant", "left"),
        ("scope", "left"),
        ("good for", "right"),
        ("refreshed by itself", "left"),
        ("accounts", "left"),
    )
    for grant in grants:
        accounts = ", ".join(f"{each.account_id} {kind(each.live)}" for each in grant.accounts)
        made.add_row(
            cell(grant.name, "bold"),
            cell(grant.scope or "?"),
            cell(days(grant.days_left(now))),
            cell("no" if grant.refresh_token is None else "yes"),
            cell(accounts or "not asked yet"),
        )
    show(made)
    for grant in grants:
        if grant.refresh_began_at is not None:
            warn(
                f'grant "{grant.name}": a refresh begun at {iso(grant.refresh_began_at)} was interrupted and may have '
                "used its refresh token up. If its access token is refused: ctrader login"
            )


def _document(grant: Grant, now: float) -> dict[str, object]:
    left = grant.days_left(now)
    return {
        "name": grant.name,
        "scope": grant.scope,
        "expires": None if grant.expires_at is None else iso(grant.expires_at),
        "days_left": None if left is None else round(left, 2),
        "refreshed_by_itself": grant.refresh_token is not None,
        "refresh_interrupted": None if grant.refresh_began_at is None else iso(grant.refresh_began_at),
        "accounts": [
            {"id": each.account_id, "live": each.live, "login": each.login, "broker": each.broker or None}
            for each in grant.accounts
        ],
    }


@tokens.command("import", short_help="Keep tokens that you have from elsewhere.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@options.config_option
@options.tokens_option
@click.option("--name", default="default", show_default=True, help="What to call the grant.")
@click.option("--replace", is_flag=True, help="Replace a grant of that name.")
@click.pass_obj
def import_tokens(obj: dict[str, Any], /, file: Path | None, name: str, replace: bool, **given: Any) -> None:
    """Keep tokens that you have from elsewhere, so that they are refreshed.

    FILE is a credentials file with accessToken and refreshToken, and perhaps accountId; without it, the tokens are
    asked for. Whoever else uses that refresh token loses it at the next refresh.
    """
    options.check_name(name)
    found = _find(given)
    grant = _asked(name) if file is None else read_credentials(file, name)
    token_folder(found.token_file)
    run(lambda reactor: keep(reactor, found, grant, replace=replace), verbose=obj["verbose"])


def _asked(name: str) -> Grant:
    instead = "Name a credentials file: ctrader tokens import FILE"
    access = ask("Access token (not shown)", hidden=True, instead=instead)
    return Grant(name, access, ask("Refresh token (not shown; empty for none)", hidden=True, optional=True) or None)


def read_credentials(file: Path, name: str) -> Grant:
    """Read a credentials file.

    :raises CommandFailed: if it holds no access token.
    """
    try:
        values = json.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        problem = error.strerror or "it can't be read"
    except ValueError:
        problem = "it is not JSON"
    else:
        if not isinstance(values, dict):
            values = {}
        access, refresh = values.get("accessToken"), values.get("refreshToken") or None
        if isinstance(access, str) and access and (refresh is None or isinstance(refresh, str)):
            account = str(values.get("accountId", ""))[:20]
            accounts = (GrantedAccount(int(account)),) if account.isascii() and account.isdecimal() else ()
            return Grant(name, access, refresh, accounts=accounts)
        problem = "it holds no accessToken"
    # Outside of the handlers, so that no traceback drags the file's text along.
    raise CommandFailed(f'{file}: {problem}. A JSON object belongs there: {{"accessToken": "…", "refreshToken": "…"}}')


async def keep(reactor: Any, found: Found, grant: Grant, *, replace: bool) -> None:
    """Keep a grant.

    :raises CommandFailed: if there is one of that name already.
    """
    async with Access(reactor, found) as access:
        if access.keeper.find(grant.name) is not None and not replace:
            raise CommandFailed(f'a grant "{grant.name}" is kept already. Give another --name, or --replace')
        await access.store.check_writable()
        await access.keeper.update(grant)
    say(f'Kept as "{clean(grant.name)}" in {found.token_file}. To see what it opens: ctrader accounts', "green")
    if grant.refresh_token is None:
        warn("without a refresh token it can't be refreshed: it ends about 30 days after it was given.")


@tokens.command("remove", short_help="Forget a grant.")
@click.argument("name")
@options.config_option
@options.tokens_option
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@click.pass_obj
def remove_tokens(obj: dict[str, Any], /, name: str, yes: bool, **given: Any) -> None:
    """Forget a grant. At Spotware it stays: revoke it on your cTrader ID's page."""
    found = _find(given)
    if not yes and not click.confirm(f'Forget the tokens of "{clean(name)}" in {found.token_file}?', err=True):
        say("Nothing was changed.")
        return
    run(lambda reactor: forget(reactor, found, name), verbose=obj["verbose"])


async def forget(reactor: Any, found: Found, name: str) -> None:
    """Remove a grant from the store.

    :raises CommandFailed: if there is none of that name.
    """
    async with Access(reactor, found) as access:
        grant = access.keeper.find(name)
        if grant is None:
            names = ", ".join(f'"{clean(each)}"' for each in access.keeper.grants) or "none"
            raise CommandFailed(f'there is no grant "{name}" in {found.token_file}. Kept are: {names}')
        await access.forget(name)
    say(f'Forgotten: "{clean(name)}".', "green")
