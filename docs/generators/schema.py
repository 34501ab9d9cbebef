"""The schema as the reference needs it: what protos/ says, what the catalogue knows, and what belongs together."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ctrader_twisted.wire import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT: Final = Path(__file__).resolve().parent.parent.parent


class Group(NamedTuple):
    """A page of the message reference.

    :ivar slug: the name of its file.
    :ivar title: its heading.
    :ivar said: what it is about.
    :ivar messages: what begins here, an answer aside: it follows its request. Parts and enums are found by their use.
    """

    slug: str
    title: str
    said: str
    messages: tuple[str, ...]


GROUPS: Final = (
    Group(
        "connection",
        "Connection and application",
        "The envelope, errors, heartbeats, and the authorisation that everything else stands on.",
        (
            "ProtoMessage",
            "ProtoErrorRes",
            "ProtoOAErrorRes",
            "ProtoHeartbeatEvent",
            "ProtoOAApplicationAuthReq",
            "ProtoOAClientDisconnectEvent",
            "ProtoOAVersionReq",
        ),
    ),
    Group(
        "accounts",
        "Accounts and tokens",
        "Which accounts a token opens, their sessions on the connection, and how those end.",
        (
            "ProtoOAGetAccountListByAccessTokenReq",
            "ProtoOAAccountAuthReq",
            "ProtoOAAccountLogoutReq",
            "ProtoOAAccountDisconnectEvent",
            "ProtoOAAccountsTokenInvalidatedEvent",
            "ProtoOARefreshTokenReq",
            "ProtoOAGetCtidProfileByTokenReq",
        ),
    ),
    Group(
        "trading",
        "Orders and positions",
        "The five commands, what answers and follows them, and what is open.",
        (
            "ProtoOANewOrderReq",
            "ProtoOACancelOrderReq",
            "ProtoOAAmendOrderReq",
            "ProtoOAAmendPositionSLTPReq",
            "ProtoOAClosePositionReq",
            "ProtoOAExecutionEvent",
            "ProtoOAOrderErrorEvent",
            "ProtoOATrailingSLChangedEvent",
            "ProtoOAReconcileReq",
            "ProtoOAOrderDetailsReq",
        ),
    ),
    Group(
        "money",
        "Balance, margin and results",
        "What the account has, what its positions use and stand at, and when it is warned.",
        (
            "ProtoOATraderReq",
            "ProtoOATraderUpdatedEvent",
            "ProtoOAGetPositionUnrealizedPnLReq",
            "ProtoOAExpectedMarginReq",
            "ProtoOAMarginChangedEvent",
            "ProtoOAMarginCallListReq",
            "ProtoOAMarginCallUpdateReq",
            "ProtoOAMarginCallUpdateEvent",
            "ProtoOAMarginCallTriggerEvent",
            "ProtoOAGetDynamicLeverageByIDReq",
        ),
    ),
    Group(
        "symbols",
        "Symbols and assets",
        "What can be traded, in which steps and at which hours.",
        (
            "ProtoOASymbolsListReq",
            "ProtoOASymbolByIdReq",
            "ProtoOASymbolChangedEvent",
            "ProtoOASymbolsForConversionReq",
            "ProtoOASymbolCategoryListReq",
            "ProtoOAAssetListReq",
            "ProtoOAAssetClassListReq",
        ),
    ),
    Group(
        "live",
        "Live quotes, bars and order books",
        "What is subscribed, and what then comes.",
        (
            "ProtoOASubscribeSpotsReq",
            "ProtoOAUnsubscribeSpotsReq",
            "ProtoOASpotEvent",
            "ProtoOASubscribeLiveTrendbarReq",
            "ProtoOAUnsubscribeLiveTrendbarReq",
            "ProtoOASubscribeDepthQuotesReq",
            "ProtoOAUnsubscribeDepthQuotesReq",
            "ProtoOADepthEvent",
        ),
    ),
    Group(
        "history",
        "History",
        "Bars, ticks, orders, deals and cash flow of the past. All of it counts towards the smaller limit.",
        (
            "ProtoOAGetTrendbarsReq",
            "ProtoOAGetTickDataReq",
            "ProtoOAOrderListReq",
            "ProtoOAOrderListByPositionIdReq",
            "ProtoOADealListReq",
            "ProtoOADealListByPositionIdReq",
            "ProtoOADealOffsetListReq",
            "ProtoOACashFlowHistoryListReq",
        ),
    ),
)

#: What no message has a field of: payload types stand in the envelope as numbers, codes as strings.
UNUSED_BY_FIELDS: Final = "connection"

# How the comments say a unit, and how the reference does. The first that fits counts; the wording is explained at the
# top of protos/OpenApiModelMessages.proto.
UNITS: Final = (
    (r"hundredths of a unit", "1/100 of a unit"),
    (r"hundredths of a US dollar", "1/100 USD"),
    (r"hundredths of a percent", "1/100 %"),
    (r"× 10\^moneyDigits", "money, × 10^moneyDigits"),
    (r"[Pp]rice × 100 000", "price × 100 000"),
    (r"as a number", "price"),
    (r"^As a number", "price"),
    (r"SECONDS since the epoch", "s since the epoch, UTC"),
    (r"[Mm]illiseconds since the epoch", "ms since the epoch, UTC"),
    (r"minutes since the epoch", "min since the epoch, UTC"),
    (r"minutes since 00:00 UTC", "min since 00:00 UTC"),
    (r"[Ss]econds since (?:that same )?Sunday", "s since Sunday 00:00"),
    (r"seconds since the day's 00:00", "s since 00:00"),
    (r"Days since 1 January 1970", "days since 1970-01-01"),
    (r"^Days\b", "days"),
    (r"^Hours\b", "h"),
    (r"^Seconds\b|, in seconds\b", "s"),
    (r"points of 10\^-digits", "points, 10^-digits"),
    (r"unit of swapCalculationType", "as swapCalculationType"),
    (r"unit of distanceSetIn", "as distanceSetIn"),
    (r"× 10\^8, or × 10\^5", "× 10^8, or × 10^5"),
    (r"× 10\^8", "× 10^8"),
    (r"[Ii]n hundredths\b|leverage in hundredths|unconfirmed: in hundredths", "1/100"),
    (r"in percent\b", "%"),
    (r"US dollars for a lot and a day", "USD a lot and day"),
    (r"^Swap periods", "swap periods"),
    (r"power of ten", "digits"),
    (r"^Decimals of|^Decimals its|^A pip is", "digits"),
    (r"How many ticks", "ticks"),
    (r"The most deals to return", "deals"),
    (r"The most bars to return", "bars"),
)

#: Numbers without a unit: marks of an order, places in a list, rates, and what the broker left without one.
WITHOUT_UNIT: Final = re.compile(
    r"(Ids?|^id|deletedQuotes|sortingNumber|balanceVersion|[lL]ogin|payloadType|[a-z]Rate|gslCharge"
    r"|(?:minC|^c)ommission)$"
)


@dataclass(slots=True)
class Refusal:
    """A code that a request can be refused with.

    :ivar observed: whether it was seen on a real connection; otherwise its own text is what speaks for it.
    """

    code: str
    observed: bool


@dataclass
class Reference:
    """Everything that the pages are made from."""

    schema: Any
    generate: ModuleType
    messages: dict[str, Any] = field(init=False)
    enums: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.messages = {message.name: message for message in self.schema.messages}
        self.enums = {enum.name: enum for enum in self.schema.enums}

    # What is said

    def paragraphs(self, name: str) -> list[str]:
        """Give the comment of a message, an enum, a field (``"Message.field"``) or a value."""
        said: list[str] = self.generate.paragraphs(self.schema.comments.get(name, ""))
        return said

    def said(self, name: str) -> str:
        """Give the comment as one paragraph."""
        return " ".join(self.paragraphs(name))

    def paragraph(self, name: str, beginning: str) -> str:
        """Give what follows such a beginning in the paragraph that has it, or ``""``."""
        found = (part for part in self.paragraphs(name) if part.startswith(beginning))
        return next(found, "").removeprefix(beginning).strip()

    def refusals(self, request: str) -> list[Refusal]:
        """Give the codes that a request can be refused with, those of any request aside."""
        text = self.paragraph(request, "Can be refused with")
        both = "(both observed)" in text
        return [
            Refusal(match[1], both or match[2] is not None)
            for match in re.finditer(r"\b([A-Z][A-Z]+(?:_[A-Z]+)+)\b( \(observed)?", text)
        ]

    def leads_to(self, request: str) -> list[str]:
        """Give the events that a request leads to."""
        return re.findall(r"Proto\w+", self.paragraph(request, "Leads to"))

    @cached_property
    def follows_on(self) -> dict[str, list[str]]:
        """The requests that lead to an event, by its name."""
        found: dict[str, list[str]] = {}
        for kind in catalogue.REQUESTS.values():
            for event in self.leads_to(kind.name):
                found.setdefault(event, []).append(kind.name)
        return found

    # What belongs together

    def answer(self, request: str) -> str:
        """Give the message that answers a request when all goes well."""
        answer: str = self.schema.answer(self.messages[request])
        return answer

    def parts(self, name: str) -> list[str]:
        """Give the messages and enums that the fields of a message are made of."""
        return [item.type_name.lstrip(".") for item in self.messages[name].field if item.type_name]

    def used_in(self, name: str) -> Iterator[str]:
        """Give the fields that are of a message or enum."""
        for message in self.messages.values():
            for item in message.field:
                if item.type_name.lstrip(".") == name and item.name != "payloadType":
                    yield f"{message.name}.{item.name}"

    @cached_property
    def pages(self) -> dict[str, list[str]]:
        """The messages and enums of each group, in the order in which they are shown.

        :raises LookupError: if a message that is sent belongs to no group.
        """
        placed: dict[str, str] = {}
        pages: dict[str, list[str]] = {group.slug: [] for group in GROUPS}

        def place(name: str, slug: str) -> None:
            if name not in placed:
                placed[name] = slug
                pages[slug].append(name)

        for group in GROUPS:
            for name in group.messages:
                place(name, group.slug)
                if name.endswith("Req"):
                    answer = self.answer(name)
                    if answer.endswith("Res"):
                        place(answer, group.slug)
        sent = {cls.DESCRIPTOR.name for cls in catalogue.TYPES} | {"ProtoMessage"}
        if missing := sorted(sent - placed.keys()):
            raise LookupError(f"docs/generators/schema.py: these messages belong to no group: {', '.join(missing)}")
        for group in GROUPS:
            waiting = list(pages[group.slug])
            while waiting:
                for part in self.parts(waiting.pop(0)):
                    if part not in placed and not part.endswith("PayloadType"):
                        place(part, group.slug)
                        if part in self.messages:
                            waiting.append(part)
        for name in (*self.messages, *self.enums):
            place(name, UNUSED_BY_FIELDS)
        return pages

    def is_number(self, item: Any) -> bool:
        """Say whether a field is a number, and so has a unit or none for a reason."""
        kinds = self.generate.F
        return item.type in {
            kinds.TYPE_INT32,
            kinds.TYPE_INT64,
            kinds.TYPE_UINT32,
            kinds.TYPE_UINT64,
            kinds.TYPE_FLOAT,
            kinds.TYPE_DOUBLE,
        }

    def unit(self, message: str, item: Any) -> str:
        """Give the unit of a field, or ``""`` where it has none."""
        if not self.is_number(item):
            return ""
        comment = self.said(f"{message}.{item.name}")
        found = (unit for pattern, unit in UNITS if re.search(pattern, comment))
        return next(found, "")


def read() -> Reference:
    """Read protos/. Needs ``grpcio-tools``, as `make schema` does."""
    spec = importlib.util.spec_from_file_location("protos_generate", ROOT / "protos" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        return Reference(module.read(), module)
    finally:
        del sys.modules[spec.name]
