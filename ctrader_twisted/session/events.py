"""The library's own events: what happened to the session rather than on the market.

Listen for them like for a message class: ``client.on(Resynchronised, f)``.
Times are the clock's seconds, as `twisted.internet.interfaces.IReactorTime.seconds` gives them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ctrader_twisted.errors import OpenApiError, ProtocolError, ServerError
    from ctrader_twisted.messages import ProtoOAOrder, ProtoOAPosition, ProtoOARefreshTokenRes
    from ctrader_twisted.session.book import Difference
    from ctrader_twisted.session.machine import AccountState


@dataclass(frozen=True, slots=True)
class Ready:
    """The application was authorised; requests may be sent. Accounts are restored after this, each on its own."""

    at: float
    connections: int
    """How many times the client has become ready, this one included."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection was lost, or could not be made."""

    at: float
    reason: OpenApiError
    retry_in: float | None
    """Seconds until the next attempt, or None if there will be none."""


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """An account moved to another state."""

    account_id: int
    state: AccountState
    previous: AccountState
    reason: str
    """Why: what the server said, or what was found out; ``""`` if it went as it was meant to."""
    remedy: str = ""
    """What somebody has to do about it; ``""`` if nothing: it is authorised, or is brought back by itself."""


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """Where an account stands, and why."""

    account_id: int
    state: AccountState
    reason: str = ""
    """As in `AccountChanged`."""
    remedy: str = ""
    """As in `AccountChanged`."""


@dataclass(frozen=True, slots=True)
class ApplicationCut:
    """The server ended the application's session, and every account's with it. A new connection is made."""

    reason: str
    """What the server said."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One thing an account is subscribed to."""

    kind: str
    """``"spots"``, ``"trendbars"`` or ``"depth"``."""
    symbol_id: int
    period: int | None = None
    """ProtoOATrendbarPeriod of live bars, else None."""
    with_timestamp: bool = False
    """Whether spot events carry the server's time."""
    asked: int = field(default=1, compare=False)
    """How many requests asked for it, those included that found it standing; what is renewed is not asked for again."""


@dataclass(frozen=True, slots=True)
class Resynchronised:
    """An account stands again after a loss. Events of ``lost_at`` to ``restored_at`` were missed and will not come.

    Forget both sides of every quote and every book when the account leaves AUTHORISED (`AccountChanged`), not now: the
    first events of the renewed subscriptions, which are whole snapshots, come before this.

    What `positions` and `orders` tell, no event has told and none will. A position that was both opened and closed in
    between is in neither: ``deal_list`` of that time has its deals.
    """

    account_id: int
    lost_at: float
    """When the last frame before the loss had arrived."""
    restored_at: float
    renewed: tuple[Subscription, ...]
    """Subscriptions that stand again, in the order in which they were renewed."""
    failed: tuple[tuple[Subscription, OpenApiError], ...]
    """Subscriptions that the server refused to renew, and why; they no longer stand."""
    requests_not_sent: tuple[str, ...]
    """This account's requests that the loss caught before they left, by name."""
    requests_unknown: tuple[str, ...]
    """This account's requests that the loss caught after they left, by name: their outcome is unknown."""
    positions: Difference[ProtoOAPosition] | None = None
    """How the positions that the server reports now differ from those known before the loss; None if none were known,
    because `Settings.reconcile` is off, the loss came before they were, or the server did not report them."""
    orders: Difference[ProtoOAOrder] | None = None
    """The same of pending orders, protective ones among them."""
    unreconciled: OpenApiError | None = None
    """Why the server did not report positions and orders, if it was asked and did not."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something arrived that can't be read. Its neighbours were delivered."""

    error: ProtocolError


@dataclass(frozen=True, slots=True)
class LateRefresh:
    """The answer to a token refresh came when its request had ended. Not told to listeners: its tokens are kept."""

    refresh_token: str = field(repr=False)
    answer: ProtoOARefreshTokenRes


@dataclass(frozen=True, slots=True)
class LateRefusal:
    """The server refused an order or position command whose time was over: its outcome, held to be unknown, is known.

    `OpenApiClient.account` takes notice by itself; it is for those who send the messages themselves.
    """

    request: Message
    """The command, as it was sent."""
    error: ServerError
    """What it would have failed with in time."""


Notice = AccountChanged | ApplicationCut | Problem | LateRefusal | LateRefresh
"""What the session tells its shell."""

EVENTS = (Ready, Disconnected, AccountChanged, ApplicationCut, Resynchronised, Problem, LateRefusal)
"""Every class of them."""
