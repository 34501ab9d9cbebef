"""Who listens for what, and streams that are iterated."""

from __future__ import annotations

import inspect
from functools import partial
from operator import length_hint
from typing import TYPE_CHECKING, Any, Final, TypeVar

from google.protobuf.message import DecodeError, Message
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ctrader_twisted.buffers import Buffered
from ctrader_twisted.errors import UndecodablePayload
from ctrader_twisted.market import light
from ctrader_twisted.messages import ProtoOASpotEvent
from ctrader_twisted.session.events import EVENTS, Problem
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Burst, Envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from twisted.python.failure import Failure

    from ctrader_twisted.wire.runs import SpotRun

    Listener = Callable[[Any], object]

_T = TypeVar("_T")
_log = Logger()
_SPOT: Final = catalogue.TYPES[ProtoOASpotEvent]
_LIGHT: Final = (light.LightQuote, light.SpotColumns)
_ACCOUNT: Final = ("ctidTraderAccountId", "ctidTraderAccountIds")
_SYMBOL: Final = ("symbolId",)
_IDS: Final = {
    "account_id": "take the ctidTraderAccountId, `account.account_id`",
    "symbol_id": 'names are for accounts; the id is `symbol_id` of what `account.symbol("EURUSD")` gives',
}


class Listeners:
    """Delivers each event to whoever listens for its class.

    A payload that nobody listens for is never parsed; one that several listen for is parsed once. A listener that
    raises is logged by name and costs the others nothing. A listener that is a coroutine function, or gives a
    Deferred, is followed, so that its failure is logged too.

    Spot events are given as messages, as `LightQuote` or as `SpotColumns`, each form to those who listen for it, and
    only made if somebody does; of what arrived at once the messages first, then the columns, then the quotes.

    :ivar when_light: called with whether somebody listens for a lighter form of spot events, whenever that changes.
    """

    def __init__(self) -> None:
        self.when_light: Callable[[bool], None] = _ignore
        self._light = False
        self._listeners: dict[type, tuple[Listener, ...]] = {}
        self._routes: dict[int, tuple[Callable[[bytes], Message], Listener]] = {}
        self._raw: tuple[Listener, ...] = ()

    def add(self, cls: type, listener: Listener) -> None:
        """Call ``listener`` with each event of ``cls`` from now on, after those that listen already.

        :raises TypeError: if ``cls`` is not a class that can be listened for.
        """
        if not isinstance(cls, type):
            raise TypeError(f"{cls!r} is not a class: listen for a message class, a session event, Message or Envelope")
        if issubclass(cls, Message) and cls is not Message and cls not in catalogue.TYPES:
            raise TypeError(f"{cls.__name__} is only ever a part of other messages and never arrives by itself")
        if cls is light.SpotColumns:
            light.require_numpy()
        if not issubclass(cls, Message) and cls is not Envelope and cls not in EVENTS and cls not in _LIGHT:
            raise TypeError(f"{cls.__name__} never arrives: listen for a message class, a session event or Envelope")
        self._listeners[cls] = (*self._listeners.get(cls, ()), listener)
        self._reroute()

    def remove(self, cls: type, listener: Listener) -> bool:
        """Stop calling ``listener`` with events of ``cls``; False if it was not called."""
        before = self._listeners.get(cls, ())
        for index, candidate in enumerate(before):
            if _stands_for(candidate, listener):
                self._listeners[cls] = before[:index] + before[index + 1 :]
                self._reroute()
                return True
        return False

    def deliver(self, arrived: Envelope | Burst | SpotRun) -> None:
        """Give what arrived to its listeners, in order."""
        number = arrived.payload_type
        told = False
        if self._raw:
            self._deliver_raw(arrived)
        if number in self._routes:
            payloads = (arrived[1],) if isinstance(arrived, Envelope) else arrived.payloads
            told = self._deliver_messages(number, payloads)
        if self._light and number == _SPOT:
            self._deliver_light(arrived, told)

    def _deliver_messages(self, number: int, payloads: Sequence[bytes]) -> bool:
        """Parse payloads for their listeners; False if nobody listened any more before the last."""
        routes = self._routes
        route = routes.get(number)
        waiting = iter(payloads)
        while route is not None:
            parse, listener = route
            try:
                for message in map(parse, waiting):
                    try:
                        result = listener(message)
                    except Exception:
                        _log.failure("listener {listener!r} failed", listener=listener)
                    else:
                        if result is not None:
                            self._follow(listener, result)
                    if self._routes is not routes:  # somebody began or ceased to listen, or the client was closed
                        break
                else:
                    return True
            except (DecodeError, UnicodeDecodeError):
                size = len(payloads[len(payloads) - length_hint(waiting) - 1])
                self.announce(Problem(UndecodablePayload(catalogue.name(number), size)))
            routes = self._routes
            route = routes.get(number)
        return False

    def _deliver_light(self, arrived: Envelope | Burst | SpotRun, told: bool) -> None:
        """Give spot events in lighter forms.

        :param told: whether it is known already what of them can't be read.
        """
        if isinstance(arrived, Envelope | Burst):
            events, sizes = _parsed((arrived.payload,) if isinstance(arrived, Envelope) else arrived.payloads)
            self._tell_unreadable(() if told else sizes)
            if events and self._listeners.get(light.SpotColumns):
                self._deliver_columns(light.columns_of(events))
            self._deliver_quotes(map(light.quote_of, events))
            return
        columns, unreadable = light.read(arrived.data, arrived.starts, arrived.stops)
        self._tell_unreadable(() if told else unreadable)
        if len(columns):
            self._deliver_columns(columns)
        if self._listeners.get(light.LightQuote):
            self._deliver_quotes(columns.quotes())

    def _tell_unreadable(self, sizes: Sequence[int]) -> None:
        for size in sizes:
            self.announce(Problem(UndecodablePayload(catalogue.name(_SPOT), size)))

    def _deliver_columns(self, columns: light.SpotColumns) -> None:
        for listener in self._listeners.get(light.SpotColumns, ()):
            self._call(listener, columns)

    def _deliver_quotes(self, quotes: Iterator[light.LightQuote]) -> None:
        while listeners := self._listeners.get(light.LightQuote):
            routes = self._routes
            listener = listeners[0] if len(listeners) == 1 else partial(self._call_each, listeners)
            for quote in quotes:  # `map` would take a StopIteration that the listener lets out for the end
                try:
                    result = listener(quote)
                except Exception:
                    _log.failure("listener {listener!r} failed", listener=listener)
                else:
                    if result is not None:
                        self._follow(listener, result)
                if self._routes is not routes:  # somebody began or ceased to listen, or the client was closed
                    break
            else:
                return

    def clear(self) -> None:
        """Let nobody listen any more."""
        self._listeners.clear()
        self._reroute()

    def _deliver_raw(self, arrived: Envelope | Burst | SpotRun) -> None:
        for envelope in (arrived,) if isinstance(arrived, Envelope) else arrived.envelopes():
            for listener in self._raw:
                self._call(listener, envelope)

    def announce(self, event: object) -> None:
        """Give one of the library's own events to its listeners."""
        for listener in self._listeners.get(type(event), ()):
            self._call(listener, event)

    def _call_each(self, listeners: tuple[Listener, ...], event: object) -> None:
        for listener in listeners:
            self._call(listener, event)

    def _call(self, listener: Listener, event: object) -> None:
        try:
            result = listener(event)
        except Exception:
            _log.failure("listener {listener!r} failed", listener=listener)
        else:
            if result is not None:
                self._follow(listener, result)

    def _follow(self, listener: Listener, result: object) -> None:
        if inspect.iscoroutine(result):
            result = Deferred.fromCoroutine(result)
        if isinstance(result, Deferred):

            def failed(failure: Failure) -> None:
                _log.failure("listener {listener!r} failed", failure, listener=listener)

            result.addErrback(failed)

    def _reroute(self) -> None:
        self._raw = self._listeners.get(Envelope, ())
        every = self._listeners.get(Message, ())
        self._routes = {}
        for number, cls in catalogue.PARSERS.items():
            listeners = (*self._listeners.get(cls, ()), *every)
            if listeners:
                one = listeners[0] if len(listeners) == 1 else partial(self._call_each, listeners)
                self._routes[number] = (cls.FromString, one)
        wanted = any(self._listeners.get(cls) for cls in _LIGHT)
        if wanted is not self._light:
            self._light = wanted
            self.when_light(wanted)


