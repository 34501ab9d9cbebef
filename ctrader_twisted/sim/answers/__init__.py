"""What the venue answers to each request of the schema, by subject.

A room's ``ANSWERS`` maps a request's class to its scope and the function that answers it. The function is given what
its scope says and the request, and returns the answer or raises a `Refusal`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.sim.answers import authorisation, history, market_data, reference, trading
from ctrader_twisted.sim.answers.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from ctrader_twisted.sim.answers.scope import Answer

__all__ = ["ANSWERS", "Scope"]

ANSWERS: Final[Mapping[type[Message], tuple[Scope, Answer]]] = {
    **authorisation.ANSWERS,
    **reference.ANSWERS,
    **market_data.ANSWERS,
    **history.ANSWERS,
    **trading.ANSWERS,
}
