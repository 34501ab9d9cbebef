"""Which access token an account is authorised with: one that it was asked for with, or that of its grant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import TimeoutError as RefreshTimeout
from twisted.logger import Logger

from ctrader_twisted.errors import GrantRefused, OpenApiError
from ctrader_twisted.tokens.grant import remedy_without_grant

if TYPE_CHECKING:
    from ctrader_twisted.errors import TokenRefused
    from ctrader_twisted.refreshing import Refreshing
    from ctrader_twisted.session.session import Session
    from ctrader_twisted.session.standing import AccountStanding
    from ctrader_twisted.settings import Settings
    from ctrader_twisted.tokens import Grant, TokenKeeper

_log = Logger()


@dataclass(slots=True)
class Choice:
    """What the token of one account is chosen by.

    :ivar given: a bare token that was asked for and has been neither accepted nor refused.
    :ivar by_grant: whether it was asked for by its grant, or moves with one.
    :ivar grant: the name of that grant, once it is known.
    :ivar dead: grants that were found dead, by name and access token: a login gives them another.
    :ivar noted: the accepted token that `grant` was last found for.
    """

    account_id: int
    given: str | None = field(default=None, repr=False)
    by_grant: bool = False
    grant: str | None = None
    dead: set[tuple[str, str]] = field(default_factory=set, repr=False)
    noted: str | None = field(default=None, repr=False)


class Choosing:
    """Chooses for the accounts of one client.

    :param clock: an ``IReactorTime``.
    :param tokens: where grants are kept; None if accounts are authorised with bare access tokens only.
    :param refreshing: refreshes them; None as well then.
    """

    def __init__(
        self,
        *,
        session: Session,
        clock: Any,
        settings: Settings,
        tokens: TokenKeeper | None,
        refreshing: Refreshing | None,
    ) -> None:
        self._session = session
        self._clock = clock
        self._settings = settings
        self._tokens = tokens
        self._refreshing = refreshing

    async def token(self, choice: Choice, standing: AccountStanding) -> tuple[str, Grant | None]:
        """Give the access token an account is authorised with, and its grant; refreshed first if it is about to end."""
        self.note(choice, standing)
        if choice.given is not None:
            return choice.given, None
        grant = self.grant_of(choice)
        if grant is None and choice.by_grant and self._tokens is not None:
            await self._tokens.load()
            grant = self.grant_of(choice)
        if grant is None:
            if standing.access_token is None or choice.by_grant and choice.dead:
                none = "the client has no token store" if self._tokens is None else f"none is in {self._tokens.where}"
                problem = f"no grant opens account {choice.account_id}: {none}"
                grants = () if self._tokens is None else self._tokens.grants.values()
                raise GrantRefused("", problem, remedy_without_grant(choice.account_id, grants))
            return standing.access_token, None
        assert self._tokens is not None and self._refreshing is not None
        if grant.due(self._clock.seconds(), self._tokens.refresh_within):
            try:
                grant = await self._refreshing.now(grant.name).addTimeout(self._settings.timeout, self._clock)
            except (OpenApiError, RefreshTimeout) as error:
                # It is still good for a while, perhaps; if it is not, the server says so, and that is acted on.
                # A refresh that takes long goes on, and the account moves to what it gives.
                late = f"not within {self._settings.timeout:g} s"
                _log.error(
                    'the tokens of grant "{grant}" were not refreshed, though they end soon: {error}',
                    grant=grant.name,
                    error=late if isinstance(error, RefreshTimeout) else self._session.scrub(str(error)),
                )
        self._session.keep_secret(grant.access_token, grant.refresh_token)
        return grant.access_token, grant

    async def mend(
        self, choice: Choice, grant: Grant, token: str, refreshed: set[str], refused: TokenRefused
    ) -> GrantRefused | None:
        """The server refused a grant's token: refresh it. Give why the grant is dead, if it is."""
        assert self._refreshing is not None and self._tokens is not None
        current = self._tokens.find(grant.name)
        if current is None or current.access_token != token:
            return None  # it has changed meanwhile
        if token in refreshed:
            dead = GrantRefused(grant.name, f"the token just refreshed was refused, too: {refused}")
        else:
            try:
                renewed = await self._refreshing.now(grant.name, token)
                if self._refreshing.bought.get(grant.name) == renewed.access_token:
                    refreshed.add(renewed.access_token)
                return None
            except GrantRefused as refusal:
                dead = refusal
        choice.dead.add((grant.name, token))
        return dead

    def grant_of(self, choice: Choice) -> Grant | None:
        """Give the grant an account moves with: its own, or else any that opens it and is not dead."""
        if self._tokens is None or not choice.by_grant:
            return None
        own = None if choice.grant is None else self._tokens.find(choice.grant)
        listing = (grant for grant in self._tokens.grants.values() if choice.account_id in grant.account_ids())
        for grant in (own, self._tokens.grant_for(choice.account_id), *listing):
            if grant is not None and (grant.name, grant.access_token) not in choice.dead:
                return grant
        return None

    def wanted(self, choice: Choice) -> str | None:
        """Give the token that an account is to stand by, as far as that is known without asking anybody."""
        grant = self.grant_of(choice)
        return choice.given or (None if grant is None else grant.access_token)

    def note(self, choice: Choice, standing: AccountStanding, used: Grant | None = None) -> None:
        """Find out which grant the token is of that the server accepted last, whoever gave it: they move together."""
        token = standing.access_token
        standing.again = min(standing.again, self._session.logouts(choice.account_id))
        if choice.given is not None and choice.given == token and not standing.again:
            choice.given = None
        if token is None or (token == choice.noted and used is None):
            return
        choice.noted = token
        if used is None and self._tokens is not None:
            used = next((grant for grant in self._tokens.grants.values() if grant.access_token == token), None)
        choice.grant = None if used is None else used.name
        choice.by_grant = used is not None
        standing.view_only = used is not None and used.scope == "accounts"
        choice.dead.clear()
        if used is not None and self._refreshing is not None:
            self._refreshing.when_due(used.name)
