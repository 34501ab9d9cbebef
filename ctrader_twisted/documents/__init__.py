"""Events as objects for an output: prices, volumes and money in human units, exact decimals, times in ISO 8601, UTC.

Each function gives what is particular to its kind; `head` gives what every object begins with. docs/daemon.md
documents the shapes, and a test holds the two together.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from ctrader_twisted import messages
from ctrader_twisted.market import MONEY_DIGITS, lots, money, price_from_double, price_from_relative, units
from ctrader_twisted.wire import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal
    from enum import IntEnum

    from google.protobuf.message import Message

    from ctrader_twisted.documents.symbols import Symbols
    from ctrader_twisted.market import Bar, Quote
    from ctrader_twisted.session.book import Difference
    from ctrader_twisted.session.events import AccountChanged, Disconnected, Ready, Resynchronised, Subscription
    from ctrader_twisted.wire.envelope import Envelope

Document = dict[str, object]


def iso(seconds: float) -> str:
    """Write a moment given in seconds since the epoch, to the millisecond."""
    return iso_ms(int(seconds * 1000))


def iso_ms(milliseconds: int) -> str:
    """Write a moment given in milliseconds since the epoch."""
    second, rest = divmod(milliseconds, 1000)
    return f"{_second(second)}.{rest:03d}Z"


@lru_cache(maxsize=64)
def _second(second: int) -> str:
    """Write a whole second: many events share one."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def head(event: str, time: float, environment: str, account: int | None) -> Document:
    """Begin an object: what it is, when this computer learned it, and whom it concerns."""
    return {"event": event, "time": iso(time), "environment": environment, "account": account}


def _name(kind: type[IntEnum], value: int) -> str:
    """Name an enum's value; a value newer than the schema is its number."""
    try:
        return kind(value).name
    except ValueError:
        return str(value)


def _time(message: Any, field: str) -> str | None:
    return iso_ms(getattr(message, field)) if message.HasField(field) else None


def _price(message: Any, field: str) -> Decimal | None:
    return price_from_double(getattr(message, field)) if message.HasField(field) else None


def _money(message: Any, field: str, digits: int) -> Decimal | None:
    return money(getattr(message, field), digits) if message.HasField(field) else None


def _digits(message: Any) -> int:
    return message.moneyDigits if message.HasField("moneyDigits") else MONEY_DIGITS


def _volume(volume: int, symbol_id: int, symbols: Symbols) -> Document:
    lot_size = symbols.lot_size(symbol_id)
    return {"units": units(volume), "lots": None if lot_size is None else lots(volume, lot_size)}


# The session


def ready(event: Ready) -> Document:
    """The application is authorised."""
    return {"connections": event.connections}


def disconnected(event: Disconnected) -> Document:
    """There is no connection any more, or still none."""
    return {"reason": str(event.reason), "retry_in": None if event.retry_in is None else round(event.retry_in, 3)}


def account(event: AccountChanged) -> Document:
    """An account moved to another state."""
    return {
        "state": event.state.value,
        "previous": event.previous.value,
        "reason": event.reason,
        "remedy": event.remedy,
    }


def resynchronised(event: Resynchronised, symbols: Symbols) -> Document:
    """An account stands again, and what was missed."""
    return {
        "lost": iso(event.lost_at),
        "restored": iso(event.restored_at),
        "renewed": [_subscription(subscription, symbols) for subscription in event.renewed],
        "failed": [
            {**_subscription(subscription, symbols), "reason": str(error)} for subscription, error in event.failed
        ],
        "requests_not_sent": list(event.requests_not_sent),
        "requests_unknown": list(event.requests_unknown),
        "positions": _difference(event.positions, lambda position: _position(position, symbols)),
        "orders": _difference(event.orders, lambda order: _order(order, symbols)),
        "unreconciled": None if event.unreconciled is None else str(event.unreconciled),
    }


_BRIEF = ("id", "type", "symbol", "side", "units", "lots")
_DRIFTING = ("used_margin",)


