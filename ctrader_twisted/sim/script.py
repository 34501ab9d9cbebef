"""Misbehaviour, by script: what a venue does to its clients, and when.

A script is a list of (seconds after the venue's start, action). An action is a callable that is given the `Venue`;
those here are the usual ones, and anything else that can be called with a venue will do::

    Venue(clock, script=[(30, cut()), (60, fall_silent(20)), (90, lambda venue: print(venue.now()))])

What is done to connections is done to every one that is open at that moment; what the venue refuses it refuses to all.
`ACTIONS` names the actions for configuration files. An action prints as the call that made it.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, ParamSpec

from ctrader_twisted.messages import ProtoOASymbolChangedEvent, ProtoOATraderRes, ProtoOATraderUpdatedEvent
from ctrader_twisted.sim.accounts import ACCESS_RIGHTS
from ctrader_twisted.sim.answers.reference import trader_message
from ctrader_twisted.sim.feed.instruments import TradingMode
from ctrader_twisted.sim.troubles import ApplicationTurnedAway, BackEndDown, HistoryExhausted, Maintenance
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.sim.accounts import Grant, TradingAccount
    from ctrader_twisted.sim.conversation import Conversation
    from ctrader_twisted.sim.venue import Venue

Action = Callable[["Venue"], None]
_P = ParamSpec("_P")

TRADING_MODES: Final[Mapping[str, TradingMode]] = {
    "enabled": TradingMode.ENABLED,
    "close only": TradingMode.CLOSE_ONLY_MODE,
    "disabled": TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION,
    "pending only": TradingMode.DISABLED_WITH_PENDINGS_EXECUTION,
}
"""How a symbol may be traded, by the words of `change_symbol`."""


@dataclass(frozen=True, slots=True)
class NamedAction:
    """An action of this module.

    :ivar name: the function that made it.
    :ivar arguments: what that was given, by name.
    """

    name: str
    arguments: tuple[tuple[str, Any], ...]
    _do: Action = field(compare=False, repr=False)

    def __call__(self, venue: Venue) -> None:
        """Do it."""
        self._do(venue)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments)})"


def _named(make: Callable[_P, Action]) -> Callable[_P, NamedAction]:
    signature = inspect.signature(make)

    @functools.wraps(make)
    def named(*args: _P.args, **kwargs: _P.kwargs) -> NamedAction:
        arguments = tuple(signature.bind(*args, **kwargs).arguments.items())
        for name, value in arguments:
            if name in _SPANS and value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value}: it is a number of seconds")
        return NamedAction(make.__name__, arguments, make(*args, **kwargs))

    return named


_SPANS: Final = frozenset({"seconds", "delay", "retry_after", "announced", "refused_for"})


# ---------------------------------------------------------------------------------------------------------- connections


@_named
def close() -> Action:
    """Close the connection once everything sent has left."""
    return _each(lambda talk: talk.peer.close())


@_named
def abort() -> Action:
    """Drop the connection at once (TCP: a reset)."""
    return _each(lambda talk: talk.peer.abort("the venue's script aborts it"))


@_named
def cut() -> Action:
    """Close the connection in the middle of a frame."""
    frame = Envelope(catalogue.payload_type(ProtoOATraderRes), bytes(200))
    return _each(lambda talk: talk.peer.cut(frame))


@_named
def fall_silent(seconds: float | None = None) -> Action:
    """Neither hear nor say anything any more, and keep the connection open.

    What a client sends is read and lost, and its close is answered: the program hangs, the machine does not.

    :param seconds: how long; None for ever.
    """
    return _each(lambda talk: talk.silence.begin(seconds))


@_named
def half_open(seconds: float | None = None) -> Action:
    """Let the connection die unheard: nothing is read, nothing is said, a close is not answered.

    :param seconds: after which it is dropped with a reset; None for never.
    """

    def die(venue: Venue) -> None:
        talks = tuple(_reachable(venue))
        for talk in talks:
            talk.die_unheard()
        if seconds is not None:
            venue.later(seconds, lambda _: _drop(talks))

    return die


@_named
def refuse_connections(seconds: float | None = None) -> Action:
    """Close new connections at once.

    :param seconds: how long; None for ever.
    """
    return lambda venue: venue.refusing.begin(seconds)


@_named
def stall_connections(seconds: float | None = None) -> Action:
    """Accept new connections and leave it at that: not even TLS begins.

    :param seconds: how long; then they are dropped. None for ever.
    """

    def stall(venue: Venue) -> None:
        venue.stalling.begin(seconds)
        if seconds is not None:
            venue.later(seconds, _drop_stalled)

    return stall


@_named
def accept_connections() -> Action:
    """Accept new connections again, and drop those that were stalled."""

    def accept(venue: Venue) -> None:
        venue.refusing.end()
        venue.stalling.end()
        venue.drop_stalled()

    return accept


# -------------------------------------------------------------------------------------------------------------- answers


@_named
def drop_answers(count: int = 1, request: str | None = None, seconds: float | None = None) -> Action:
    """Carry the next requests out, and withhold their answers.

    :param count: how many.
    :param request: only requests of this name, such as ``"ProtoOATraderReq"``; None for any.
    :param seconds: for how long at most; None for ever.
    """
    number = None if request is None else _number(request)
    return _each(lambda talk: talk.drop_answers(count, number, seconds))


@_named
def delay_answers(delay: float, seconds: float | None = None) -> Action:
    """Take up requests only so much later, in their order.

    :param delay: how much later, seconds.
    :param seconds: for how long this goes on; None for ever.
    """
    return _each(lambda talk: talk.delay_answers(delay, seconds))


@_named
def stop_heartbeats(seconds: float | None = None) -> Action:
    """Send no heartbeats, on any connection.

    :param seconds: how long; None for ever.
    """
    return lambda venue: venue.without_heartbeats.begin(seconds)


@_named
def garbage(data: bytes | None = None) -> Action:
    """Send bytes as they are; by default a well-formed frame that holds no message."""
    if data is None:
        return _each(lambda talk: talk.imitate(_meaningless))
    return _each(lambda talk: None if talk.silence else talk.peer.write_raw(data))


@_named
def overlong_frame(length: int = 0x7FFF_FFFF) -> Action:
    """Announce a frame that is longer than any client allows.

    :param length: the bytes announced; a few of them follow.
    """
    return _each(lambda talk: talk.imitate(functools.partial(_announcing, length)))


@_named
def unknown_payload_type(number: int = 9_999) -> Action:
    """Send an envelope of a payload type that the schema does not have; its payload is one over every wire."""
    return _each(lambda talk: talk.push(Envelope(number, b"{}")))


# ---------------------------------------------------------------------------------------------------------- the service


@_named
def maintenance(
    seconds: float, error: str = "ProtoOAErrorRes", connections: str = "accepted", announced: float | None = None
) -> Action:
    """Refuse every request with ``SERVER_IS_UNDER_MAINTENANCE``; connections and sessions stay.

    :param seconds: how long.
    :param error: ``"ProtoOAErrorRes"``, which tells the end in seconds, or ``"ProtoErrorRes"``, in milliseconds.
    :param connections: what becomes of new ones: ``"accepted"``, ``"refused"`` or ``"stalled"``.
    :param announced: the seconds from now that the answers tell, if they are not ``seconds``; 0 to tell none.
    """
    common = _one_of("error", error, {"ProtoOAErrorRes": False, "ProtoErrorRes": True})
    door = _one_of(
        "connections",
        connections,
        {"accepted": None, "refused": refuse_connections(seconds), "stalled": stall_connections(seconds)},
    )

    def maintain(venue: Venue) -> None:
        told = seconds if announced is None else announced
        # By the clock that clients wait by, not by the venue's time: that is of the market, and may be years off.
        end = round((venue.clock.seconds() + told) * 1000) if told else None
        venue.troubles.begin(Maintenance(end, common), seconds)
        if door is not None:
            door(venue)

    return maintain


@_named
def backend_down(seconds: float, code: str = "CANT_ROUTE_REQUEST", account_id: int | None = None) -> Action:
    """Refuse what is about an account, its authorisation included; everything else is answered.

    :param seconds: how long.
    :param code: the error code.
    :param account_id: only this account's; None for all.
    """
    return lambda venue: venue.troubles.begin(BackEndDown(code, account_id), seconds)


@_named
def limit_history(seconds: float, retry_after: float = 1.0) -> Action:
    """Refuse historical requests with ``BLOCKED_PAYLOAD_TYPE``: the rolling quota is used up.

    :param seconds: how long.
    :param retry_after: the seconds that the answers tell to wait; waiting so long is not enough.
    """
    return lambda venue: venue.troubles.begin(HistoryExhausted(retry_after), seconds)


@_named
def refuse_application(code: str, seconds: float, closes: bool = False) -> Action:
    """Refuse to authorise applications.

    :param code: the error code.
    :param seconds: how long.
    :param closes: whether the connection is closed after it.
    """
    return lambda venue: venue.troubles.begin(ApplicationTurnedAway(code, closes), seconds)


# ------------------------------------------------------------------------------------------------------------ authority


@_named
def disconnect_account(account_id: int | None = None) -> Action:
    """End an account's session with a ProtoOAAccountDisconnectEvent, and keep the connection.

    :param account_id: which; None for every one.
    """

    def disconnect(talk: Conversation) -> None:
        for standing in tuple(talk.sessions):
            if account_id in (None, standing):
                talk.disconnect_account(standing)

    return _each(disconnect)


@_named
def invalidate_token(
    reason: str = "Access token was revoked", still_good: str = "refresh", grant: int | None = None
) -> Action:
    """End the sessions that a grant opened with a ProtoOAAccountsTokenInvalidatedEvent.

    :param reason: what the event says.
    :param still_good: ``"both"``: the tokens are as good as before; ``"refresh"``: the access token opens nothing any
        more, the refresh token buys the next pair; ``"nothing"``: a person must grant access again.
    :param grant: its place among the venue's tokens, from 1; None for every one.
    """
    _one_of("still_good", still_good, dict.fromkeys(("both", "refresh", "nothing")))

    def invalidate(venue: Venue) -> None:
        for each in _grants(venue, grant):
            if still_good != "both":
                venue.registry.revoke(each, for_good=still_good == "nothing")
            venue.end_sessions_of(each, reason)

    return invalidate


@_named
def expire_tokens(grant: int | None = None, ends_sessions: bool = False) -> Action:
    """Let access tokens expire now; the refresh tokens stay good.

    :param grant: its place among the venue's tokens, from 1; None for every one.
    :param ends_sessions: whether the sessions they opened end, too, as by `invalidate_token`.
    """

    def expire(venue: Venue) -> None:
        for each in _grants(venue, grant):
            each.expires_at = venue.now()
            if ends_sessions:
                venue.end_sessions_of(each, "Access token has expired")

    return expire


@_named
def disconnect_client(
    reason: str = "Application was disconnected",
    closes: bool = False,
    refused_for: float = 0.0,
    code: str = "CHANNEL_IS_BLOCKED",
) -> Action:
    """Take every authority from the connection with a ProtoOAClientDisconnectEvent.

    :param reason: what the event says, such as ``"Blocked by administrator"``.
    :param closes: whether the connection is closed after it.
    :param refused_for: seconds for which applications are then refused.
    :param code: the error code of that; none has been observed, the default is the schema's nearest.
    """

    def each(talk: Conversation) -> None:
        talk.disconnect_client(reason)
        if closes:
            talk.peer.close()

    disconnect = _each(each)

    def disconnect_all(venue: Venue) -> None:
        disconnect(venue)
        if refused_for:
            venue.troubles.begin(ApplicationTurnedAway(code, closes), refused_for)

    return disconnect_all


# -------------------------------------------------------------------------------------------------- accounts, symbols


@_named
def deposit(amount: float, account_id: int | None = None, note: str = "") -> Action:
    """Pay money into an account: ``DEPOSIT_WITHDRAW``.

    :param amount: in units of its deposit asset; rounded to the account's digits.
    :param account_id: which; None for every one.
    :param note: a remark that its holder sees.
    """
    _positive("amount", amount)
    return _each_account(account_id, lambda venue, account: _move(venue, account, amount, note))


@_named
def withdraw(amount: float, account_id: int | None = None, note: str = "") -> Action:
    """Pay money out of an account, no more than its balance: ``DEPOSIT_WITHDRAW``.

    Whether open positions need the money is not asked.

    :param amount: in units of its deposit asset; rounded to the account's digits.
    :param account_id: which; None for every one.
    :param note: a remark that its holder sees.
    """
    _positive("amount", amount)
    return _each_account(account_id, lambda venue, account: _move(venue, account, -amount, note))


@_named
def change_leverage(leverage: float, account_id: int | None = None) -> Action:
    """Change an account's leverage: ProtoOATraderUpdatedEvent, and the margin of open positions follows.

    :param leverage: 100 is 1:100.
    :param account_id: which; None for every one.
    """
    _positive("leverage", leverage)

    def change(venue: Venue, account: TradingAccount) -> None:
        account.leverage_in_cents = max(1, round(leverage * 100))
        _tell_of(venue, account)
        venue.exchange.desk(account.account_id).reckon()

    return _each_account(account_id, change)


@_named
def change_access(rights: str, account_id: int | None = None) -> Action:
    """Change what an account's holder may do: ProtoOATraderUpdatedEvent. Sessions stay.

    :param rights: ``"full"``, ``"close only"``, ``"no trading"`` or ``"no login"``.
    :param account_id: which; None for every one.
    """
    number = _one_of("rights", rights, ACCESS_RIGHTS)

    def change(venue: Venue, account: TradingAccount) -> None:
        account.access_rights = number
        _tell_of(venue, account)

    return _each_account(account_id, change)


@_named
def change_symbol(symbol: str, mode: str) -> Action:
    """Change how a symbol may be traded: ProtoOASymbolChangedEvent to every account.

    :param symbol: its name.
    :param mode: ``"enabled"``; ``"close only"``; ``"disabled"``, so that pending orders are not executed either; or
        ``"pending only"``: nothing can be ordered, and pending orders are executed.
    """
    wanted = _one_of("mode", mode, TRADING_MODES)

    def change(venue: Venue) -> None:
        for instrument in venue.instruments.values():
            if instrument.name == symbol:
                break
        else:
            raise ValueError(f"there is no symbol {symbol}")
        venue.instruments[instrument.symbol_id] = replace(instrument, trading_mode=wanted)
        for account_id in venue.registry.accounts:
            event = ProtoOASymbolChangedEvent(ctidTraderAccountId=account_id, symbolId=[instrument.symbol_id])
            venue.tell(account_id, event)

    return change


# ------------------------------------------------------------------------------------------------- the token endpoint


@_named
def delay_token_answers(delay: float, seconds: float | None = None) -> Action:
    """Let the token endpoint carry requests out at once and answer so much later.

    :param delay: how much later, seconds.
    :param seconds: for how long this goes on; None for ever.
    """
    return lambda venue: venue.oauth_faults.delay_answers(delay, seconds)


@_named
def drop_token_answers(count: int = 1, closes: bool = True) -> Action:
    """Let the token endpoint carry the next requests out, and never answer them: the new pair is lost.

    :param count: how many.
    :param closes: whether the connection is closed; if false, it is left waiting.
    """
    return lambda venue: venue.oauth_faults.drop_answers(count, closes)


@_named
def break_token_answers(how: str = "html", seconds: float | None = None) -> Action:
    """Let the token endpoint carry nothing out and answer with nonsense.

    :param how: ``"html"``: a page with HTTP 200; ``"500"``: a page with that status; ``"cut"``: half an answer.
    :param seconds: for how long; None for ever.
    """
    _one_of("how", how, dict.fromkeys(("html", "500", "cut")))
    return lambda venue: venue.oauth_faults.break_answers(how, seconds)


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
        change_leverage,
        change_access,
        change_symbol,
        delay_token_answers,
        drop_token_answers,
        break_token_answers,
    )
}
"""The actions a configuration file may name; their arguments are the functions' own."""