def _parsed(payloads: Sequence[bytes]) -> tuple[list[ProtoOASpotEvent], list[int]]:
    """Parse spot events; give those that parse, and the sizes of those that do not."""
    events, unreadable = [], []
    for payload in payloads:
        try:
            events.append(ProtoOASpotEvent.FromString(payload))
        except (DecodeError, UnicodeDecodeError):
            unreadable.append(len(payload))
    return events, unreadable


def _ignore(_: bool) -> None:
    """Tell nobody."""


def _stands_for(candidate: Listener | None, listener: Listener) -> bool:
    """Say whether calling one means calling the other."""
    while candidate is not None:
        if candidate == listener:
            return True
        candidate = getattr(candidate, "wraps", None)
    return False


class Once:
    """A listener that is called once.

    :ivar wraps: whom it calls, so that `Listeners.remove` finds it.
    """

    def __init__(self, listeners: Listeners, cls: type, listener: Listener) -> None:
        self._listeners = listeners
        self._cls = cls
        self.wraps = listener

    def __repr__(self) -> str:
        return repr(self.wraps)

    def __call__(self, event: object) -> object:
        self._listeners.remove(self._cls, self)
        return self.wraps(event)


class Only:
    """A listener that is called with the events of one account, or of one symbol, or of one symbol of one account.

    :param account_id: ctidTraderAccountId, or None for those of every account.
    :param symbol_id: symbolId, or None for those of every symbol.
    :raises TypeError: if one is no whole number, or events of this class do not say whose they are.

    :ivar wraps: whom it calls, so that `Listeners.remove` finds it.
    """

    def __init__(self, cls: type, listener: Listener, account_id: int | None, symbol_id: int | None) -> None:
        wanted = (("account_id", _ACCOUNT, account_id), ("symbol_id", _SYMBOL, symbol_id))
        for what, _, value in wanted:
            if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__")):
                raise TypeError(f"{what} is {value!r}, no whole number: {_IDS[what]}")
        self._tests = tuple((*_field(cls, what, names), value) for what, names, value in wanted if value is not None)
        self.wraps = listener

    def __repr__(self) -> str:
        return repr(self.wraps)

    def __call__(self, event: object) -> object:
        for name, several, value in self._tests:
            found: Any = getattr(event, name)
            if value not in found if several else value != found:
                return None
        return self.wraps(event)


