"""What the schema's messages are to each other: types, names, and what closes each request."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ctrader_twisted.wire import schema, secrecy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

ERROR_RES: Final = 50
"""ProtoErrorRes: the common layer's error."""
HEARTBEAT: Final = 51
"""ProtoHeartbeatEvent."""
OA_ERROR_RES: Final = 2142
"""ProtoOAErrorRes: the Open API's error."""
EXECUTION_EVENT: Final = 2126
ORDER_ERROR_EVENT: Final = 2132
SPOT_EVENT: Final = 2131

ERRORS: Final = frozenset({ERROR_RES, OA_ERROR_RES})
"""Payload types that may answer any request."""


class Lane(enum.IntEnum):
    """Which requests go first when not all may go at once."""

    ORDER = 0
    """Order and position commands."""
    AUTHORITY = 1
    """Authorisations, and the refreshes of tokens that they need."""
    DATA = 2
    """Everything else."""


@dataclass(frozen=True, slots=True)
class RequestKind:
    """One of the schema's requests.

    :ivar message_class: its class.
    :ivar payload_type: its number.
    :ivar name: its name in the schema, such as ``"ProtoOATraderReq"``.
    :ivar method_name: the client's method for it, such as ``"trader"``.
    :ivar closed_by: payload types that end it: its Res, or the two events that answer a command, and either error.
    :ivar lane: its turn in the queue.
    :ivar historical: whether it counts towards the limit on historical requests instead of the general one.
    :ivar has_account: whether it names an account, in ``ctidTraderAccountId``.
    """

    message_class: type[Message]
    payload_type: int
    name: str
    method_name: str
    closed_by: frozenset[int]
    lane: Lane
    historical: bool
    has_account: bool

    @property
    def is_command(self) -> bool:
        """Whether it commands an order or position, so that executing it twice would cost money."""
        return self.lane is Lane.ORDER


_AUTHORITY = frozenset({"ProtoOAApplicationAuthReq", "ProtoOAAccountAuthReq", "ProtoOARefreshTokenReq"})

# None of these has a Res of its own: an execution event or an order error event answers (protocol notes, 1.3).
_COMMANDS = frozenset(
    {
        "ProtoOANewOrderReq",
        "ProtoOACancelOrderReq",
        "ProtoOAAmendOrderReq",
        "ProtoOAAmendPositionSLTPReq",
        "ProtoOAClosePositionReq",
    }
)

# Spotware's FAQ names bars, ticks and deals; others count order lists and cash flow too. All of them are held to the
# smaller limit, which can only be too careful (protocol notes, 1.6).
_HISTORICAL = frozenset(
    {
        "ProtoOAGetTrendbarsReq",
        "ProtoOAGetTickDataReq",
        "ProtoOADealListReq",
        "ProtoOADealListByPositionIdReq",
        "ProtoOADealOffsetListReq",
        "ProtoOAOrderListReq",
        "ProtoOAOrderListByPositionIdReq",
        "ProtoOACashFlowHistoryListReq",
    }
)


def _classes_by_payload_type() -> dict[int, type[Message]]:
    classes: dict[int, type[Message]] = {}
    for name in schema.__all__:
        candidate = getattr(schema, name)
        descriptor = getattr(candidate, "DESCRIPTOR", None)
        field = None if descriptor is None else descriptor.fields_by_name.get("payloadType")
        if field is not None and field.has_default_value:
            classes[field.default_value] = candidate
    return classes


_CLASSES: Final = _classes_by_payload_type()
TYPES: Final[Mapping[type[Message], int]] = MappingProxyType({cls: number for number, cls in _CLASSES.items()})
"""Payload types by message class."""


def _snake_case(name: str) -> str:
    """``GetPositionUnrealizedPnL`` → ``get_position_unrealized_pnl``; a run of capitals is one word."""
    name = name.replace("PnL", "Pnl")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _requests() -> dict[int, RequestKind]:
    kinds: dict[int, RequestKind] = {}
    numbers = {cls.DESCRIPTOR.name: number for number, cls in _CLASSES.items()}
    for number, cls in sorted(_CLASSES.items()):
        name = cls.DESCRIPTOR.name
        if not name.endswith("Req"):
            continue
        command = name in _COMMANDS
        answers = {EXECUTION_EVENT, ORDER_ERROR_EVENT} if command else {numbers[name[:-1] + "s"]}
        kinds[number] = RequestKind(
            message_class=cls,
            payload_type=number,
            name=name,
            method_name=_snake_case(name.removeprefix("ProtoOA").removesuffix("Req")),
            closed_by=frozenset(answers) | ERRORS,
            lane=Lane.ORDER if command else Lane.AUTHORITY if name in _AUTHORITY else Lane.DATA,
            historical=name in _HISTORICAL,
            has_account="ctidTraderAccountId" in cls.DESCRIPTOR.fields_by_name,
        )
    return kinds


REQUESTS: Final[Mapping[int, RequestKind]] = MappingProxyType(_requests())
"""The schema's 40 requests by payload type."""

REQUESTS_BY_CLASS: Final[Mapping[type[Message], RequestKind]] = MappingProxyType(
    {kind.message_class: kind for kind in REQUESTS.values()}
)
"""The same by class."""

EVENTS: Final = frozenset(number for number, cls in _CLASSES.items() if cls.DESCRIPTOR.name.endswith("Event"))
"""Payload types that the server sends by itself, though some also answer a command."""

PARSERS: Final[Mapping[int, type[Message]]] = MappingProxyType(_CLASSES)
"""Message classes by payload type."""


def message_class(payload_type: int) -> type[Message] | None:
    """Give the class of a payload type, or None for one the schema does not have."""
    return _CLASSES.get(payload_type)


def payload_type(message: Message | type[Message]) -> int:
    """Give the payload type of a message or message class.

    :raises KeyError: for a message that is only ever a part of others.
    """
    return TYPES[message if isinstance(message, type) else type(message)]


def name(payload_type: int) -> str:
    """Give the schema's name of a payload type, or ``"payload type N"`` for one it does not have."""
    cls = _CLASSES.get(payload_type)
    return f"payload type {payload_type}" if cls is None else cls.DESCRIPTOR.name


secrecy.mask((*TYPES, schema.ProtoMessage))