def _difference(difference: Difference[Any] | None, shape: Callable[[Any], Document]) -> Document | None:
    """Tell in short what is there now and was not, what is gone, and what has changed from which value to which."""
    if difference is None:
        return None
    return {
        "added": [_brief(shape(item)) for item in difference.added],
        "removed": [_brief(shape(item)) for item in difference.removed],
        "changed": [_change(shape(before), shape(after)) for before, after in difference.changed],
    }


def _brief(document: Document) -> Document:
    return {key: document[key] for key in _BRIEF if key in document}


def _change(before: Document, after: Document) -> Document:
    changes = {key: [before[key], after[key]] for key in after if before[key] != after[key] and key not in _DRIFTING}
    return {**_brief(after), "changes": changes}


def _subscription(subscription: Subscription, symbols: Symbols) -> Document:
    period = subscription.period
    return {
        "kind": subscription.kind,
        "symbol": symbols.name(subscription.symbol_id),
        "period": None if period is None else _name(messages.ProtoOATrendbarPeriod, period),
    }


def error(problem: str, remedy: str) -> Document:
    """Something went wrong that somebody should know of."""
    return {"problem": problem, "remedy": remedy}


# The market


def quote(quoted: Quote, event: messages.ProtoOASpotEvent, symbols: Symbols) -> Document:
    """Both sides of a symbol after a spot event."""
    document: Document = {
        "symbol": symbols.name(quoted.symbol_id),
        "bid": quoted.bid,
        "ask": quoted.ask,
        "server_time": None if quoted.timestamp is None else iso_ms(quoted.timestamp),
    }
    if event.HasField("sessionClose"):
        document["session_close"] = price_from_relative(event.sessionClose, symbols.digits(quoted.symbol_id))
    return document


def bar(closed: Bar, symbols: Symbols) -> Document:
    """A bar that has closed."""
    return {
        "symbol": symbols.name(closed.symbol_id),
        "period": _name(messages.ProtoOATrendbarPeriod, closed.period),
        "opened": iso_ms(closed.opened),
        "open": closed.open,
        "high": closed.high,
        "low": closed.low,
        "close": closed.close,
        "ticks": closed.ticks,
    }


def depth(event: messages.ProtoOADepthEvent, symbols: Symbols) -> Document:
    """What changed in a symbol's order book."""
    digits = symbols.digits(event.symbolId)
    return {
        "symbol": symbols.name(event.symbolId),
        "new": [
            {
                "id": new.id,
                "side": "bid" if new.HasField("bid") else "ask",
                "price": price_from_relative(new.bid if new.HasField("bid") else new.ask, digits),
                **_volume(new.size, event.symbolId, symbols),
            }
            for new in event.newQuotes
        ],
        "deleted": list(event.deletedQuotes),
    }


# Orders


def execution(event: messages.ProtoOAExecutionEvent, symbols: Symbols) -> Document:
    """Something happened to an order, a position or the balance."""
    return {
        "execution": _name(messages.ProtoOAExecutionType, event.executionType),
        "by_server": event.isServerEvent,
        "error_code": event.errorCode or None,
        "order": _order(event.order, symbols) if event.HasField("order") else None,
        "position": _position(event.position, symbols) if event.HasField("position") else None,
        "deal": _deal(event.deal, symbols) if event.HasField("deal") else None,
        "balance_change": _balance_change(event.depositWithdraw) if event.HasField("depositWithdraw") else None,
    }


def _trade(trade: messages.ProtoOATradeData, symbols: Symbols) -> Document:
    return {
        "symbol": symbols.name(trade.symbolId),
        "side": _name(messages.ProtoOATradeSide, trade.tradeSide),
        **_volume(trade.volume, trade.symbolId, symbols),
        "opened": _time(trade, "openTimestamp"),
        "label": trade.label or None,
        "comment": trade.comment or None,
    }


