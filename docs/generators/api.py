"""The API reference: a page for each area, its names and members taken from the code."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from typing import Any, Final, NamedTuple

from ctrader_twisted.wire import catalogue
from generators.rest import STALE, heading, inner

_PACKAGE: Final = "ctrader_twisted"
_MANY: Final = 8

#: What has the members of the Deferred API; the requests among them are described there and in the messages.
_FACES: Final = re.compile(r"ctrader_twisted\.(?:aio|blocking)\.")
_REQUESTS: Final = frozenset(kind.method_name for kind in catalogue.REQUESTS.values())
_REQUESTS_TOO: Final = """
Beside these it has every request of the schema as a method: the :doc:`messages <../messages/index>` say which, what it
takes and what it gives.
"""


class Area(NamedTuple):
    """A page of the API reference.

    :ivar slug: the name of its file.
    :ivar title: its heading.
    :ivar said: what it is about.
    :ivar names: what it shows, each as ``"module:name"``; ``"module:*"`` is what the module exports and no page before
        this one shows.
    """

    slug: str
    title: str
    said: str
    names: tuple[str, ...]


AREAS: Final = (
    Area(
        "client",
        "The client",
        "One environment's connection: requests, events, accounts.",
        (
            "ctrader_twisted:OpenApiClient",
            "ctrader_twisted:Application",
            "ctrader_twisted:Environment",
            "ctrader_twisted:*",
            "ctrader_twisted.proxy:proxy_opening",
            "ctrader_twisted.session.standing:Course",
            "ctrader_twisted.protocol:Tap",
            "ctrader_twisted.wire.envelope:Burst",
        ),
    ),
    Area(
        "orders",
        "Orders",
        "What an order gives to wait for, and what is told of it.",
        tuple(
            f"ctrader_twisted.account:{name}"
            for name in ("Order", "OrderState", "Fill", "OrderChanged", "OrderGone", "PendingOrder", "KEEP")
        )
        + ("ctrader_twisted.account.terms:Keep", "ctrader_twisted.account.market_data:Side"),
    ),
    Area(
        "live",
        "Live data",
        "Quotes, bars and order books as they come.",
        (
            *(f"ctrader_twisted.account:{name}" for name in ("Live", "Feed", "LiveBook", "Latest", "BarUpdate")),
            *(
                f"ctrader_twisted.market:{name}"
                for name in ("Quote", "Quotes", "LatestQuotes", "LightQuote", "SpotColumns", "Bar", "LiveBars")
            ),
            *(f"ctrader_twisted.market:{name}" for name in ("OrderBook", "BookSnapshot", "Level")),
        ),
    ),
    Area(
        "account",
        "The account",
        "One account in human units: what it holds, what it may do, what is told of it.",
        ("ctrader_twisted.account:Account", "ctrader_twisted.account:*"),
    ),
    Area(
        "market",
        "What the numbers mean",
        "Prices, volumes, money, symbols, trading hours. Pure: nothing here needs a connection.",
        ("ctrader_twisted.market:*",),
    ),
    Area(
        "history",
        "History",
        "Bars and ticks of the past: read page after page, or had as a table. Needs the extra ``data``.",
        (
            *(f"ctrader_twisted.history.{name}" for name in ("series:Series", "tables:Table", "tables:Bars")),
            *(f"ctrader_twisted.history.{name}" for name in ("tables:Ticks", "tables:QuoteTicks", "tables:concat")),
            *(f"ctrader_twisted.market.ticks:{name}" for name in ("Tick", "QuoteTick")),
            *(f"ctrader_twisted.history.gaps:{name}" for name in ("gaps", "Gap", "Why", "Hours")),
        ),
    ),
    Area(
        "recording",
        "Recording market data",
        "Live data written to a place to stay, with what is missing filled in.",
        ("ctrader_twisted.recording:*",),
    ),
    Area(
        "charting",
        "Charts",
        "Bars as candles. Needs the extra ``plot``.",
        tuple(f"ctrader_twisted.charting.candles:{name}" for name in ("candles", "Look", "save")),
    ),
    Area(
        "blocking",
        "Plain return values",
        "The same client and account for scripts, notebooks and threads.",
        ("ctrader_twisted.blocking:connect", "ctrader_twisted.blocking:timeout", "ctrader_twisted.blocking:*"),
    ),
    Area(
        "aio",
        "asyncio",
        "The same client and account for asyncio.",
        ("ctrader_twisted.aio:connect", "ctrader_twisted.aio:*"),
    ),
    Area(
        "compat",
        "Spotware's names",
        "For code that was written for Spotware's client.",
        ("ctrader_twisted.compat:*",),
    ),
    Area(
        "tokens",
        "Tokens",
        "Grants: what they are, where they are kept, how they are refreshed without being lost.",
        ("ctrader_twisted.tokens:*",),
    ),
    Area(
        "errors",
        "Errors",
        "Every exception, in one tree. The :doc:`table of error codes <../error-codes>` says which the server's are.",
        ("ctrader_twisted.errors:*",),
    ),
    Area(
        "sim",
        "The simulated venue",
        "A server to develop and test against.",
        ("ctrader_twisted.sim:*",),
    ),
    Area(
        "testing",
        "Tests of your own",
        "A client and a venue joined in memory, in time that passes when it is told to.",
        ("ctrader_twisted.sim.testing:VenueKit", "ctrader_twisted.sim.testing:*"),
    ),
    Area(
        "flight",
        "The flight recorder",
        "A session recorded, read and replayed.",
        ("ctrader_twisted.flight:*",),
    ),
)

#: Written in the docstring as a picture of the whole: shown above the names of the page.
_WITH_MODULE_DOC: Final = {"errors": "ctrader_twisted.errors"}


class Entry(NamedTuple):
    """Something that is shown.

    :ivar module: where it is imported from.
    :ivar name: its name there.
    :ivar thing: what it is.
    """

    module: str
    name: str
    thing: Any


def entries() -> dict[str, list[Entry]]:
    """Give what each page shows."""
    shown: set[object] = set()
    pages: dict[str, list[Entry]] = {}
    for area in AREAS:
        page = pages.setdefault(area.slug, [])
        for entry in (entry for given in area.names for entry in _named(given)):
            described = isinstance(entry.thing, type) or inspect.isroutine(entry.thing)
            key = id(entry.thing) if described else (entry.module, entry.name)  # equal numbers are one object
            if key not in shown:
                shown.add(key)
                page.append(entry)
    return pages


def _named(given: str) -> list[Entry]:
    module_name, _, name = given.partition(":")
    module = importlib.import_module(module_name)
    names = [name] if name != "*" else list(module.__all__)
    return [Entry(module_name, each, getattr(module, each)) for each in names]


def pages() -> dict[str, str]:
    """Give the pages, by their paths within docs/reference."""
    shown = entries()
    classes = {entry.thing for page in shown.values() for entry in page if isinstance(entry.thing, type)}
    made = {f"api/{area.slug}.rst": _page(area, shown[area.slug], classes) for area in AREAS}
    made["api/index.rst"] = "\n".join(
        [
            STALE,
            heading("API"),
            "What can be imported, by what it is for. The requests themselves are methods of "
            ":py:class:`~ctrader_twisted.OpenApiClient`; what they send and give is in the "
            ":doc:`messages <../messages/index>`.\n",
            ".. toctree::\n   :maxdepth: 1\n",
            *(f"   {area.slug}" for area in AREAS),
            "",
        ]
    )
    return made


def _page(area: Area, page: list[Entry], classes: set[type]) -> str:
    parts = [STALE, heading(area.title), area.said + "\n"]
    if module := _WITH_MODULE_DOC.get(area.slug):
        parts.append(f".. automodule:: {module}\n   :no-members:\n   :no-index:\n")
    for module in dict.fromkeys(entry.module for entry in page):
        parts.append(f"Imported from ``{module}``: " + ", ".join(_link(one) for one in page if one.module == module))
        parts[-1] += ".\n"
    parts += [f".. py:module:: {given[:-2]}\n" for given in area.names if given.endswith(":*")]
    parts += [_entry(entry, classes) for entry in page]
    return "\n".join(parts)


def _link(entry: Entry) -> str:
    return f":py:obj:`{entry.name} <{entry.module}.{entry.name}>`"


def _entry(entry: Entry, classes: set[type]) -> str:
    full = f"{entry.module}.{entry.name}"
    thing = entry.thing
    if isinstance(thing, type):
        if issubclass(thing, BaseException):
            return f".. autoexception:: {full}\n   :show-inheritance:\n{_members(full, thing, classes)}"
        return f".. autoclass:: {full}\n{_members(full, thing, classes)}"
    if inspect.isroutine(thing):
        return f".. autofunction:: {full}\n"
    return f".. autodata:: {full}\n   :no-value:\n"


def _members(full: str, cls: type, classes: set[type]) -> str:
    """Name the members to show: those with a docstring, of the class and of those above it that have no entry."""
    if issubclass(cls, enum.Enum):
        return inner(":members:\n:undoc-members:\n")
    found: dict[str, None] = {}
    requests = _FACES.match(full) is not None and _REQUESTS <= {*dir(cls)}
    for above in cls.__mro__:
        if (above is not cls and above in classes) or not above.__module__.startswith(_PACKAGE):
            continue
        for name, member in vars(above).items():
            if not name.startswith("_") and _is_shown(member) and not (requests and name in _REQUESTS):
                found.setdefault(name)
    # A member that a class with an entry of its own defines is described there.
    if not found:
        return ""
    # Long ones begin with what there is: the contents beside the page go down to classes only.
    there = ", ".join(f":py:obj:`{name} <{full}.{name}>`" for name in found) if len(found) > _MANY else ""
    more = _REQUESTS_TOO if requests else ""
    return inner(f":members: {', '.join(found)}\n" + (f"\n{there}\n{more}" if there else ""))


def _is_shown(member: object) -> bool:
    """Whether it is a method, a property or the like that is described; fields are described by the class."""
    if isinstance(member, staticmethod | classmethod):
        member = member.__func__
    if not (inspect.isroutine(member) or isinstance(member, property) or hasattr(type(member), "__get__")):
        return False
    return bool(inspect.getdoc(member))
