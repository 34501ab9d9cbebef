"""What has become of a Deferred."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from twisted.python.failure import Failure

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

Result = TypeVar("Result")


def fired(deferred: Deferred[Result]) -> Result:
    """Give what a Deferred has fired with by now, or raise what it has failed with."""
    outcomes: list[Result | Failure] = []
    deferred.addBoth(outcomes.append)
    assert outcomes, "it has not fired"
    (outcome,) = outcomes
    if isinstance(outcome, Failure):
        outcome.raiseException()
    return outcome
