"""Who may use the venue: applications, trading accounts, and the tokens that open them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

CLIENT_ID: Final = "sim-client-id"
CLIENT_SECRET: Final = "sim-client-secret"
ACCESS_TOKEN: Final = "sim-access-token"
REFRESH_TOKEN: Final = "sim-refresh-token"
EUR_ACCOUNT: Final = 1_000_001
USD_ACCOUNT: Final = 1_000_002

TOKEN_LIFETIME: Final = 2_628_000
"""Seconds an access token lives: what Spotware's tokens say."""

SCOPE_VIEW: Final = 0
SCOPE_TRADE: Final = 1


@dataclass(frozen=True, slots=True)
class Application:
    """A registered application.

    :ivar client_id: its id.
    :ivar client_secret: its secret.
    """

    client_id: str = CLIENT_ID
    client_secret: str = field(default=CLIENT_SECRET, repr=False)


@dataclass(slots=True)
class TradingAccount:
    """A trading account.

    :ivar account_id: its ctidTraderAccountId.
    :ivar login: the number its owner logs in with.
    :ivar deposit_asset: name of the asset it is kept in.
    :ivar balance: in units of 10 to the power of minus ``money_digits``.
    :ivar money_digits: decimal digits of its amounts.
    :ivar balance_version: grows by one with every change of the balance.
    :ivar leverage_in_cents: 1:100 is 10000.
    :ivar is_live: the environment it belongs to.
    :ivar account_type: ProtoOAAccountType: 0 hedged, 1 netted, 2 spread betting.
    :ivar broker_name: the broker's short name.
    :ivar broker_title: the broker's title, as users see it.
    :ivar margin_calls: margin level thresholds by ProtoOANotificationType, and when each was last changed, ms UTC.
    """

    account_id: int
    login: int
    deposit_asset: str = "EUR"
    balance: int = 10_000_00
    money_digits: int = 2
    balance_version: int = 1
    leverage_in_cents: int = 10_000
    is_live: bool = False
    account_type: int = 0
    broker_name: str = "simulated"
    broker_title: str = "Simulated venue"
    margin_calls: dict[int, tuple[float, int]] = field(
        default_factory=lambda: {61: (100.0, 0), 62: (75.0, 0), 63: (50.0, 0)}
    )


@dataclass(slots=True, eq=False)
class Grant:
    """What a user has granted an application: a pair of tokens for some of his accounts.

    :ivar account_ids: the accounts it opens.
    :ivar access_token: opens them.
    :ivar refresh_token: buys the next pair, once.
    :ivar user_id: the user's number.
    :ivar scope: ProtoOAClientPermissionScope: 0 view, 1 trade.
    :ivar lifetime: seconds its access tokens live.
    """

    account_ids: tuple[int, ...]
    access_token: str = field(default=ACCESS_TOKEN, repr=False)
    refresh_token: str = field(default=REFRESH_TOKEN, repr=False)
    user_id: int = 1
    scope: int = SCOPE_TRADE
    lifetime: float = TOKEN_LIFETIME
    expires_at: float = 0.0
    generation: int = 0


def default_accounts() -> tuple[TradingAccount, ...]:
    """Give the two demo accounts of a venue that was told of none: one in EUR, one in USD, 10 000 in each."""
    return (
        TradingAccount(EUR_ACCOUNT, 2_000_001, "EUR"),
        TradingAccount(USD_ACCOUNT, 2_000_002, "USD"),
    )


class Registry:
    """Every application, account and grant of a venue: its own copies, for they change as it goes on.

    :param seed: the tokens it makes follow from it.
    :param now: venue time, ms UTC: when the grants' first tokens begin to age.
    """

    def __init__(
        self,
        applications: Iterable[Application],
        accounts: Iterable[TradingAccount],
        grants: Iterable[Grant],
        seed: int | str,
        now: int,
    ) -> None:
        self.applications = {application.client_id: application for application in applications}
        self.accounts = {
            account.account_id: replace(account, margin_calls=dict(account.margin_calls)) for account in accounts
        }
        self.grants = [replace(grant) for grant in grants]
        for grant in self.grants:
            for account_id in grant.account_ids:
                if account_id not in self.accounts:
                    raise ValueError(f"a token is granted for account {account_id}, and there is no such account")
        self._seed = seed
        for grant in self.grants:
            grant.expires_at = now + grant.lifetime * 1000

    def application(self, client_id: str, client_secret: str) -> Application | None:
        """Give the application if id and secret are right."""
        application = self.applications.get(client_id)
        return application if application is not None and application.client_secret == client_secret else None

    def grant(self, access_token: str) -> Grant | None:
        """Give the grant that an access token belongs to, expired or not."""
        return next((grant for grant in self.grants if grant.access_token == access_token), None)

    def token_for(self, account_id: int) -> str:
        """Give an access token that opens an account.

        :raises KeyError: if none does.
        """
        for grant in self.grants:
            if account_id in grant.account_ids:
                return grant.access_token
        raise KeyError(account_id)

    def refresh(self, refresh_token: str, now: int) -> Grant | None:
        """Replace both tokens of a grant; None for a refresh token that was never given out, or has been used."""
        grant = next((grant for grant in self.grants if grant.refresh_token == refresh_token), None)
        if grant is None:
            return None
        grant.generation += 1
        grant.access_token = self._token("access", grant)
        grant.refresh_token = self._token("refresh", grant)
        grant.expires_at = now + grant.lifetime * 1000
        return grant

    def revoke(self, grant: Grant) -> None:
        """Let a grant's access token open nothing any more; its refresh token still buys the next pair."""
        grant.generation += 1
        grant.access_token = self._token("access", grant)

    def _token(self, use: str, grant: Grant) -> str:
        number = self.grants.index(grant)
        made_of = f"{self._seed}/{use}/{grant.user_id}/{number}/{grant.generation}"
        return hashlib.sha256(made_of.encode()).hexdigest()[:48]
