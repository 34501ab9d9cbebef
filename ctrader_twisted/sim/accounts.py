"""Who may use the venue: applications, trading accounts, and the tokens that open them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CLIENT_ID: Final = "sim-client-id"
CLIENT_SECRET: Final = "sim-client-secret"
ACCESS_TOKEN: Final = "sim-access-token"
REFRESH_TOKEN: Final = "sim-refresh-token"
EUR_ACCOUNT: Final = 1_000_001
USD_ACCOUNT: Final = 1_000_002

TOKEN_LIFETIME: Final = 2_628_000
"""Seconds an access token lives: what Spotware's tokens say."""

CODE_LIFETIME: Final = 60.0
"""Seconds an authorisation code can be exchanged."""

SCOPE_VIEW: Final = 0
SCOPE_TRADE: Final = 1

ACCESS_RIGHTS: Final = {"full": 0, "close only": 1, "no trading": 2, "no login": 3}
"""ProtoOAAccessRights by the words that configurations and scripts use."""

NETTED: Final = 1
"""ProtoOAAccountType of an account that keeps one position of a symbol."""

PLAYGROUND_URI: Final = "https://openapi.ctrader.com/apps/playground"
REDIRECT_URI: Final = "http://localhost:8765/"


@dataclass(frozen=True, slots=True)
class Application:
    """A registered application.

    :ivar client_id: its id.
    :ivar client_secret: its secret.
    :ivar redirect_uris: where users may be sent back to, as registered. The first belongs to Spotware's playground, and
        the application itself can't use it.
    """

    client_id: str = CLIENT_ID
    client_secret: str = field(default=CLIENT_SECRET, repr=False)
    redirect_uris: tuple[str, ...] = (PLAYGROUND_URI, REDIRECT_URI)

    def may_redirect_to(self, uri: str) -> bool:
        """Say whether users may be sent back there: to the letter one of its own."""
        return uri in self.redirect_uris[1:]


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
    :ivar total_margin: ProtoOATotalMarginCalculationType, how the margins of both sides of a symbol add up: 0 the
        larger one, 1 their sum, 2 their difference.
    :ivar swap_free: it pays the symbols' rollover commission in place of swap.
    :ivar access_rights: ProtoOAAccessRights: 0 full access, 1 close only, 2 no trading, 3 no login.
    :ivar limited_risk: every position needs a guaranteed stop loss.
    :ivar limited_risk_margin: ProtoOALimitedRiskMarginCalculationStrategy, where ``limited_risk`` is set: 0 by the
        leverage, 1 by what can be lost until the guaranteed stop loss, 2 by both.
    :ivar manager_bonus: the broker's bonus, in the unit of ``balance``; ``ib_bonus`` the introducing broker's. Neither
        is part of the balance.
    :ivar non_withdrawable_bonus: the part of the balance that can't be paid out.
    :ivar stop_out_level: the margin level, in percent, below which positions are closed; 0 for never.
    :ivar stop_out_strategy: ProtoOAStopOutStrategy, which position is closed first: 0 the one that uses the most
        margin, 1 the one that has lost the most.
    :ivar fair_stop_out: a stop-out closes only as much as it must, not whole positions.
    :ivar max_positions: how many positions and working orders it may have together.
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
    total_margin: int = 1
    swap_free: bool = False
    access_rights: int = 0
    limited_risk: bool = False
    limited_risk_margin: int = 0
    manager_bonus: int = 0
    ib_bonus: int = 0
    non_withdrawable_bonus: int = 0
    stop_out_level: float = 50.0
    stop_out_strategy: int = 0
    fair_stop_out: bool = False
    max_positions: int = 200
    margin_calls: dict[int, tuple[float, int]] = field(
        default_factory=lambda: {61: (100.0, 0), 62: (75.0, 0), 63: (50.0, 0)}
    )

    def __post_init__(self) -> None:
        """Refuse what the schema has no word for."""
        for name, most in (
            ("account_type", 2),
            ("total_margin", 2),
            ("access_rights", 3),
            ("stop_out_strategy", 1),
            ("limited_risk_margin", 2),
        ):
            if getattr(self, name) not in range(most + 1):
                self._refuse(name, f"a number from 0 to {most}")
        for name in ("manager_bonus", "ib_bonus", "non_withdrawable_bonus"):
            if getattr(self, name) < 0:
                self._refuse(name, "at least 0")
        if self.non_withdrawable_bonus > max(0, self.balance):
            self._refuse("non_withdrawable_bonus", "a part of the balance")
        if not 0 <= self.stop_out_level < math.inf:
            self._refuse("stop_out_level", "a percentage")
        if self.max_positions < 1:
            self._refuse("max_positions", "at least 1")

    def _refuse(self, name: str, what_it_is: str) -> NoReturn:
        raise ValueError(f"{name} of account {self.account_id} is {getattr(self, name)}: it is {what_it_is}")


