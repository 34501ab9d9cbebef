"""Getting an account ready and keeping it so: what has to be learned before anything else, and after every loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ctrader_twisted.account.inquiries import Lost
from ctrader_twisted.errors import ClientClosed, ServerError
from ctrader_twisted.session.machine import AccountState

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from ctrader_twisted.account.books import Books
    from ctrader_twisted.account.lookup import Lookup
    from ctrader_twisted.host import Host
    from ctrader_twisted.session.events import AccountChanged

_log = Logger()


class Standing:
    """Whether an account stands, and who waits until what it has is known.

    :param account_id: its ctidTraderAccountId.
    :param client: knows whether it is authorised.

    :ivar current: whether what it has is known, and kept by events.
    :ivar closed: whether the client was closed.
    """

    def __init__(self, account_id: int, client: Host) -> None:
        self.current: bool = False
        self.closed: bool = False
        self.account_id = account_id
        self._client = client
        self._waiting: list[Deferred[None]] = []

    @property
    def stands(self) -> bool:
        """Whether it is authorised: requests reach the server."""
        return not self.closed and self._client.account_state(self.account_id) is AccountState.AUTHORISED

    @property
    def known(self) -> bool:
        """Whether it stands and what it has is known: requests hear of a loss before the account does."""
        return self.current and self.stands

    def check_open(self) -> None:
        """Refuse what would be begun on a client that is closed: nobody would be told what comes of it.

        :raises ClientClosed: if it is.
        """
        if self.closed:
            raise ClientClosed

    def wait(self) -> Deferred[None]:
        """Wait until `current` is set anew; `refused` fails it, and so does `close`."""
        waiter: Deferred[None] = Deferred(self._give_up)
        self._waiting.append(waiter)
        return waiter

    async def when_known(self) -> None:
        """Wait until `known`.

        :raises ClientClosed: if the client is closed, or was.
        """
        self.check_open()
        if not self.known:
            await self.wait()

    def reached(self) -> None:
        """Tell who waits that what the account has is known."""
        for waiter in self._take():
            waiter.callback(None)

    def refused(self, error: Exception | Failure) -> None:
        """Tell who waits that it could not be learned."""
        for waiter in self._take():
            waiter.errback(error)

    def close(self) -> None:
        """The client was closed."""
        self.closed, self.current = True, False
        self.refused(ClientClosed())

    def _take(self) -> list[Deferred[None]]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def _give_up(self, waiter: Deferred[None]) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)


class Readiness:
    """Brings an account to stand, and learns what it has whenever it stands anew.

    :param account_id: its ctidTraderAccountId.
    :param standing: is told what comes of it.
    :param lookup: learns the symbols.
    :param books: learns the rest.
    :param learned: is called when all of it is known, before those who wait are told.
    """

    def __init__(
        self,
        account_id: int,
        client: Host,
        standing: Standing,
        lookup: Lookup,
        books: Books,
        learned: Callable[[], None],
    ) -> None:
        self._account_id = account_id
        self._client = client
        self._standing = standing
        self._lookup = lookup
        self._books = books
        self._learned = learned
        self._under_way: object | None = None

    async def ready(self, access_token: str | None) -> None:
        """Authorise the account and learn what it has; see `Account.ready`."""
        if self._standing.closed:
            raise ClientClosed
        await self._client.authorise(self._account_id, access_token)
        if not self._standing.current:
            waiter = self._standing.wait()
            self._catch_up()
            await waiter

    def account_changed(self, event: AccountChanged) -> None:
        """The client says where the account stands."""
        if event.account_id != self._account_id:
            return
        if event.previous is AccountState.AUTHORISED:
            self._standing.current = False
            self._under_way = None
            self._books.nothing_is_told()
        if event.state is AccountState.AUTHORISED:
            self._catch_up()

    def _catch_up(self) -> None:
        """Learn what there is, unless that is under way."""
        if self._under_way is None and self._standing.stands:
            this = self._under_way = object()
            Deferred.fromCoroutine(self._learn(this)).addErrback(self._failed, this)

    async def _learn(self, this: object) -> None:
        refusal: ServerError | None = None
        try:
            await self._lookup.learn()
            await self._books.refresh()
            await self._lookup.learn_held()
            await self._books.learn_time()
        except Lost:
            if self._under_way is this:
                self._under_way = None
                self._catch_up()  # if it stands again already
            return
        except ServerError as error:
            refusal = error
        if self._under_way is not this:
            return
        self._under_way = None
        if refusal is not None:
            _log.warn("what account {account} has is not known: {error}", account=self._account_id, error=str(refusal))
            self._standing.refused(refusal)
            return
        self._standing.current = True
        self._learned()
        self._standing.reached()

    def _failed(self, failure: Failure, this: object) -> None:
        """Only a fault of this package ends up here. Whoever waits is told it; the next one who asks begins anew."""
        _log.failure("what account {account} has could not be learned", failure, account=self._account_id)
        if self._under_way is this:
            self._under_way = None
            self._standing.refused(failure)
