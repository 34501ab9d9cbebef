"""A venue's state as a document: everything that trading changed, to be saved and to be loaded into a new venue.

What is in it: ids, accounts with their positions, orders, deals and cash flow, books, symbols that were changed,
grants, the venue's time. What is not: connections and what they subscribed to, what is refused for a while, scripts.
It holds tokens, so a file of it is for its owner's eyes only.
"""

from __future__ import annotations

import dataclasses
import json
import math
import operator
import types
import typing
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ctrader_twisted.sim.accounts import Grant
from ctrader_twisted.sim.feed.calendar import LAST_MS
from ctrader_twisted.sim.feed.instruments import TradingMode
from ctrader_twisted.sim.trading.entities import (
    Ids,
    Levels,
    Lot,
    Order,
    Position,
)
from ctrader_twisted.sim.trading.records import CashFlow, CloseDetail, Deal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ctrader_twisted.sim.trading.ledger import Ledger
    from ctrader_twisted.sim.venue import Venue

FORMAT: Final = "ctrader_twisted.sim state"
VERSION: Final = 2

_T = TypeVar("_T")


class StateError(ValueError):
    """A state can't be loaded: its text says what is wrong, and where."""


@dataclasses.dataclass(slots=True)
class _Account:
    """What of an account is saved: first what has to be as it was, then what trading and scripts change."""

    account_id: int
    deposit_asset: str
    money_digits: int
    account_type: int
    balance: int
    balance_version: int
    leverage_in_cents: int
    access_rights: int
    margin_calls: list[tuple[int, float, int]]
    manager_bonus: int
    ib_bonus: int
    non_withdrawable_bonus: int


@dataclasses.dataclass(slots=True)
class _Remembered:
    """What `ctrader_twisted.sim.trading.desk.Desk.state` gives."""

    calls_told: list[tuple[int, int]]
    calls_below: list[int]
    stops_once: list[int]


# ------------------------------------------------------------------------------------------------------ the document


def save(venue: Venue) -> dict[str, Any]:
    """Give the state of a venue as plain values, such as JSON has."""
    accounts = []
    for account_id in venue.registry.accounts:
        past = {name: _table(rows) for name, rows in past_of(venue, account_id).items()}
        accounts.append(save_account(venue, account_id) | past)
    return save_venue(venue) | {"accounts": accounts}


