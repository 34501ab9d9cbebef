"""What the schema's comments name, made into links: messages, fields, codes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from generators.rest import literal, plain

if TYPE_CHECKING:
    from collections.abc import Collection

    from ctrader_twisted import errors
    from generators.schema import Reference

MODULE: Final = "ctrader_twisted.messages"

_NAMED: Final = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\b(?P<message>Proto\w+)(?:\.(?P<item>\w+))?"
    r"|\bOpenApiClient\.(?P<method>\w+)"
    r"|\b(?P<capitals>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b"
    r"|\b(?P<camel>[a-z]+[A-Z]\w*)\b"
)


class Words:
    """Turns text of the schema into reStructuredText.

    :param codes: the error codes that have a place in the table of them.
    """

    def __init__(self, reference: Reference, codes: Collection[str]) -> None:
        self._reference = reference
        self._codes = codes
        self._values: dict[str, list[str]] = {}
        for enum in reference.enums.values():
            if not enum.name.endswith(("PayloadType", "ErrorCode")):
                for value in enum.value:
                    self._values.setdefault(value.name, []).append(enum.name)

    def linked(self, text: str, within: str = "") -> str:
        """Give text with links to what it names.

        :param within: the message whose fields are named without it.
        """
        parts: list[str] = []
        end = 0
        for match in _NAMED.finditer(text):
            parts += [plain(text[end : match.start()]), self._link(match, within)]
            end = match.end()
        return "".join([*parts, plain(text[end:])])

    def _link(self, match: re.Match[str], within: str) -> str:
        if match["code"]:
            return literal(match["code"])
        if message := match["message"]:
            return self.name(message, match["item"]) or plain(match[0])
        if match["method"]:
            return method(match["method"])
        if capitals := match["capitals"]:
            enums = self._values.get(capitals, [])
            if len(enums) == 1:
                return item(enums[0], capitals)
            return code(capitals) if capitals in self._codes else plain(capitals)
        return self.name(within, match["camel"], short=True) or plain(match[0])

    def name(self, message: str, field: str | None = None, *, short: bool = False) -> str:
        """Give the link to a message, an enum or one's field or value; ``""`` if there is none."""
        known = self._reference.messages.get(message) or self._reference.enums.get(message)
        if known is None:
            return ""
        if field is None:
            return whole(message)
        parts = known.field if message in self._reference.messages else known.value
        return item(message, field, short=short) if any(part.name == field for part in parts) else ""


def whole(message: str) -> str:
    """Give the link to a message or an enum."""
    return f":py:class:`~{MODULE}.{message}`"


def item(message: str, field: str, *, short: bool = True) -> str:
    """Give the link to a field or a value."""
    return f":py:attr:`{field if short else f'{message}.{field}'} <{MODULE}.{message}.{field}>`"


def method(name: str) -> str:
    """Give the link to a method of the client."""
    return f":py:meth:`OpenApiClient.{name} <ctrader_twisted.OpenApiClient.{name}>`"


def code(name: str) -> str:
    """Give the link to an error code."""
    return f":ref:`{name} <error-{name}>`"


def exception(cls: type[errors.OpenApiError]) -> str:
    """Give the link to an exception."""
    return f":py:exc:`~ctrader_twisted.errors.{cls.__name__}`"