def only(cls: type, listener: Listener, account_id: int | None, symbol_id: int | None) -> Listener:
    """Give a listener that is called with the events of one account, or symbol, only; or itself if none is named.

    :raises TypeError: as `Only` does.
    """
    if account_id is None and symbol_id is None:
        return listener
    return Only(cls, listener, account_id, symbol_id)


def _field(cls: type, what: str, names: tuple[str, ...]) -> tuple[str, bool]:
    """Find what tells an event's account or symbol: the field's name, and whether it has several.

    :param what: what it is called here, in the library's own events, too.
    :param names: what messages may call it.
    """
    if isinstance(cls, type):
        if issubclass(cls, Message) and cls is not Message:
            for name in names:
                if name in cls.DESCRIPTOR.fields_by_name:
                    return name, not isinstance(getattr(cls(), name), int)
        elif (cls in EVENTS or cls is light.LightQuote) and what in cls.__annotations__:
            return what, False
        raise TypeError(f"{cls.__name__} does not say one {what}: listen without it, and choose in the listener")
    raise TypeError(f"{cls!r} is not a class: listen for a message class, a session event, Message or Envelope")


class EventStream(Buffered[_T]):
    """Events to be iterated with ``async for``, through a bounded buffer.

    When the reader falls more than ``buffer`` events behind, the oldest are dropped, and the next step of the iteration
    raises `EventsDropped`, which says how many are missing at this point. The stream goes on after it: iterate again.

    The iteration ends when the client is closed. A stream outlives reconnects.

    :ivar dropped: how many events were dropped altogether.
    """

    def __init__(
        self,
        listeners: Listeners,
        classes: tuple[type[_T], ...],
        buffer: int,
        on_close: Callable[[EventStream[_T]], object],
        account_id: int | None = None,
        symbol_id: int | None = None,
    ) -> None:
        super().__init__(buffer)
        if not classes:
            raise ValueError("a stream of no class would never give anything: name one, or Message for every message")
        self._listeners = listeners
        self._classes = classes
        self._on_close = on_close
        wanted = [(cls, only(cls, self._put, account_id, symbol_id)) for cls in classes]
        for cls, listener in wanted:
            listeners.add(cls, listener)

    def close(self) -> None:
        """Stop listening. What waits can still be read; then the iteration ends."""
        if self._ended:
            return
        self._on_close(self)
        for cls in self._classes:
            self._listeners.remove(cls, self._put)
        self._end()