def save_venue(venue: Venue) -> dict[str, Any]:
    """Give the state of a venue but for its accounts."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "seed": venue.seed,
        "now": venue.now(),
        "began_at": venue.began_at,
        "ids": _plain(venue.exchange.ids),
        "symbols": {
            str(symbol_id): int(instrument.trading_mode)
            for symbol_id, instrument in venue.instruments.items()
            if instrument.trading_mode != venue.feed.instruments[symbol_id].trading_mode
        },
        "grants": _table(venue.registry.grants),
        "codes_made": venue.registry.codes_made,
        "books": {str(symbol_id): state for symbol_id, state in venue.ticker.books_state().items()},
    }


def times_of(state: Mapping[str, Any]) -> tuple[int, int]:
    """Give the venue's time at which a state was saved, and when the first venue of it began, ms UTC.

    :raises StateError: if it is none of ours, or of another version.
    """
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise StateError("it is not the state of a venue")
    if state.get("version") != VERSION:
        raise StateError(f"it is of version {state.get('version')!r}, and this program knows version {VERSION}")
    now, began_at = _read(int, state, "now"), _read(int, state, "began_at")
    if not 0 <= began_at <= now <= LAST_MS:
        raise StateError(f"now: {now} is not between the beginning, {began_at}, and the end of time")
    return now, began_at


def load(venue: Venue, state: Mapping[str, Any]) -> None:
    """Put a state into a venue that has just been made: same seed, same accounts.

    What was being executed when it was saved is executed right away.

    :raises StateError: if it is not the state of such a venue, or damaged.
    """
    times_of(state)
    if _read(int, state, "seed") != venue.seed:
        raise StateError(f"it was saved with seed {state['seed']}, and the venue's is {venue.seed}")
    for text, mode in _read(dict[str, int], state, "symbols").items():
        symbol_id = _number(text, "symbols")
        _known_symbol(venue, symbol_id, "symbols")
        if mode not in list(TradingMode):
            raise StateError(f"symbols: {mode} is no trading mode")
        changed = dataclasses.replace(venue.instruments[symbol_id], trading_mode=TradingMode(mode))
        venue.instruments[symbol_id] = changed
    accounts = _read(list[dict[str, Any]], state, "accounts")
    known = [_load_account(venue, one, f"accounts[{number}]") for number, one in enumerate(accounts)]
    saved, ids = _read(Ids, state, "ids"), venue.exchange.ids
    for name in _FIELDS[Ids]:
        setattr(ids, name, getattr(saved, name))
    for account_id in venue.registry.accounts:
        if account_id not in known:  # it is new, and its first deposit took an id that was given away before
            flow = venue.exchange.desk(account_id).ledger.cash_flow
            flow[:] = [dataclasses.replace(one, flow_id=ids.flow()) for one in flow]
    for text, book in _read(dict[str, list[Any]], state, "books").items():
        symbol_id = _number(text, "books")
        _known_symbol(venue, symbol_id, "books")
        try:
            venue.ticker.restore_book(symbol_id, book)
        except (TypeError, ValueError, IndexError) as error:
            raise StateError(f"books.{symbol_id}: {error}") from None
    venue.registry.restore(_rows(Grant, state, "grants"), _read(int, state, "codes_made"))
    saved_at, _ = times_of(state)
    for number, one in enumerate(accounts):
        remembered = _read_fields(_Remembered, _read(dict[str, Any], one, "desk"), f"accounts[{number}]: desk")
        venue.exchange.desk(one["account_id"]).resume(
            saved_at, remembered.calls_told, remembered.calls_below, remembered.stops_once
        )


def past_of(venue: Venue, account_id: int) -> dict[str, Collection[Any]]:
    """Give the rows of an account that only grow in number, by the names of their tables."""
    ledger = venue.exchange.desk(account_id).ledger
    return {
        "closed_positions": ledger.closed_positions.values(),
        "past_orders": ledger.past_orders.values(),
        "deals": ledger.deals,
        "cash_flow": ledger.cash_flow,
    }


def save_account(venue: Venue, account_id: int) -> dict[str, Any]:
    """Give the state of an account but for its past."""
    account, desk = venue.registry.accounts[account_id], venue.exchange.desk(account_id)
    saved = {field.name: getattr(account, field.name) for field in dataclasses.fields(_Account)}
    saved["margin_calls"] = [[number, *call] for number, call in account.margin_calls.items()]
    ledger = desk.ledger
    return saved | {
        "positions": _table(ledger.positions.values()),
        "orders": _table(ledger.orders.values()),
        "desk": desk.state(),
    }


def _load_account(venue: Venue, state: dict[str, Any], where: str) -> int:
    """Load an account but for its desk, and give its id."""
    saved = _read_fields(_Account, {name: state[name] for name in _FIELDS[_Account] if name in state}, where)
    account = venue.registry.accounts.get(saved.account_id)
    if account is None:
        raise StateError(f"{where}: account {saved.account_id} is none of the venue's")
    for name in ("deposit_asset", "money_digits", "account_type"):
        if getattr(saved, name) != getattr(account, name):
            problem = f"{name} of account {saved.account_id} was {getattr(saved, name)}"
            raise StateError(f"{where}: {problem}, and is {getattr(account, name)}")
    account.balance, account.balance_version = saved.balance, saved.balance_version
    account.leverage_in_cents, account.access_rights = saved.leverage_in_cents, saved.access_rights
    account.manager_bonus, account.ib_bonus = saved.manager_bonus, saved.ib_bonus
    account.non_withdrawable_bonus = saved.non_withdrawable_bonus
    account.margin_calls.update({number: (level, at) for number, level, at in saved.margin_calls})
    ledger = venue.exchange.desk(saved.account_id).ledger
    ledger.positions = {one.position_id: one for one in _rows(Position, state, "positions", where)}
    ledger.closed_positions = {one.position_id: one for one in _rows(Position, state, "closed_positions", where)}
    ledger.orders = {one.order_id: one for one in _rows(Order, state, "orders", where)}
    ledger.past_orders = {one.order_id: one for one in _rows(Order, state, "past_orders", where)}
    ledger.deals = _rows(Deal, state, "deals", where)
    ledger.cash_flow = _rows(CashFlow, state, "cash_flow", where)
    _check(venue, ledger, where)
    return saved.account_id


def _check(venue: Venue, ledger: Ledger, where: str) -> None:
    """Refuse what hangs in the air."""
    positions = ledger.positions | ledger.closed_positions
    orders = ledger.orders | ledger.past_orders
    for position in positions.values():
        _known_symbol(venue, position.symbol_id, f"{where}: position {position.position_id}")
        if position.protective_id is not None and position.protective_id not in orders:
            raise StateError(f"{where}: position {position.position_id} is protected by an order that is not there")
    for order in orders.values():
        _known_symbol(venue, order.symbol_id, f"{where}: order {order.order_id}")
        if order.position_id not in positions:
            raise StateError(f"{where}: order {order.order_id} is about a position that is not there")
    deals = {deal.deal_id for deal in ledger.deals}
    for deal in ledger.deals:
        for deal_id, _ in () if deal.detail is None else deal.detail.offsets:
            if deal_id not in deals:
                raise StateError(f"{where}: deal {deal.deal_id} closed one that is not there")


def _known_symbol(venue: Venue, symbol_id: int, where: str) -> None:
    if symbol_id not in venue.instruments:
        raise StateError(f"{where}: there is no symbol {symbol_id}")


def _number(text: str, where: str) -> int:
    if not text.isdecimal():
        raise StateError(f"{where}: {text!r} is no id")
    return int(text)


# ------------------------------------------------------------------------------------------------- values and tables


def _hints(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _plain_types(hint: Any) -> frozenset[type]:
    arguments = typing.get_args(hint) if typing.get_origin(hint) is types.UnionType else (hint,)
    return frozenset(one for one in arguments if one in (int, bool, str, types.NoneType))


_SCALARS: Final = frozenset((int, bool, str, float, types.NoneType))

_FIELDS: Final[Mapping[type, Mapping[str, Any]]] = {
    kind: _hints(kind)
    for kind in (
        *(Position, Lot, Levels, Order, Deal, CloseDetail, CashFlow),
        *(Ids, Grant, _Account, _Remembered),
    )
}
"""The dataclasses that are saved, and the type of each of their fields."""


_AS_THEY_ARE: Final[Mapping[type, Mapping[str, frozenset[type]]]] = {
    kind: {name: _plain_types(hint) for name, hint in hints.items()} for kind, hints in _FIELDS.items()
}
"""The types of plain values that need no second look, for each field: there are many rows."""


def _table(rows: Collection[Any]) -> dict[str, Any]:
    """Give dataclasses of a kind as rows under the names of their columns."""
    return {"columns": columns_of(next(iter(rows))), "rows": plain_rows(rows)} if rows else {"columns": [], "rows": []}


def columns_of(row: Any) -> list[str]:
    """Give the names of the fields of a dataclass that is saved."""
    return list(_FIELDS[type(row)])


def plain_rows(rows: Iterable[Any]) -> list[list[Any]]:
    """Give dataclasses of one kind as the values of their columns."""
    found: list[list[Any]] = []
    values_of = None
    for row in rows:
        values_of = values_of or operator.attrgetter(*_FIELDS[type(row)])
        found.append([value if type(value) in _SCALARS else _plain(value) for value in values_of(row)])
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return [value.numerator, value.denominator]
    if dataclasses.is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in _FIELDS[type(value)]}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def _rows(kind: type[_T], state: Mapping[str, Any], name: str, where: str = "") -> list[_T]:
    """Read a table of dataclasses."""
    path = _path(where, name)
    table = _read(dict[str, list[Any]], state, name, where)
    columns, rows = _read(list[str], table, "columns", path), _read(list[Any], table, "rows", path)
    known, looked_at = _FIELDS[kind], _AS_THEY_ARE[kind]
    for column in columns:
        if column not in known:
            raise StateError(f"{path}: {column} is not known")
    if rows and len(set(columns)) < len(known):
        raise StateError(f"{path}: {next(iter(set(known) - set(columns)))} is missing")
    found = []
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise StateError(f"{path}: row {number} does not have {len(columns)} values")
        values = {
            name: value
            if type(value) in looked_at[name]
            else _value(known[name], value, f"{path}: row {number}: {name}")
            for name, value in zip(columns, row, strict=True)
        }
        found.append(kind(**values))
    return found


def _read(hint: Any, state: Mapping[str, Any], name: str, where: str = "") -> Any:
    path = _path(where, name)
    if name not in state:
        raise StateError(f"{path} is missing")
    return _value(hint, state[name], path)


def _path(where: str, name: str) -> str:
    return f"{where}: {name}" if where else name


def _read_fields(kind: type[_T], values: Mapping[str, Any], where: str) -> _T:
    hints = _FIELDS[kind]
    for name in values:
        if name not in hints:
            raise StateError(f"{where}: {name} is not known")
    return kind(**{name: _read(hint, values, name, where) for name, hint in hints.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    """Give a plain value as its type hint wants it."""
    if hint is float and type(value) in (int, float) and not math.isnan(value):
        return float(value)
    if hint in (int, bool, str) and type(value) is hint:
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        if value is None and types.NoneType in arguments:
            return None
        (hint,) = [one for one in arguments if one is not types.NoneType]
        return _value(hint, value, where)
    if origin is list and isinstance(value, list):
        return [_value(arguments[0], one, where) for one in value]
    if origin is dict and isinstance(value, dict):
        return {name: _value(arguments[1], one, where) for name, one in value.items()}
    if origin is tuple and isinstance(value, list):
        if arguments[-1] is Ellipsis:
            return tuple([_value(arguments[0], one, where) for one in value])
        if len(value) == len(arguments):
            return tuple([_value(one, item, where) for one, item in zip(arguments, value, strict=True)])
    if hint is Fraction and _value(tuple[int, int], value, where)[1]:
        return Fraction(*value)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _read_fields(typing.cast("type[Any]", hint), value, where)
    raise StateError(f"{where}: {json.dumps(value)[:60]} is not what belongs there")