def _each(do: Callable[[Conversation], Any]) -> Action:
    def action(venue: Venue) -> None:
        for talk in tuple(_reachable(venue)):
            do(talk)

    return action


def _each_account(account_id: int | None, do: Callable[[Venue, TradingAccount], None]) -> Action:
    def action(venue: Venue) -> None:
        accounts = venue.registry.accounts
        if account_id is not None and account_id not in accounts:
            raise ValueError(f"there is no account {account_id}")
        for account in tuple(accounts.values()) if account_id is None else (accounts[account_id],):
            do(venue, account)

    return action


def _move(venue: Venue, account: TradingAccount, amount: float, note: str) -> None:
    delta = max(-account.balance, round(amount * 10**account.money_digits))
    if delta:
        venue.exchange.desk(account.account_id).deposit(delta, note)


def _tell_of(venue: Venue, account: TradingAccount) -> None:
    trader = trader_message(venue, account)
    venue.tell(account.account_id, ProtoOATraderUpdatedEvent(ctidTraderAccountId=account.account_id, trader=trader))


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value}: it is a number above 0")


def _meaningless(frame: bytes) -> bytes:
    junk = b"?????"
    return _kind(frame) + bytes((len(junk),)) + junk if _is_websocket(frame) else len(junk).to_bytes(4) + junk


