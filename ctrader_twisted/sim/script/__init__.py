"""Misbehaviour, by script: what a venue does to its clients, and when.

A script is a list of (seconds after the venue's start, action). An action is a callable that is given the `Venue`;
those here are the usual ones, and anything else that can be called with a venue will do::

    Venue(clock, script=[(30, cut()), (60, fall_silent(20)), (90, lambda venue: print(venue.now()))])

What is done to connections is done to every one that is open at that moment; what the venue refuses it refuses to all.
`ACTIONS` names the actions for configuration files. An action prints as the call that made it.

* `action`          what an action is
* `connections`     closed, cut, silent, refused, stalled
* `talk`            answers dropped or late, no heartbeats, nonsense
* `outages`         maintenance, a back end that is down, history, applications
* `authority`       sessions, tokens, the application
* `broker`          accounts and symbols: money, leverage, rights, trading modes
* `token_endpoint`  late, lost and broken answers
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.sim.script.action import Action, NamedAction
from ctrader_twisted.sim.script.authority import (
    disconnect_account,
    disconnect_client,
    expire_tokens,
    invalidate_token,
)
from ctrader_twisted.sim.script.broker import (
    TRADING_MODES,
    change_access,
    change_leverage,
    change_symbol,
    deposit,
    give_bonus,
    take_bonus,
    withdraw,
)
from ctrader_twisted.sim.script.connections import (
    abort,
    accept_connections,
    close,
    cut,
    fall_silent,
    half_open,
    refuse_connections,
    stall_connections,
)
from ctrader_twisted.sim.script.outages import (
    backend_down,
    limit_history,
    maintenance,
    refuse_application,
)
from ctrader_twisted.sim.script.talk import (
    delay_answers,
    drop_answers,
    garbage,
    overlong_frame,
    stop_heartbeats,
    unknown_payload_type,
)
from ctrader_twisted.sim.script.token_endpoint import (
    break_token_answers,
    delay_token_answers,
    drop_token_answers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ACTIONS: Final[Mapping[str, Callable[..., NamedAction]]] = {
    action.__name__: action
    for action in (
        close,
        abort,
        cut,
        fall_silent,
        half_open,
        refuse_connections,
        stall_connections,
        accept_connections,
        drop_answers,
        delay_answers,
        stop_heartbeats,
        garbage,
        overlong_frame,
        unknown_payload_type,
        maintenance,
        backend_down,
        limit_history,
        refuse_application,
        disconnect_account,
        invalidate_token,
        expire_tokens,
        disconnect_client,
        deposit,
        withdraw,
        give_bonus,
        take_bonus,
        change_leverage,
        change_access,
        change_symbol,
        delay_token_answers,
        drop_token_answers,
        break_token_answers,
    )
}
"""The actions a configuration file may name; their arguments are the functions' own."""

__all__ = [
    "ACTIONS",
    "Action",
    "NamedAction",
    "TRADING_MODES",
    "abort",
    "accept_connections",
    "backend_down",
    "break_token_answers",
    "change_access",
    "change_leverage",
    "change_symbol",
    "close",
    "cut",
    "delay_answers",
    "delay_token_answers",
    "deposit",
    "disconnect_account",
    "disconnect_client",
    "drop_answers",
    "drop_token_answers",
    "expire_tokens",
    "fall_silent",
    "garbage",
    "give_bonus",
    "half_open",
    "invalidate_token",
    "limit_history",
    "maintenance",
    "overlong_frame",
    "refuse_application",
    "refuse_connections",
    "stall_connections",
    "stop_heartbeats",
    "take_bonus",
    "unknown_payload_type",
    "withdraw",
]
