"""Weather: seeded random schedules of misbehaviour, for tests that want more than anybody thinks of.

A schedule is a script (`ctrader_twisted.sim.script`): it can be printed, kept, shortened and played again. ::

    steps = weather(seed=7, seconds=3600)
    Venue(clock, script=steps)
    print(as_toml(steps))  # as [[simulator.script]] of a configuration file

Every fault ends, and no later than the schedule does: a client that heals is well soon after. What only a person could
mend is left out: revoked grants, blocked applications, a refresh whose answer is withheld. A refresh under way when the
connection is cut loses its answer all the same.
"""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from ctrader_twisted.sim import script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ctrader_twisted.sim.script import NamedAction

_T = TypeVar("_T")

_DROPPED: Final = (
    "ProtoOAApplicationAuthReq",
    "ProtoOAAccountAuthReq",
    "ProtoOAReconcileReq",
    "ProtoOATraderReq",
    "ProtoOASymbolsListReq",
    "ProtoOASymbolByIdReq",
    "ProtoOASubscribeSpotsReq",
    "ProtoOASubscribeLiveTrendbarReq",
    "ProtoOASubscribeDepthQuotesReq",
    "ProtoOAGetTrendbarsReq",
)
_AWAY: Final = ("CANT_ROUTE_REQUEST", "CH_SERVER_NOT_REACHABLE", "TIMEOUT_ERROR")


class _Sky:
    """What one fault is drawn from.

    :param account_ids: the accounts that may be hit alone.
    :param left: seconds in which the fault must be over.
    """

    def __init__(self, chance: Random, account_ids: Sequence[int], left: float) -> None:
        self._chance = chance
        self._account_ids = account_ids
        self._left = left

    def span(self, least: float, most: float) -> float:
        """Draw how long it lasts."""
        return round(min(self.number(least, most), self._left), 3)

    def number(self, least: float, most: float) -> float:
        """Draw a number, small ones more often."""
        drawn: float = least * (most / least) ** self._chance.random()
        return round(drawn, 3)

    def one_of(self, *choices: _T) -> _T:
        """Draw one."""
        return choices[int(self._chance.random() * len(choices))]

    def account(self) -> int | None:
        """Draw an account, or None for all."""
        return self.one_of(None, *self._account_ids)


def _disconnect_client(sky: _Sky) -> NamedAction:
    reason = sky.one_of("Application was disconnected", "Server is restarted")
    refused_for = sky.one_of(0.0, sky.span(2, 60))
    return script.disconnect_client(reason, sky.one_of(False, True), refused_for, sky.one_of(*_AWAY[1:]))


def _maintenance(sky: _Sky) -> NamedAction:
    seconds = sky.span(5, 300)
    return script.maintenance(
        seconds,
        sky.one_of("ProtoOAErrorRes", "ProtoErrorRes"),
        sky.one_of("accepted", "refused", "stalled"),
        sky.one_of(None, 0.0, round(seconds / 2, 3)),
    )


def _refuse_application(sky: _Sky) -> NamedAction:
    code = sky.one_of("CH_SERVER_NOT_REACHABLE", "CONNECTIONS_LIMIT_EXCEEDED", "TIMEOUT_ERROR")
    return script.refuse_application(code, sky.span(5, 60), sky.one_of(False, True))


KINDS: Final[Mapping[str, Callable[[_Sky], NamedAction]]] = {
    "close": lambda sky: script.close(),
    "abort": lambda sky: script.abort(),
    "cut": lambda sky: script.cut(),
    "fall_silent": lambda sky: script.fall_silent(sky.span(1, 120)),
    "half_open": lambda sky: script.half_open(sky.span(5, 180)),
    "refuse_connections": lambda sky: script.refuse_connections(sky.span(1, 60)),
    "stall_connections": lambda sky: script.stall_connections(sky.span(1, 60)),
    "drop_answers": lambda sky: script.drop_answers(sky.one_of(1, 2, 3), sky.one_of(*_DROPPED), sky.span(10, 60)),
    "delay_answers": lambda sky: script.delay_answers(sky.number(0.1, 15), sky.span(1, 60)),
    "stop_heartbeats": lambda sky: script.stop_heartbeats(sky.span(30, 180)),
    "garbage": lambda sky: script.garbage(),
    "overlong_frame": lambda sky: script.overlong_frame(),
    "unknown_payload_type": lambda sky: script.unknown_payload_type(sky.one_of(9_999, 2_999, 77)),
    "maintenance": _maintenance,
    "backend_down": lambda sky: script.backend_down(sky.span(5, 120), sky.one_of(*_AWAY), sky.account()),
    "limit_history": lambda sky: script.limit_history(sky.span(10, 120), sky.one_of(1.0, 2.0, 5.0)),
    "refuse_application": _refuse_application,
    "disconnect_account": lambda sky: script.disconnect_account(sky.account()),
    "invalidate_token": lambda sky: script.invalidate_token(still_good="both"),
    "lose_access_token": lambda sky: script.invalidate_token(still_good="refresh"),
    "expire_tokens": lambda sky: script.expire_tokens(ends_sessions=sky.one_of(False, True)),
    "disconnect_client": _disconnect_client,
    "delay_token_answers": lambda sky: script.delay_token_answers(sky.number(0.5, 20), sky.span(5, 60)),
    "break_token_answers": lambda sky: script.break_token_answers(sky.one_of("html", "500", "cut"), sky.span(5, 60)),
}
"""The kinds of faults, each named for its action; ``lose_access_token`` is the `invalidate_token` that a client gets
over by a refresh only."""

NEED_REFRESH: Final = frozenset({"lose_access_token", "expire_tokens"})
"""The kinds that a client without a refresh token can't get over."""


def weather(
    seed: int,
    seconds: float,
    *,
    every: float = 60.0,
    kinds: Iterable[str] | None = None,
    account_ids: Sequence[int] = (),
) -> list[tuple[float, NamedAction]]:
    """Draw a schedule; the same arguments draw the same.

    :param seconds: when the last fault is over.
    :param every: seconds from one fault to the next, on the average.
    :param kinds: names of `KINDS`; None for all.
    :param account_ids: the accounts that may be hit alone.
    :raises ValueError: if a kind is not known, or nothing would ever come.
    """
    names = tuple(KINDS if kinds is None else kinds)
    for name in names:
        if name not in KINDS:
            raise ValueError(f"{name} is no kind of fault: there are {', '.join(KINDS)}")
    if not names or every <= 0 or seconds <= 0:
        raise ValueError("no weather without kinds of faults, and seconds above 0")
    chance = Random(f"weather/{seed}")
    steps: list[tuple[float, NamedAction]] = []
    at = 0.0
    while True:
        at = round(at + chance.expovariate(1 / every), 3)
        if at >= seconds:
            return steps
        sky = _Sky(chance, account_ids, seconds - at)
        steps.append((at, KINDS[sky.one_of(*names)](sky)))


def as_toml(steps: Iterable[tuple[float, NamedAction]], table: str = "simulator") -> str:
    """Write a schedule as the ``[[simulator.script]]`` of a configuration file.

    :raises ValueError: if an argument can't be written there: bytes.
    """
    lines: list[str] = []
    for at, action in steps:
        lines += [f"[[{table}.script]]", f"at = {at}", f"action = {json.dumps(action.name)}"]
        lines += [f"{name} = {_toml(value)}" for name, value in action.arguments if value is not None]
        lines.append("")
    return "\n".join(lines)


def _toml(value: object) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} can't be written into a configuration file")
    return json.dumps(value)
