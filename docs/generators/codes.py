"""The table of error codes: the schema's, and those that were observed beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted import errors, healing, restoring
from ctrader_twisted.account import flattening, inquiries
from ctrader_twisted.errors import codes
from ctrader_twisted.errors.meanings import MEANINGS, REMEDIES
from ctrader_twisted.errors.refusals import OrderRefused
from ctrader_twisted.errors.server import ServerError
from ctrader_twisted.history import fetching
from generators import words
from generators.rest import STALE, heading, listed, plain, table
from generators.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generators.schema import Reference

ENUMS: Final = ("ProtoOAErrorCode", "ProtoErrorCode")

#: What asks again by itself, and after which errors it does.
AGAIN: Final = (
    ("history", fetching.TRANSIENT, "pages of bars and ticks"),
    ("account", inquiries.PASSING, "what an account of `OpenApiClient.account` asks to know where it stands"),
    ("restoring", restoring.PASSING, "what is reconciled and subscribed again after a loss"),
    ("flatten", flattening.PASSING, "the commands of `Account.flatten`"),
)

_ANY: Final = (
    (errors.NotAuthorised, "where application or account have no session (any more)"),
    (errors.RateLimited, "where too many of a kind were sent: within the client's own limits it is rare"),
    (errors.UnderMaintenance, "with the end of the maintenance, where the server tells it"),
    (errors.ServerUnavailable, "where something behind the server failed"),
    (errors.CannotRoute, "where the account is of the other environment, or its broker's back end is away"),
    (errors.ServerError, "with any other code, such as ``UNKNOWN_ERROR`` or ``INVALID_REQUEST``"),
)


def known(reference: Reference) -> dict[str, str]:
    """Give every code that is known, and what it means."""
    found = {
        value.name: reference.said(f"{enum}.{value.name}") for enum in ENUMS for value in reference.enums[enum].value
    }
    mapped = {*codes.CLASSES_BY_CODE, *codes.ORDER_CLASSES_BY_CODE, *MEANINGS, *REMEDIES}
    return found | {code: MEANINGS[code] for code in sorted(mapped - found.keys())}


def pages(reference: Reference) -> dict[str, str]:
    """Give the page, by its path within docs/reference."""
    meanings = known(reference)
    linked = Words(reference, meanings).linked
    rows = [
        (
            f":error-code:`{code}`\n\n{_exceptions(code)}",
            f"{linked(meaning)}\n\n*Remedy:* {plain(remedy(code))}",
            again(code),
        )
        for code, meaning in sorted(meanings.items())
    ]
    requests = [f"* {words.exception(cls)} {said}" for cls, said in _ANY]
    return {
        "error-codes.rst": "\n".join(
            [
                STALE,
                heading("Error codes"),
                "On the wire a code is a string, and strings occur that stand in no list: an unknown one is "
                f"{words.exception(ServerError)}, or {words.exception(OrderRefused)} if it answers an order or "
                "position command. The error has the code in ``code``, what the server says of it in ``description``, "
                "and what to do in ``remedy``.\n",
                ".. _errors-of-any-request:\n",
                heading("Errors of any request", "-"),
                "A request that the server refuses fails with one of these, or with what its own entry in the "
                ":doc:`messages <messages/index>` names:\n",
                *requests,
                "",
                "One that is not answered at all fails with :py:exc:`~ctrader_twisted.errors.RequestNotSent` if it "
                "never left, and with :py:exc:`~ctrader_twisted.errors.OutcomeUnknown` if it may have arrived.\n",
                heading("What is tried again", "-"),
                "A request of yours is sent once. An order above all: whatever becomes of it, nothing sends it again "
                "by itself. These are repeated, as they change nothing, or were not executed:\n",
                *(f"* *{name}*: {said}" for name, _, said in AGAIN),
                "* *login*: the authorisation of an account, ever more slowly, until its token or the account is "
                "refused",
                "",
                heading("The codes", "-"),
                table(("Code and exception", "Meaning and remedy", "Tried again"), rows, (38, 47, 15), "codes"),
            ]
        )
    }


def classes(code: str) -> tuple[type[ServerError], type[ServerError]]:
    """Give the exceptions of a code: of any request, and of a command."""
    return (
        errors.server_error_class(code, "", order_command=False),
        errors.server_error_class(code, "", order_command=True),
    )


def remedy(code: str) -> str:
    """Give what to do about a code: what its class says or, where that leaves it open, what is said of the code."""
    general, command = classes(code)
    return general.remedy or (command.remedy if code in codes.ORDER_CLASSES_BY_CODE else REMEDIES.get(code, ""))


def again(code: str) -> str:
    """Say what is sent again after a code."""
    general, command = classes(code)
    if code in codes.ORDER_CLASSES_BY_CODE:
        return _listed(name for name, passing, _ in AGAIN if issubclass(command, passing))
    names = [name for name, passing, _ in AGAIN if issubclass(general, passing)]
    ends = issubclass(general, (*healing.FINAL, errors.ApplicationRefused, errors.AlreadyStanding))
    return _listed(names if ends or general is ServerError else [*names, "login"])


def _listed(names: Iterator[str] | list[str]) -> str:
    return listed(list(names) or ["no"])


def _exceptions(code: str) -> str:
    general, command = classes(code)
    if general is command:
        said = words.exception(general)
    elif code in codes.ORDER_CLASSES_BY_CODE:
        said = words.exception(command)
    else:
        said = f"{words.exception(general)}; of a command {words.exception(command)}"
    if code == "INVALID_REQUEST":  # the one whose description decides
        special = [words.exception(cls) for cls in (errors.NotAuthorised, errors.NothingToAmend)]
        said += f"; {listed(special, 'or')} if the description says so"
    return said