@dataclass(slots=True, eq=False)
class Grant:
    """What a user has granted an application: a pair of tokens for some of his accounts.

    :ivar account_ids: the accounts it opens.
    :ivar access_token: opens them.
    :ivar refresh_token: buys the next pair, once.
    :ivar user_id: the user's number.
    :ivar scope: ProtoOAClientPermissionScope: 0 view, 1 trade.
    :ivar lifetime: seconds its access tokens live.
    :ivar client_id: the only application that can use it; None for any.
    :ivar expires_at: when its access token dies, ms UTC.
    :ivar revoked: whether it is dead for good, refresh token and all.
    :ivar number: its place among all grants that the venue ever had, from 0.
    :ivar generation: how many times its tokens were replaced.
    :ivar origin: tells the tokens that it was configured with from others, without giving them away; empty for one made
        since.
    """

    account_ids: tuple[int, ...]
    access_token: str = field(default=ACCESS_TOKEN, repr=False)
    refresh_token: str = field(default=REFRESH_TOKEN, repr=False)
    user_id: int = 1
    scope: int = SCOPE_TRADE
    lifetime: float = TOKEN_LIFETIME
    client_id: str | None = None
    expires_at: float = 0.0
    revoked: bool = False
    number: int = 0
    generation: int = 0
    origin: str = field(default="", repr=False)

    def expires_in(self, now: int) -> int:
        """Give the seconds that its access token still lives, as replies tell it."""
        return max(0, round((self.expires_at - now) / 1000))