def _order(order: messages.ProtoOAOrder, symbols: Symbols) -> Document:
    return {
        "id": order.orderId,
        "type": _name(messages.ProtoOAOrderType, order.orderType),
        "status": _name(messages.ProtoOAOrderStatus, order.orderStatus),
        **_trade(order.tradeData, symbols),
        "executed_units": units(order.executedVolume) if order.HasField("executedVolume") else None,
        "execution_price": _price(order, "executionPrice"),
        "limit_price": _price(order, "limitPrice"),
        "stop_price": _price(order, "stopPrice"),
        "stop_loss": _price(order, "stopLoss"),
        "take_profit": _price(order, "takeProfit"),
        "relative_stop_loss": price_from_relative(order.relativeStopLoss) if order.relativeStopLoss else None,
        "relative_take_profit": price_from_relative(order.relativeTakeProfit) if order.relativeTakeProfit else None,
        "time_in_force": _name(messages.ProtoOATimeInForce, order.timeInForce),
        "expires": _time(order, "expirationTimestamp"),
        "client_order_id": order.clientOrderId or None,
        "position_id": order.positionId or None,
        "closing": order.closingOrder,
    }


def _position(position: messages.ProtoOAPosition, symbols: Symbols) -> Document:
    digits = _digits(position)
    return {
        "id": position.positionId,
        "status": _name(messages.ProtoOAPositionStatus, position.positionStatus),
        **_trade(position.tradeData, symbols),
        "price": _price(position, "price"),
        "stop_loss": _price(position, "stopLoss"),
        "take_profit": _price(position, "takeProfit"),
        "trailing": position.trailingStopLoss,
        "swap": _money(position, "swap", digits),
        "commission": _money(position, "commission", digits),
        "used_margin": _money(position, "usedMargin", digits),
    }


def _deal(deal: messages.ProtoOADeal, symbols: Symbols) -> Document:
    return {
        "id": deal.dealId,
        "order_id": deal.orderId,
        "position_id": deal.positionId,
        "status": _name(messages.ProtoOADealStatus, deal.dealStatus),
        "symbol": symbols.name(deal.symbolId),
        "side": _name(messages.ProtoOATradeSide, deal.tradeSide),
        **_volume(deal.filledVolume, deal.symbolId, symbols),
        "price": _price(deal, "executionPrice"),
        "executed": iso_ms(deal.executionTimestamp),
        "commission": _money(deal, "commission", _digits(deal)),
        "closed": _closed(deal.closePositionDetail) if deal.HasField("closePositionDetail") else None,
    }


def _closed(detail: messages.ProtoOAClosePositionDetail) -> Document:
    digits = _digits(detail)
    return {
        "entry_price": _price(detail, "entryPrice"),
        "units": units(detail.closedVolume) if detail.HasField("closedVolume") else None,
        "gross_profit": money(detail.grossProfit, digits),
        "swap": money(detail.swap, digits),
        "commission": money(detail.commission, digits),
        "conversion_fee": _money(detail, "pnlConversionFee", digits),
        "balance": money(detail.balance, digits),
    }


def _balance_change(change: messages.ProtoOADepositWithdraw) -> Document:
    digits = _digits(change)
    return {
        "id": change.balanceHistoryId,
        "type": _name(messages.ProtoOAChangeBalanceType, change.operationType),
        "amount": money(change.delta, digits),
        "balance": money(change.balance, digits),
        "changed": iso_ms(change.changeBalanceTimestamp),
        "note": change.externalNote or None,
    }


def order_error(event: messages.ProtoOAOrderErrorEvent) -> Document:
    """An order or position command was refused."""
    return {
        "error_code": event.errorCode,
        "description": event.description or None,
        "order_id": event.orderId or None,  # often present but 0
        "position_id": event.positionId or None,
    }


def trailing_stop(event: messages.ProtoOATrailingSLChangedEvent) -> Document:
    """A trailing stop moved."""
    return {
        "position_id": event.positionId,
        "order_id": event.orderId,
        "stop_price": price_from_double(event.stopPrice),
        "server_time": iso_ms(event.utcLastUpdateTimestamp),
    }


# Everything else


def message(event: Message) -> Document:
    """A pushed message that has no shape of its own, under the schema's names."""
    return {
        "name": type(event).__name__,
        "fields": MessageToDict(event, preserving_proto_field_name=True),
    }


def unknown_message(envelope: Envelope) -> Document:
    """A message whose payload type the schema does not have."""
    return {"name": catalogue.name(envelope.payload_type), "fields": None, "size": len(envelope.payload)}