def _announcing(length: int, frame: bytes) -> bytes:
    header = _kind(frame) + b"\x7f" + length.to_bytes(8) if _is_websocket(frame) else length.to_bytes(4)
    return header + bytes(16)


def _is_websocket(frame: bytes) -> bool:
    return frame[0] >= 0x80  # as a length it would be 2 GB


def _kind(frame: bytes) -> bytes:
    return bytes((frame[0] & 0x8F,))  # text or binary, and not compressed


def _reachable(venue: Venue) -> Iterable[Conversation]:
    return (talk for talk in venue.conversations.values() if not talk.half_open)


def _drop(talks: Iterable[Conversation]) -> None:
    for talk in talks:
        if talk.peer.open:
            talk.peer.abort("it was half open")


def _drop_stalled(venue: Venue) -> None:
    if not venue.stalling:  # another one may have begun meanwhile
        venue.drop_stalled()


def _grants(venue: Venue, number: int | None) -> Iterable[Grant]:
    grants = venue.registry.grants
    if number is None:
        return tuple(grants)
    if not 1 <= number <= len(grants):
        raise ValueError(f"there is no token {number}: the venue has {len(grants)}")
    return (grants[number - 1],)


def _one_of(name: str, word: str, choices: Mapping[str, Any]) -> Any:
    if word not in choices:
        raise ValueError(f'{name} is "{word}": it is one of {", ".join(choices)}')
    return choices[word]


def _number(request: str) -> int:
    for kind in catalogue.REQUESTS.values():
        if kind.name == request:
            return kind.payload_type
    raise ValueError(f"{request} is not a request of the schema")