@dataclass(frozen=True, slots=True)
class Code:
    """What an authorisation code buys, once.

    :ivar client_id: the application it was given to.
    :ivar redirect_uri: where the user was sent back to with it.
    :ivar account_ids: the accounts that the user ticked.
    :ivar scope: as in `Grant`.
    :ivar expires_at: ms UTC.
    """

    client_id: str
    redirect_uri: str
    account_ids: tuple[int, ...]
    scope: int
    user_id: int
    expires_at: float


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
        self.applications: dict[str, Application] = {application.client_id: application for application in applications}
        self.accounts: dict[int, TradingAccount] = {
            account.account_id: replace(account, margin_calls=dict(account.margin_calls)) for account in accounts
        }
        self._seed = seed
        self._codes: dict[str, Code] = {}
        self._codes_made = 0
        self._numbered = 0
        self.grants: list[Grant] = []
        for grant in grants:
            for account_id in grant.account_ids:
                if account_id not in self.accounts:
                    raise ValueError(f"a token is granted for account {account_id}, and there is no such account")
            given = f"{grant.access_token}/{grant.refresh_token}"
            self._enter(replace(grant, origin=hashlib.sha256(given.encode()).hexdigest()), now)

    def application(self, client_id: str, client_secret: str) -> Application | None:
        """Give the application if id and secret are right."""
        application = self.applications.get(client_id)
        return application if application is not None and application.client_secret == client_secret else None

    def grant(self, access_token: str, client_id: str | None = None) -> Grant | None:
        """Give the grant that an access token belongs to, expired or not.

        :param client_id: the application that shows it; None for whoever.
        """
        return self._find(lambda grant: grant.access_token == access_token, client_id)

    def token_for(self, account_id: int) -> str:
        """Give an access token that opens an account.

        :raises KeyError: if none does.
        """
        return self.grant_for(account_id).access_token

    def grant_for(self, account_id: int) -> Grant:
        """Give the first living grant that opens an account.

        :raises KeyError: if none does.
        """
        for grant in self.grants:
            if account_id in grant.account_ids and not grant.revoked:
                return grant
        raise KeyError(account_id)

    def authorise(
        self,
        account_ids: Iterable[int],
        now: int,
        *,
        scope: int = SCOPE_TRADE,
        user_id: int = 1,
        client_id: str | None = None,
        lifetime: float = TOKEN_LIFETIME,
    ) -> Grant:
        """Make a new grant: a user has said yes. It leaves his other grants as they are."""
        grant = Grant(
            tuple(account_ids), user_id=user_id, scope=scope, client_id=client_id, lifetime=lifetime, generation=1
        )
        self._enter(grant, now)
        self._renew(grant, now)
        return grant

    def refresh(self, refresh_token: str, now: int, client_id: str | None = None) -> Grant | None:
        """Replace both tokens of a grant; None for a refresh token that was never given out, is used up or revoked.

        :param client_id: the application that asks; None for whoever.
        """
        grant = self._find(lambda grant: grant.refresh_token == refresh_token, client_id)
        if grant is not None:
            grant.generation += 1
            self._renew(grant, now)
        return grant

    def revoke(self, grant: Grant, *, for_good: bool = False) -> None:
        """Let a grant's access token open nothing any more.

        :param for_good: its refresh token buys nothing any more either; if false, it still buys the next pair.
        """
        grant.generation += 1
        grant.access_token = self._secret("access", grant)
        grant.revoked = grant.revoked or for_good

    def make_code(
        self,
        application: Application,
        redirect_uri: str,
        account_ids: Iterable[int],
        now: int,
        *,
        scope: int = SCOPE_TRADE,
        user_id: int = 1,
    ) -> str:
        """Make the code that a consent gives."""
        self._codes = {code: what for code, what in self._codes.items() if now < what.expires_at}
        self._codes_made += 1
        code = self._hash(f"code/{self._codes_made}")
        expires_at = now + CODE_LIFETIME * 1000
        accounts = tuple(account_ids)
        self._codes[code] = Code(application.client_id, redirect_uri, accounts, scope, user_id, expires_at)
        return code

    def take_code(self, code: str, client_id: str, redirect_uri: str, now: int) -> Code | None:
        """Give what a code buys, once; None if it is unknown, used, too old, or another application's or address's.

        A code that is shown with the wrong address is used up, too.
        """
        what = self._codes.pop(code, None)
        if what is None or (what.client_id, what.redirect_uri) != (client_id, redirect_uri) or now >= what.expires_at:
            return None
        return what

    @property
    def codes_made(self) -> int:
        """How many authorisation codes were ever made."""
        return self._codes_made

    def restore(self, grants: Iterable[Grant], codes_made: int) -> None:
        """Take up grants as another registry left them; accounts, scope and time to live stay as they are configured.

        One whose tokens were never replaced begins anew, as every configured one does.

        :param grants: all that were there.
        :param codes_made: the other registry's.
        """
        saved = list(grants)
        kept = {grant.origin: grant for grant in saved if grant.origin}
        next_number = max([grant.number + 1 for grant in saved], default=0)
        for grant in self.grants:
            former = kept.get(grant.origin)
            if former is None:
                grant.number, next_number = next_number, next_number + 1
                continue
            grant.number, grant.generation = former.number, former.generation
            if former.generation:
                grant.access_token, grant.refresh_token = former.access_token, former.refresh_token
                grant.expires_at, grant.revoked = former.expires_at, former.revoked
        for grant in saved:
            if not grant.origin:
                known = tuple(account_id for account_id in grant.account_ids if account_id in self.accounts)
                self.grants.append(replace(grant, account_ids=known))
        self._numbered, self._codes_made = next_number, codes_made

    def _enter(self, grant: Grant, now: int) -> None:
        grant.number, self._numbered = self._numbered, self._numbered + 1
        grant.expires_at = now + grant.lifetime * 1000
        self.grants.append(grant)

    def _find(self, wanted: Callable[[Grant], bool], client_id: str | None) -> Grant | None:
        for grant in self.grants:
            if wanted(grant) and not grant.revoked:
                return grant if client_id is None or grant.client_id in (None, client_id) else None
        return None

    def _renew(self, grant: Grant, now: int) -> None:
        grant.access_token = self._secret("access", grant)
        grant.refresh_token = self._secret("refresh", grant)
        grant.expires_at = now + grant.lifetime * 1000

    def _secret(self, use: str, grant: Grant) -> str:
        return self._hash(f"{use}/{grant.user_id}/{grant.number}/{grant.generation}")

    def _hash(self, made_of: str) -> str:
        return hashlib.sha256(f"{self._seed}/{made_of}".encode()).hexdigest()[:48]
