"""Keeps tokens and secrets out of what a message prints as."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

SECRET_FIELDS = frozenset({"clientSecret", "accessToken", "refreshToken", "payload"})
"""Fields whose values must not be shown anywhere; a ProtoMessage's payload may hold any of the others."""
_TELLING = 6  # characters: anything shorter occurs in ordinary words


def secrets_of(message: Message) -> list[str]:
    """Give the values of a message's secret fields."""
    return [
        value
        for field, value in message.ListFields()
        if field.name in SECRET_FIELDS and isinstance(value, str) and len(value) >= _TELLING
    ]


def without(text: str, secrets: Iterable[str]) -> str:
    """Take secrets out of a text, such as a description in which the server repeats the token it was given."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may begin with another
        text = text.replace(secret, "***")
    return text


def _shown(message: Message) -> str:
    fields = ", ".join(
        f"{field.name}={'***' if field.name in SECRET_FIELDS else value!r}" for field, value in message.ListFields()
    )
    return f"{message.DESCRIPTOR.name}({fields})"


def mask(classes: Iterable[type[Message]]) -> None:
    """Make the repr and str of every class that has a secret field leave its value out.

    The text of other messages stays protobuf's own; none of them contains one of these.
    """
    for cls in classes:
        if SECRET_FIELDS & set(cls.DESCRIPTOR.fields_by_name):
            cls.__repr__ = _shown  # type: ignore[assignment, method-assign]
            cls.__str__ = _shown  # type: ignore[assignment, method-assign]
