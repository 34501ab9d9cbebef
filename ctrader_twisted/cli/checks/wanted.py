"""What to look at: environments, accounts, and the tokens that open them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctrader_twisted.credentials import Application, Environment
    from ctrader_twisted.factory import Opening
    from ctrader_twisted.session.pacing import Limits
    from ctrader_twisted.tokens import Grant


@dataclass(frozen=True, slots=True)
class Opener:
    """An access token, and where it comes from.

    :ivar name: what to call it: a grant, or the account that has it to itself.
    :ivar grant: its tokens.
    :ivar kept: whether it is in the token store, and so can be refreshed.
    """

    name: str
    grant: Grant
    kept: bool

    @property
    def refreshable(self) -> bool:
        """Whether the client can refresh it by itself."""
        return self.kept and self.grant.refresh_token is not None


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """An account to look at.

    :ivar account_id: its ctidTraderAccountId.
    :ivar opener: what opens it; None if nothing is known to.
    :ivar symbols: what is wanted of it, by name.
    """

    account_id: int
    opener: Opener | None
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedEnvironment:
    """An environment to look at.

    :ivar environment: where it is.
    :ivar application: who this is.
    :ivar limits: how often may be asked.
    :ivar accounts: which accounts.
    :ivar openers: every token there is.
    :ivar everything: whether every account is meant that the tokens open here.
    :ivar clock: whether its clock shows the time; a simulated venue's shows what it was set to.
    :ivar compression: whether a WebSocket offers to be compressed.
    :ivar opening: how to connect; None for the direct way, whose steps are then looked at one by one.
    """

    environment: Environment
    application: Application
    limits: Limits
    accounts: tuple[WantedAccount, ...]
    openers: tuple[Opener, ...]
    everything: bool = False
    clock: bool = True
    compression: bool = False
    opening: Opening | None = None
