"""The message reference: a page for each group, made from protos/ and the catalogue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted import errors
from ctrader_twisted.session.pacing import Limits
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.catalogue import Lane
from generators import codes, words
from generators.rest import STALE, fields, heading, inner, listed, literal, table
from generators.schema import GROUPS, Group, Reference
from generators.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctrader_twisted.wire.catalogue import RequestKind

_LANES: Final = {
    Lane.ORDER: "before everything else that waits",
    Lane.AUTHORITY: "behind commands, before everything else that waits",
    Lane.DATA: "in the order in which they were asked, behind commands and authorisations",
}

_SECTIONS: Final = (
    ("Requests and their answers", ("Req", "Res")),
    ("Events", ("Event",)),
)


def pages(reference: Reference) -> dict[str, str]:
    """Give the pages, by their paths within docs/reference."""
    writer = _Writer(reference)
    made = {f"messages/{group.slug}.rst": writer.page(group) for group in GROUPS}
    made["messages/index.rst"] = writer.index()
    return made


class _Writer:
    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._words = Words(reference, codes.known(reference))
        self._home = {name: slug for slug, names in reference.pages.items() for name in names}

    # Pages

    def page(self, group: Group) -> str:
        names = self._reference.pages[group.slug]
        sent = {cls.DESCRIPTOR.name for cls in catalogue.TYPES}
        parts = [STALE, heading(group.title), group.said, "\n.. py:currentmodule:: ctrader_twisted.messages\n"]
        for title, endings in _SECTIONS:
            here = [name for name in names if name in sent and name.endswith(endings)]
            if here:
                parts += [heading(title, "-"), *map(self.message, here)]
        if here := [name for name in names if name in self._reference.messages and name not in sent]:
            parts += [heading("What they are made of", "-"), *map(self.message, here)]
        if here := [name for name in names if name in self._reference.enums]:
            parts += [heading("Enums", "-"), *map(self.enum, here)]
        return "\n".join(parts)

    def index(self) -> str:
        rows = [
            (
                str(number),
                words.whole(name),
                f":doc:`{self._title(name)} <{self._home[name]}>`",
                self._words.linked(_sentence(self._reference.said(name))),
            )
            for number, cls in sorted(catalogue.PARSERS.items())
            if (name := cls.DESCRIPTOR.name)
        ]
        return "\n".join(
            [
                STALE,
                heading("Messages"),
                "Every message, field and enum of the Open API's schema, release 2026-05, by what it is for. They are "
                "imported from ``ctrader_twisted.messages``. What is called *observed* was seen on real connections "
                "but is promised nowhere; *unconfirmed* was not even seen.\n",
                ".. toctree::\n   :maxdepth: 1\n",
                *(f"   {group.slug}" for group in GROUPS),
                "",
                heading("How numbers are written", "-"),
                table(
                    ("Unit", "What it means"),
                    (
                        ("price × 100 000", "An integer, whatever the symbol's digits are: 1.17093 is 117093."),
                        ("price", "A number as people write it, with no more decimals than the symbol's digits."),
                        (
                            "1/100 of a unit",
                            "Volume: of the symbol's base asset or contract. 1 lot of EURUSD is 100 000 EUR, "
                            "so 10 000 000; divided by the symbol's lotSize it is lots.",
                        ),
                        (
                            "money, × 10^moneyDigits",
                            "An integer: 123456 is 1234.56 where moneyDigits is 2. The moneyDigits that counts is the "
                            "one of the same message, or of the nearest around it that has one.",
                        ),
                        ("ms since the epoch, UTC", "Every timestamp, unless its unit says otherwise."),
                    ),
                    (25, 75),
                    "units",
                ),
                "`ctrader_twisted.market` makes decimals, lots and money of them.\n",
                heading("By payload type", "-"),
                table(("Type", "Message", "Page", "What it is"), rows, (8, 30, 20, 42), "payload-types"),
            ]
        )

    def _title(self, name: str) -> str:
        return next(group.title for group in GROUPS if group.slug == self._home[name])

    # A message

    def message(self, name: str) -> str:
        said = [
            self._words.linked(part, name) + "\n"
            for part in self._reference.paragraphs(name)
            if not part.startswith(("Can be refused with", "Leads to", "Closed by"))
        ]
        rows = [self._field(name, item) for item in self._reference.messages[name].field]
        body = "\n".join(
            [
                *said,
                fields(self._facts(name)),
                *([table(("Field", "Type", "Unit", "Meaning"), rows, (24, 18, 16, 42), "message-fields")] * bool(rows)),
            ]
        )
        return f".. py:class:: {name}\n\n{inner(body)}\n"

    def _field(self, message: str, item: Any) -> tuple[str, str, str, str]:
        reference, kind = self._reference, item.type_name.lstrip(".")
        needed = {reference.generate.F.LABEL_REQUIRED: "required", reference.generate.F.LABEL_REPEATED: "repeated"}
        shown = words.whole(kind) if kind else literal(_scalar(reference, item))
        name = f":message-field:`{message}.{item.name}`"
        return (
            name,
            f"{needed.get(item.label, 'optional')} {shown}",
            reference.unit(message, item),
            self._words.linked(reference.said(f"{message}.{item.name}"), message),
        )

    def _facts(self, name: str) -> Iterator[tuple[str, str]]:
        cls = next((cls for cls in catalogue.TYPES if name == cls.DESCRIPTOR.name), None)
        if cls is None:
            yield "Used in", self._uses(name)
            return
        number = catalogue.payload_type(cls)
        yield "Payload type", str(number)
        if kind := catalogue.REQUESTS.get(number):
            yield from self._request(kind)
        asked = [other.name for other in catalogue.REQUESTS.values() if number in other.closed_by]
        if number in catalogue.ERRORS:
            yield "Answers", "any request"
        elif asked:
            yield "Answers", listed([words.whole(one) for one in asked])
        if follows := self._reference.follows_on.get(name):
            yield "Follows on", listed([words.whole(one) for one in follows])

    def _uses(self, name: str) -> str:
        uses = [words.item(*use.split("."), short=False) for use in self._reference.used_in(name)]
        return listed(uses) if uses else ""

    def _request(self, kind: RequestKind) -> Iterator[tuple[str, str]]:
        name = kind.name
        yield "Client method", words.method(kind.method_name)
        yield "Closed by", self._closing(kind)
        yield "Limit", _limit(kind)
        yield "Its turn", _LANES[kind.lane]
        if refused := self._reference.paragraph(name, "Can be refused with"):
            yield "Refused with", self._words.linked(refused, name)
        yield "Exceptions", self._exceptions(kind)
        if leads := self._reference.paragraph(name, "Leads to"):
            yield "Leads to", self._words.linked(leads, name)

    def _closing(self, kind: RequestKind) -> str:
        said = self._reference.paragraph(kind.name, "Closed by")
        named = {self._reference.answer(kind.name), *re.findall(r"Proto\w+", said)}
        others = sorted({catalogue.name(number) for number in kind.closed_by} - named)
        more = f" Or by {listed([words.whole(name) for name in others], 'or')}." if others else ""
        return self._words.linked(said, kind.name) + more

    def _exceptions(self, kind: RequestKind) -> str:
        own = {
            errors.server_error_class(refusal.code, "", order_command=kind.is_command)
            for refusal in self._reference.refusals(kind.name)
        }
        own -= {errors.ServerError, errors.OrderRefused}
        text = listed([words.exception(cls) for cls in sorted(own, key=lambda cls: cls.__name__)]) if own else ""
        general = ":ref:`those of any request <errors-of-any-request>`"
        return f"{text}, and {general}" if text else general

    # An enum

    def enum(self, name: str) -> str:
        enum = self._reference.enums[name]
        said = [self._words.linked(part, name) + "\n" for part in self._reference.paragraphs(name)]
        rows = [
            (
                f":message-field:`{name}.{value.name}`",
                str(value.number),
                self._words.linked(self._reference.said(f"{name}.{value.name}"), name),
            )
            for value in enum.value
        ]
        uses = [] if name.endswith("PayloadType") else [("Used in", self._uses(name))]
        body = "\n".join(
            [*said, fields(uses), table(("Value", "Number", "Meaning"), rows, (40, 10, 50), "enum-values")]
        )
        return f".. py:class:: {name}\n\n{inner(body)}\n"


def _limit(kind: RequestKind) -> str:
    limits = Limits()
    if kind.historical:
        return f"{limits.historical} requests a second for each connection, together with all that is historical"
    return f"{limits.general} requests a second for each connection, together with all that is not historical"


def _scalar(reference: Reference, item: Any) -> str:
    name: str = reference.generate.F.Type.Name(item.type)
    return name.removeprefix("TYPE_").lower()


def _sentence(text: str) -> str:
    """Give the first sentence."""
    return text.split(". ", 1)[0].rstrip(".:") + "."
