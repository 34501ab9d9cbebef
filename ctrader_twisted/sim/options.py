"""What a venue does where the real servers differ, or where nobody knows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "environment": ("demo", "live"),
    "fill": ("depth", "best"),
    "marketable_limits": ("fill", "refuse"),
    "stops_through_market": ("refuse", "accept"),
    "refusals": ("order error", "error", "rejected"),
    "not_found": ("as refusals", "order error", "error"),
    "levels_answer": ("as made", "replaced", "accepted"),
    "capped_bars": ("newest", "oldest"),
    "conversion_price": ("mid", "bid", "ask"),
}
"""The options that are words, and which."""

DELAYS: Final = ("execution_delay", "protection_delay", "cancellation_delay", "stop_out_delay")


@dataclass(frozen=True, slots=True)
class Options:
    """How a venue behaves; every default is what has been observed, or the harder of two possibilities.

    :ivar environment: ``"demo"`` or ``"live"``: accounts of the other one get ``CANT_ROUTE_REQUEST``.
    :ivar version: what ``ProtoOAVersionReq`` is answered with.
    :ivar heartbeat: seconds of its own silence after which it sends a heartbeat; 0 for never.
    :ivar busy_heartbeats: it sends one every so many seconds whatever else it says; if false, as observed, what it says
        puts the next one off.
    :ivar inactivity: seconds of a client's silence after which it is disconnected; 0 for never.
    :ivar first_spot_before_response: the first spot comes before the answer to the subscription, as in one recording.
    :ivar unknown_symbols_silent: a subscription to an unknown symbol is answered as if nothing were wrong; if false,
        with ``UNKNOWN_SYMBOL``.
    :ivar subscriptions_survive: what an account had subscribed to goes on once the account is authorised again after
        its session was dropped on a living connection; if false, it ends with the session.
    :ivar events_before_refresh: the sessions that a refresh ends hear of it before the refresh is answered; if false,
        after it.
    :ivar invalidation_disconnects: after a ProtoOAAccountsTokenInvalidatedEvent comes a ProtoOAAccountDisconnectEvent
        for each account, as observed for a refresh; if false, the former comes alone.
    :ivar one_grant_per_user: a user who grants access again kills his former grants; if false, as measured, they live.
    :ivar twice_code: what a second authorisation of the application on a connection is refused with; another client
        has seen ``ALREADY_LOGGED_IN``.
    :ivar expired_code: what an access token is refused with whose time is over.
    :ivar view_code: what a command is refused with if the access token is for viewing only.
    :ivar view_as_event: that is said by a ProtoOAOrderErrorEvent; if false, by a ProtoOAErrorRes.
    :ivar execution_delay: seconds from the acceptance of an order to its execution.
    :ivar protection_delay: seconds from a fill until the protective order is made, or follows a part that was closed.
    :ivar cancellation_delay: seconds from the close of a position until its protective order is cancelled.
    :ivar stop_out_delay: seconds from the moment the margin level is too low until a stop-out begins.
    :ivar fill: ``"depth"``: what one level of the book does not hold is filled at the next; ``"best"``: everything at
        the best price.
    :ivar marketable_limits: a limit order that could be filled at once is filled, ``"fill"``, or refused with
        ``TRADING_BAD_PRICES``, ``"refuse"``.
    :ivar ioc_limits_rest: what an IMMEDIATE_OR_CANCEL limit order could not fill goes on working, as seen behind a
        proxy; if false, it is cancelled.
    :ivar stops_through_market: a level that the market has passed is refused with ``TRADING_BAD_STOPS``, ``"refuse"``,
        or accepted and filled at once, ``"accept"``; both have been observed.
    :ivar bad_side_stops_dropped: a relative level on the wrong side is dropped without a word; if false, refused.
    :ivar placeholder: ``ORDER_ACCEPTED`` carries the position that the order may open, with status ``CREATED``; if
        false, none.
    :ivar others_see_ids: the other sessions of an account see the message id of who asked, as observed; if false, none.
    :ivar fills_carry_id: the fill of an order carries the message id of who asked for it; if false, only its acceptance
        does.
    :ivar uncorrelated_copies: who asked gets each fill a second time, without the message id.
    :ivar refusals: how orders are refused: ``"order error"`` by a ProtoOAOrderErrorEvent, as observed, ``"error"`` by
        a ProtoOAErrorRes, ``"rejected"`` by a ProtoOAExecutionEvent ``ORDER_REJECTED``.
    :ivar not_found: how a command to an order or a position that is not there is refused: ``"as refusals"``, or by
        itself ``"order error"`` or ``"error"``; both have been observed.
    :ivar levels_answer: how a ProtoOAAmendPositionSLTPReq that sets a level is answered: ``"as made"``, as observed,
        ``ORDER_ACCEPTED`` if the protective order is new and ``ORDER_REPLACED`` if it is not; ``"replaced"`` or
        ``"accepted"``: by that in both cases.
    :ivar conversion_price: which price of each symbol on a way of conversion money is converted at: ``"mid"``,
        ``"bid"`` or ``"ask"``.
    :ivar rows_per_page: deals or orders in one answer.
    :ivar bars_per_page: bars that one answer may count, the open one included.
    :ivar capped_bars: what an answer keeps of a window with more bars than that: the ``"newest"``, as observed, or the
        ``"oldest"``. ``count`` counts back from the end all the same.
    :ivar ticks_per_page: ticks in one answer.
    :ivar bar_delay: seconds after its end until a bar is in history.
    :ivar depth_levels: quotes on each side of a book.
    :ivar max_connections: connections one application may have; 0 for any number.
    :ivar json_enum_names: JSON tells enums by their names, such as ``"BUY"``; if false, by their numbers.
    :ivar json_int64_strings: JSON tells whole numbers of 64 bits as texts; if false, as numbers.
    :ivar compression: a WebSocket that offers to be compressed (permessage-deflate) is.
    :ivar max_frame: bytes a client's frame, or its message over a WebSocket, may have.
    :ivar max_backlog: bytes held for a client that does not read, before it is cut off.
    :ivar catch_up: seconds of missed ticks that are told after the process was held up; older ones are left out.
    """

    environment: Literal["demo", "live"] = "demo"
    version: str = "91"
    heartbeat: float = 25.0
    busy_heartbeats: bool = False
    inactivity: float = 35.0
    first_spot_before_response: bool = False
    unknown_symbols_silent: bool = True
    subscriptions_survive: bool = False
    events_before_refresh: bool = False
    invalidation_disconnects: bool = True
    one_grant_per_user: bool = False
    twice_code: str = "CH_CLIENT_ALREADY_AUTHENTICATED"
    expired_code: str = "OA_AUTH_TOKEN_EXPIRED"
    view_code: str = "TRADING_NOT_ALLOWED"
    view_as_event: bool = False
    execution_delay: float = 0.14
    protection_delay: float = 0.008
    cancellation_delay: float = 0.018
    stop_out_delay: float = 0.0
    fill: Literal["depth", "best"] = "depth"
    marketable_limits: Literal["fill", "refuse"] = "fill"
    ioc_limits_rest: bool = False
    stops_through_market: Literal["refuse", "accept"] = "refuse"
    bad_side_stops_dropped: bool = False
    placeholder: bool = True
    others_see_ids: bool = True
    fills_carry_id: bool = True
    uncorrelated_copies: bool = False
    refusals: Literal["order error", "error", "rejected"] = "order error"
    not_found: Literal["as refusals", "order error", "error"] = "as refusals"
    levels_answer: Literal["as made", "replaced", "accepted"] = "as made"
    conversion_price: Literal["mid", "bid", "ask"] = "mid"
    rows_per_page: int = 1_000
    bars_per_page: int = 5_000
    capped_bars: Literal["newest", "oldest"] = "newest"
    ticks_per_page: int = 5_000
    bar_delay: float = 0.5
    depth_levels: int = 5
    max_connections: int = 25
    json_enum_names: bool = False
    json_int64_strings: bool = False
    compression: bool = False
    max_frame: int = 15_000_000
    max_backlog: int = 8 * 1024 * 1024
    catch_up: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what nothing could be done with."""
        for name, words in CHOICES.items():
            if getattr(self, name) not in words:
                listed = " or ".join(f'"{word}"' for word in words)
                raise ValueError(f'{name} is "{getattr(self, name)}": it is {listed}')
        for name in DELAYS:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: it is a number of seconds")
        for name in ("rows_per_page", "bars_per_page", "ticks_per_page", "depth_levels", "max_frame", "max_backlog"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it is at least 1")
