"""A grant: the pair of tokens that a person's consent gave, and the accounts it opens. No repr shows a token."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_DAY = 86_400.0
_RESPITE = 5.0  # seconds: each refresh ends the sessions of every account


@dataclass(frozen=True, slots=True)
class GrantedAccount:
    """An account that a grant opens.

    :ivar account_id: its ctidTraderAccountId.
    :ivar live: whether it is a live account; None if that is not known.
    :ivar login: the number its owner knows it by, or None.
    :ivar broker: its broker's short name, or ``""``.
    """

    account_id: int
    live: bool | None = None
    login: int | None = None
    broker: str = ""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a code or a refresh gives.

    :ivar access_token: opens accounts; never shown.
    :ivar refresh_token: buys the next pair, once; None if none came. Never shown.
    :ivar expires_at: when the access token ends, in seconds since the epoch; None if that is not known.
    :ivar obtained_at: when it was given, in seconds since the epoch; None if that is not known.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    obtained_at: float | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What one consent gave. The server replaces both tokens at each refresh; the accounts stay.

    :ivar name: how the store and messages call it.
    :ivar access_token: opens the accounts; never shown.
    :ivar refresh_token: buys the next pair, once; None if there is none. Never shown.
    :ivar expires_at: when the access token ends, in seconds since the epoch; None if that is not known.
    :ivar obtained_at: when the pair was given, in seconds since the epoch; None if that is not known.
    :ivar scope: ``"trading"`` or ``"accounts"`` (view only); None if that is not known.
    :ivar accounts: what it opens; empty if that is not known.
    :ivar refresh_began_at: when a refresh of this pair was asked for whose answer was never kept, in seconds since the
        epoch: the refresh token may be spent. None if there was none.
    """

    name: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    scope: str | None = None
    accounts: tuple[GrantedAccount, ...] = ()
    refresh_began_at: float | None = None
    obtained_at: float | None = None

    def account_ids(self) -> frozenset[int]:
        """Give the ids of the accounts it opens, as far as they are known."""
        return frozenset(account.account_id for account in self.accounts)

    def days_left(self, now: float) -> float | None:
        """Give the days until the access token ends, negative once it has; None if that is not known."""
        return None if self.expires_at is None else (self.expires_at - now) / _DAY

    def due_at(self, within: float) -> float | None:
        """Give when it is to be refreshed: ``within`` seconds before it ends, or at half its life if that is later.

        A token that lives for less than ``within`` would else be refreshed again as soon as it has been.

        :return: seconds since the epoch; None if it can't be refreshed, or nobody knows when it ends.
        """
        if self.refresh_token is None or self.expires_at is None:
            return None
        if self.obtained_at is None or self.obtained_at >= self.expires_at:  # not known, or a clock was wrong
            return self.expires_at - within
        within = min(within, (self.expires_at - self.obtained_at) / 2)
        return max(self.expires_at - within, self.obtained_at + _RESPITE)

    def due(self, now: float, within: float) -> bool:
        """Whether it is to be refreshed by now; see `due_at`."""
        due_at = self.due_at(within)
        return due_at is not None and now >= due_at

    def renewed(self, tokens: TokenPair) -> Grant:
        """Give the grant with a new pair. If that has no refresh token, the old one stays good (RFC 6749, 6)."""
        return replace(
            self,
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or self.refresh_token,
            expires_at=tokens.expires_at,
            obtained_at=tokens.obtained_at,
            refresh_began_at=None,
        )


def remedy_without_grant(account_id: int, grants: Iterable[Grant]) -> str:
    """Say what to do about an account that no grant opens: its owner may have given its login in place of its id.

    :param account_id: the number given.
    :param grants: those that there are.
    """
    known = {account.account_id: account for grant in grants for account in grant.accounts}
    log_in = "og in with a cTrader ID that owns it: ctrader login"
    if account_id in known or not known:
        return f"L{log_in}"
    meant = [str(each.account_id) for each in known.values() if each.login == account_id]
    if meant:
        return f"It is the login of account {' and of '.join(meant)}: say the id, {' or '.join(meant)}"
    return f"Say one of the ids that are open ({', '.join(map(str, sorted(known)))}), or l{log_in}"
