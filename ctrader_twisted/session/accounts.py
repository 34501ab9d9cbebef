"""Where each account stands, why, and what somebody does about it.

The session says what the server said of an account and what was lost, healing what it has found out. What that comes to
is the table's (`machine`); what changes by it is told once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.errors import AccountRefused, CannotRoute, TokenRefused
from ctrader_twisted.session.events import AccountChanged, AccountStatus
from ctrader_twisted.session.machine import ACCOUNT_TABLE, AccountInput, AccountState
from ctrader_twisted.wire.secrecy import without

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.messages import ProtoOAAccountAuthReq
    from ctrader_twisted.session.standing import Standing

_WARNINGS = frozenset({AccountInput.FOUND_UNUSABLE, AccountInput.GRANT_DEAD, AccountInput.AUTH_ACCEPTED})


class Accounts:
    """The accounts of one session that were ever asked for.

    Losses are noted with the time of the last whole message before them (``at``, seconds of the session's clock).

    :param standing: what must stand again after a loss: entered by what is accepted, struck by a logout.
    :param tell: told of each change.
    :param secrets: what no reason may repeat; they may become more.
    """

    def __init__(
        self, *, standing: Standing, tell: Callable[[AccountChanged], object], secrets: Collection[str]
    ) -> None:
        self._standing = standing
        self._tell = tell
        self._secrets = secrets
        self._statuses: dict[int, AccountStatus] = {}
        self._leaving: set[int] = set()

    # What is known

    def state(self, account_id: int) -> AccountState:
        """Say where an account stands."""
        return self.status(account_id).state

    def status(self, account_id: int) -> AccountStatus:
        """Say where an account stands, and why."""
        return self._statuses.get(account_id) or AccountStatus(account_id, AccountState.UNAUTHORISED)

    def statuses(self) -> dict[int, AccountStatus]:
        """Give the status of every account that was ever asked for."""
        return dict(self._statuses)

    def is_leaving(self, account_id: int) -> bool:
        """Whether its logout was acknowledged, and what completes it has not come."""
        return account_id in self._leaving

    # What becomes of its authorisation

    def asked(self, account_id: int) -> None:
        """Its authorisation leaves."""
        self._move(account_id, AccountInput.AUTH_SENT, "")

    def accepted(self, authorisation: ProtoOAAccountAuthReq, *, own: bool) -> None:
        """The server accepted it.

        :param authorisation: as it was sent.
        :param own: whether the client asked by itself, for an account that may have been given up meanwhile.
        """
        account_id = authorisation.ctidTraderAccountId
        if not own or self._standing.find(account_id) is not None:
            self._standing.accepted(authorisation)
        self._leaving.discard(account_id)
        self._move(account_id, AccountInput.AUTH_ACCEPTED, "")

    def refused(self, account_id: int, error: OpenApiError) -> None:
        """The server refused it, or answered what can't be read."""
        standing = self._standing.find(account_id)
        happened = _meaning(error, stood=standing is not None)
        by_grant = standing is not None and standing.by_grant
        self._move(account_id, happened, str(error), _remedy(error, by_grant=by_grant))

    def unanswered(self, account_id: int, reason: str) -> None:
        """It ended without an answer."""
        self._move(account_id, AccountInput.AUTH_FAILED, reason)

    # How its session ends

    def cut(self, account_id: int, reason: str, at: float) -> bool:
        """The server ended its session; say whether it stood until now."""
        return self._lose(account_id, AccountInput.CUT, reason, at)

    def token_invalidated(self, account_id: int, reason: str, at: float) -> bool:
        """The server ended its session with its token; say whether it stood until now."""
        return self._lose(account_id, AccountInput.TOKEN_INVALIDATED, reason, at)

    def all_lost(self, reason: str, at: float) -> None:
        """The connection or the application's session is gone, and every account's with it."""
        for account_id in list(self._leaving):
            self.logged_out(account_id)  # acknowledged; what would have completed it is lost with the rest
        for account_id in list(self._statuses):
            self._lose(account_id, AccountInput.LOST, reason, at)

    def leaving(self, account_id: int) -> None:
        """Its logout was acknowledged: the account disconnect event completes it (protocol notes, 1.3)."""
        self._leaving.add(account_id)

    def logged_out(self, account_id: int) -> None:
        """Its logout is complete: nothing of it is to stand again, unless it was asked for since."""
        self._leaving.discard(account_id)
        standing = self._standing.find(account_id)
        self._standing.forget(account_id)
        if standing is not None and standing.again:
            self._standing.want(account_id).again = standing.again - 1
        self._move(account_id, AccountInput.LOGGED_OUT, "logged out")

    # What is found out without the server

    def found_unusable(self, account_id: int, reason: str, remedy: str) -> None:
        """It was found out that an account can't be used here, whatever its token."""
        self._move(account_id, AccountInput.FOUND_UNUSABLE, without(reason, self._secrets), remedy)

    def grant_dead(self, account_id: int, reason: str, remedy: str) -> None:
        """An account's grant gives no access token any more."""
        self._move(account_id, AccountInput.GRANT_DEAD, without(reason, self._secrets), remedy)

    def given_up(self, account_id: int) -> None:
        """An account is to be kept no longer. One that stands goes on standing until its session ends."""
        if self.state(account_id) not in (AccountState.AUTHORISED, AccountState.AUTHORISING):
            self._move(account_id, AccountInput.LOGGED_OUT, "given up")

    def put_right(self, account_id: int) -> None:
        """What was wrong with what an account stands on is so no longer."""
        if self.state(account_id) is AccountState.AUTHORISED:
            self._move(account_id, AccountInput.AUTH_ACCEPTED, "")

    # Inside

    def _lose(self, account_id: int, happened: AccountInput, reason: str, at: float) -> bool:
        stood = self.state(account_id) is AccountState.AUTHORISED
        standing = self._standing.find(account_id)
        if standing is not None and standing.stood and standing.lost_at is None:
            standing.lost_at = at
        self._move(account_id, happened, reason)
        return stood

    def _move(self, account_id: int, happened: AccountInput, reason: str, remedy: str = "") -> None:
        previous = self.state(account_id)
        state = ACCOUNT_TABLE[previous][happened]
        told = self._statuses.get(account_id)
        if told is None and state is previous:
            return  # the server named an account that nobody has asked for
        # Of an account that stands, though what it stands on will not last: there is something to do all the same.
        news = told is not None and (told.reason, told.remedy) != (reason, remedy)
        warned = state is AccountState.AUTHORISED and news and happened in _WARNINGS
        if state is previous and not warned:
            return
        self._tell(AccountChanged(account_id, state, previous, reason, remedy))
        if state is AccountState.AUTHORISING and told is not None:
            reason = told.reason  # it is why it is being authorised again
        self._statuses[account_id] = AccountStatus(account_id, state, reason, remedy)


def _meaning(error: OpenApiError, *, stood: bool) -> AccountInput:
    """Say what the refusal of an account's authorisation means to one that ``stood`` here before, or did not."""
    if isinstance(error, TokenRefused):
        return AccountInput.TOKEN_REFUSED
    # An account that stood here is not of the other environment: its broker's back end is down (protocol notes, 1.7).
    if isinstance(error, AccountRefused) or (isinstance(error, CannotRoute) and not stood):
        return AccountInput.AUTH_REFUSED
    return AccountInput.AUTH_FAILED


def _remedy(error: OpenApiError, *, by_grant: bool) -> str:
    """Say what a person does about an account that was refused; nothing where it is brought back without."""
    if isinstance(error, TokenRefused):
        return "" if by_grant else "Authorise it with another access token."
    return error.remedy if isinstance(error, AccountRefused) else ""
