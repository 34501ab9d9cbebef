"""``ctrader accounts``: what the tokens open."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from ctrader_twisted.cli import options
from ctrader_twisted.cli.access import Access
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.finding import find
from ctrader_twisted.cli.running import run, sentence
from ctrader_twisted.cli.tables import kind, lifetime
from ctrader_twisted.cli.terminal import cell, clean, say, show, show_json, table, warn
from ctrader_twisted.cli.waiting import all_of
from ctrader_twisted.documents import iso
from ctrader_twisted.errors import OpenApiError
from ctrader_twisted.market import MONEY_DIGITS, money

if TYPE_CHECKING:
    from decimal import Decimal

    from rich.table import Table

    from ctrader_twisted.cli.finding import Found
    from ctrader_twisted.tokens import Grant, GrantedAccount


@dataclass(slots=True)
class AccountReport:
    """What is known of an account.

    :ivar environment: the name of the environment that serves it.
    :ivar problem: why nothing more is known than its grant says, or None.
    """

    account: GrantedAccount
    environment: str
    balance: Decimal | None = None
    currency: str | None = None
    leverage: Decimal | None = None
    problem: str | None = None

    def document(self) -> dict[str, object]:
        """Give it as ``--json`` has it."""
        return {
            "id": self.account.account_id,
            "live": self.account.live,
            "login": self.account.login,
            "broker": self.account.broker or None,
            "environment": self.environment,
            "balance": _text(self.balance),
            "currency": self.currency,
            "leverage": _text(self.leverage),
            "problem": self.problem,
        }


@dataclass(slots=True)
class GrantReport:
    """What is known of a grant.

    :ivar kept: whether it is in the token store, so that it can be refreshed.
    :ivar problem: why its accounts could not be asked for, or None.
    """

    grant: Grant
    kept: bool
    accounts: list[AccountReport] = field(default_factory=list)
    problem: str | None = None

    def document(self, now: float) -> dict[str, object]:
        """Give it as ``--json`` has it."""
        left, expires = self.grant.days_left(now), self.grant.expires_at
        return {
            "name": self.grant.name,
            "scope": self.grant.scope,
            "expires": None if expires is None else iso(expires),
            "days_left": None if left is None else round(left, 2),
            "refreshed_by_itself": self.kept and self.grant.refresh_token is not None,
            "accounts": [account.document() for account in self.accounts],
            "problem": self.problem,
        }


@click.command(short_help="List the accounts that the tokens open.")
@options.connection_options
@options.port_option
@options.json_option
@click.pass_obj
def accounts(obj: dict[str, Any], /, as_json: bool, **given: Any) -> None:
    """List the accounts that the tokens open, with their balances.

    The lists come from the server, one for each grant that is kept or configured. Tokens that expire soon are
    refreshed on the way.
    """
    found = find(options.wanted(given), os.environ)
    for warning in found.warnings:
        warn(warning)
    run(lambda reactor: show_accounts(reactor, found, as_json=as_json), verbose=obj["verbose"])


async def show_accounts(reactor: Any, found: Found, *, as_json: bool, access: Access | None = None) -> int:
    """Ask, and show what was answered.

    :return: the exit status: 1 if there is a grant whose accounts could not be asked for.
    :raises CommandFailed: if there is no grant.
    """
    async with access or Access(reactor, found) as used:
        if not used.grants:
            raise used.no_token()
        reports = await all_of(_ask_grant(used, grant) for grant in used.grants)
        now = reactor.seconds()
    if as_json:
        show_json({"grants": [report.document(now) for report in reports]})
    for number, report in enumerate(reports):
        if not as_json:
            _show(report, now, first=number == 0)
        if report.problem is not None:
            name = f'grant "{report.grant.name}": '
            say(f"ctrader: {name}{report.problem.removeprefix(name)}", "red")
    return int(any(report.problem is not None for report in reports))


async def _ask_grant(access: Access, grant: Grant) -> GrantReport:
    report = GrantReport(grant, access.is_kept(grant))
    try:
        report.grant, _, opened = await access.ask_grant(grant)
    except OpenApiError as error:
        report.problem = sentence(error)
        return report
    report.accounts = await all_of(_ask_account(access, report.grant, account) for account in opened)
    return report


async def _ask_account(access: Access, grant: Grant, account: GrantedAccount) -> AccountReport:
    report = AccountReport(account, "")
    try:
        report.environment = access.environment_of(account)
        client = await access.open_account(account, grant)
        trader = (await client.trader(ctidTraderAccountId=account.account_id)).trader
        digits = trader.moneyDigits if trader.HasField("moneyDigits") else MONEY_DIGITS
        report.balance = money(trader.balance, digits)
        if trader.HasField("leverageInCents"):
            report.leverage = money(trader.leverageInCents, 2).normalize()
        assets = await client.asset_list(ctidTraderAccountId=account.account_id)
        report.currency = next((each.name for each in assets.asset if each.assetId == trader.depositAssetId), None)
    except (OpenApiError, CommandFailed) as error:
        report.problem = sentence(error)
    return report


def _text(number: Decimal | None) -> str | None:
    return None if number is None else format(number, "f")


def _show(report: GrantReport, now: float, *, first: bool) -> None:
    grant = report.grant
    if not first:
        click.echo()
    click.echo(f"{clean(grant.name)}: scope {grant.scope or 'not known'}, {lifetime(grant, now, kept=report.kept)}")
    if report.accounts:
        show(_table(report.accounts))
    for account in report.accounts:
        if account.problem is not None:
            warn(f"account {account.account.account_id}: {account.problem}")


def _table(reports: list[AccountReport]) -> Table:
    made = table(
        ("account", "right"),
        ("", "left"),
        ("login", "right"),
        ("broker", "left"),
        ("balance", "right"),
        ("", "left"),
        ("leverage", "right"),
    )
    for report in reports:
        account = report.account
        made.add_row(
            cell(account.account_id, "bold"),
            cell(kind(account.live), "red" if account.live else "green"),
            cell(account.login or ""),
            cell(account.broker),
            cell("not reached" if report.balance is None else f"{report.balance:,f}"),
            cell(report.currency or ""),
            cell("" if report.leverage is None else f"1:{report.leverage:f}"),
        )
    return made
