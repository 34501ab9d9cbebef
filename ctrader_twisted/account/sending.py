"""The one way by which commands of an account leave. What has not left yet can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure

from ctrader_twisted.errors import RequestNotSent

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message
    from twisted.internet.defer import Deferred

    from ctrader_twisted.account.permitting import Permits
    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.host import Host


@dataclass(slots=True, eq=False)
class _Waiting:
    """A command that waits for its turn under the limits.

    :ivar taken_back: what it was taken back for; None as long as it was not.
    """

    what: str
    opens: Callable[[], bool]
    answered: Deferred[Any] | None = None
    taken_back: OpenApiError | None = None


class Sending:
    """Sends the commands of one account.

    :param client: what they are sent through.
    :param permits: says whether anything is to be sent at all.
    """

    def __init__(self, client: Host, permits: Permits) -> None:
        self._client = client
        self._permits = permits
        self._waiting: dict[object, _Waiting] = {}

    def send(
        self,
        message: Message,
        timeout: float | None,
        what: str,
        *,
        opens: Callable[[], bool] = lambda: False,
        left: Callable[[], object] | None = None,
        of: object | None = None,
    ) -> Deferred[Any]:
        """Send a command, in its turn.

        :param what: the command in words.
        :param opens: says whether it opens something: a halt takes it back then, if it has not left.
        :param left: called when it leaves.
        :param of: what it is taken back by.
        :return: a Deferred as `OpenApiClient.request` gives it; it fails with what the command is taken back for.
        :raises DryRun: if nothing is to be sent at all.
        """
        self._permits.sending(what)
        key = object() if of is None else of
        waiting = self._waiting[key] = _Waiting(what, opens)

        def leaves() -> None:
            del self._waiting[key]
            if left is not None:
                left()

        def ended(result: Any) -> Any:
            self._waiting.pop(key, None)
            if waiting.taken_back is not None and isinstance(result, Failure) and result.check(RequestNotSent):
                return Failure(waiting.taken_back)
            return result

        waiting.answered = self._client.request(message, timeout=timeout, left=leaves)
        return waiting.answered.addBoth(ended)

    def take_back(self, of: object, error: OpenApiError) -> bool:
        """Keep a command from leaving; False if it has left, or was never sent.

        :param error: what its Deferred fails with.
        """
        waiting = self._waiting.pop(of, None)
        if waiting is None or waiting.answered is None:
            return False
        waiting.taken_back = error
        waiting.answered.cancel()
        return True

    def forbid(self) -> None:
        """Take back what may not leave any more, since a halt or a limit has been set."""
        for key, waiting in tuple(self._waiting.items()):
            error = self._permits.forbids(waiting.what, opens=waiting.opens())
            if error is not None:
                self.take_back(key, error)
