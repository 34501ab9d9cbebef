"""Tables that more than one command shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.cli.terminal import cell, table

if TYPE_CHECKING:
    from rich.table import Table

    from ctrader_twisted.tokens import Grant


def kind(live: bool | None) -> str:
    """Name what an account is."""
    return "?" if live is None else "live" if live else "demo"


def days(left: float | None) -> str:
    """Write how many days tokens are good."""
    if left is None:
        return "not known"
    if left <= 0:
        return "expired"
    if left < 1:
        return f"{left * 24:.1f} hours"
    return f"{left:.1f} days" if left < 10 else f"{left:.0f} days"


def lifetime(grant: Grant, now: float, *, kept: bool = True) -> str:
    """Write how long a grant's tokens are good, and what happens then."""
    left = grant.days_left(now)
    if left is None:
        good = "nobody knows how long its tokens are good"
    else:
        good = "its tokens have expired" if left <= 0 else f"tokens good for {days(left)}"
    return f"{good}, refreshed by itself" if kept and grant.refresh_token is not None else good


def account_table(grant: Grant) -> Table:
    """Make the table of what a grant opens."""
    made = table(("account", "right"), ("", "left"), ("login", "right"), ("broker", "left"), ("scope", "left"))
    for account in grant.accounts:
        made.add_row(
            cell(account.account_id, "bold"),
            cell(kind(account.live), "red" if account.live else "green"),
            cell(account.login or ""),
            cell(account.broker),
            cell(grant.scope or "?"),
        )
    return made
