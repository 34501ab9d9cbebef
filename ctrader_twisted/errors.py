"""
Every exception of the package, in one tree.

::

    OpenApiError
    ├── LocalError                 this program or its configuration is at fault
    │   ├── ConfigurationError       a file or key of the configuration
    │   │   ├── ConfigurationErrors    more than one of them
    │   │   └── ReplayError            a file of prices that can't be replayed
    │   ├── IncompleteMessage        a required field was left out
    │   ├── NotARequest              a message that no answer would close
    │   ├── EventsDropped            a stream's reader was slower than its events
    │   ├── TokenStoreError          tokens can't be read, kept or locked
    │   ├── RecordingError           a recording of the flight recorder can't be read
    │   ├── OrderNotPlaced           an order was refused here: nothing was sent
    │   │   ├── VolumeRefused          off step, below the minimum, above the maximum
    │   │   ├── PriceRefused           finer than the symbol's digits, or none
    │   │   ├── LevelsRefused          a stop loss or take profit that can't be
    │   │   ├── UnknownSymbol          `suggestions` are names close to it
    │   │   ├── AmbiguousSymbol        `candidates` are what it may mean
    │   │   ├── SafetyRefused          a limit of the account's own forbids it
    │   │   ├── DryRun                 the account only rehearses
    │   │   └── TradingHalted          the kill switch is on
    │   └── ClientClosed             `close()` was called
    ├── RemoteError                the other side, or the way to it, is at fault
    │   ├── ProtocolError            what arrived can't be read
    │   │   ├── FrameTooLong           (the stream is lost)
    │   │   ├── TruncatedFrame         (the stream ended inside a frame)
    │   │   ├── UndecodableEnvelope
    │   │   ├── UndecodablePayload
    │   │   │   └── IncompletePayload    it lacks required fields
    │   │   ├── UnknownPayloadType
    │   │   └── WebSocketViolation     (the stream is lost)
    │   ├── ConnectionFailed         no connection, or it was lost; names the reason
    │   │   ├── DeadPeer               nothing arrived for longer than the watchdog allows
    │   │   ├── HandshakeRefused       no WebSocket: the HTTP status and what came with it
    │   │   ├── WebSocketClosed        closed by the other side, with its code
    │   │   └── NotReadyInTime         not connected and authorised in time (also a `TimeoutError`)
    │   ├── GrantRefused             a grant is dead: a person must log in again
    │   ├── OAuthRefused             the authorisation server refused a code or a token
    │   └── ServerError              the server answered with an error code
    │       ├── ApplicationRefused     client id or secret
    │       ├── TokenRefused           access or refresh token
    │       ├── AccountRefused         this account can't be used with this token
    │       ├── CannotRoute            wrong environment, or the broker's back end is down
    │       │   └── WrongEnvironment     it is the environment: the account is of the other one
    │       ├── NotAuthorised          the session has no authority (any more)
    │       ├── AlreadyStanding        what was asked for is already so
    │       ├── RateLimited            `retry_after` says for how long
    │       ├── UnderMaintenance       `maintenance_end` says until when
    │       ├── ServerUnavailable      a transient failure behind the server
    │       └── OrderRefused           an order or position command was refused; most have a `remedy`
    │           ├── BadVolume
    │           ├── BadStops
    │           ├── BadPrices
    │           ├── BadExpiration
    │           ├── NotEnoughMoney
    │           ├── MarketClosed
    │           ├── TradingDisabled        for this symbol
    │           ├── TradingNotAllowed      for this account or token
    │           ├── ExposureReached
    │           ├── TooManyPositions
    │           ├── PositionNotFound
    │           ├── OrderNotFound
    │           ├── AlreadyClosed
    │           ├── PendingExecution       it is being executed
    │           ├── UnableToAmend
    │           ├── UnableToCancel
    │           ├── ShortSellingNotAllowed
    │           └── NothingToAmend
    ├── OrderEnded                 an order has come to another end
    │   ├── NotFilled                than being filled
    │   └── NotWorking               it can't be cancelled or amended any more
    └── RequestFailed              the request ended without an answer
        ├── NeverArrived             the server's books show that it did not come: safe to repeat
        ├── RequestNotSent           it never left: safe to repeat
        │   ├── QueueFull
        │   ├── SendTimeout          (also a `TimeoutError`)
        └── OutcomeUnknown           it may have arrived: reconcile before repeating
            └── AnswerTimeout        (also a `TimeoutError`)

Exceptions carry fields; `str()` makes the sentence. No field holds a payload, a token or a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


class OpenApiError(Exception):
    """The root of every exception this package raises or fails a Deferred with."""


class LocalError(OpenApiError):
    """This program, its caller or its configuration is at fault."""


class ConfigurationError(LocalError):
    """A configuration is refused.

    :ivar file: the file it was read from, as given.
    :ivar key: the dotted key, or ``""`` when the file as a whole is meant.
    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, file: str | Path, key: str, problem: str, remedy: str) -> None:
        super().__init__(file, key, problem, remedy)
        self.file = str(file)
        self.key = key
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"{self.file}: {self.key}" if self.key else self.file
        return f"{where}: {self.problem}. {self.remedy}"


class ConfigurationErrors(ConfigurationError):
    """A configuration is refused for more than one reason. Its own fields are those of the first.

    :ivar errors: every reason.
    """

    def __init__(self, errors: Iterable[ConfigurationError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        super().__init__(first.file, first.key, first.problem, first.remedy)
        self.args = (self.errors,)

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


class ReplayError(ConfigurationError):
    """A file can't be replayed. ``key`` is the place in it: "line 7, column bid", or "row 7, …" in Parquet."""


class IncompleteMessage(LocalError):
    """A message lacks required fields and was not sent.

    :ivar message_name: the schema's name of the message.
    :ivar missing: dotted paths of the missing fields.
    """

    def __init__(self, message_name: str, missing: Sequence[str]) -> None:
        super().__init__(message_name, tuple(missing))
        self.message_name = message_name
        self.missing = tuple(missing)

    def __str__(self) -> str:
        return f"{self.message_name} lacks {', '.join(self.missing)}: set every required field before sending it"


class NotARequest(LocalError):
    """Something was passed to ``request`` that no answer would ever close.

    :ivar what: the name of the class that was passed.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"{self.what} is not a request: pass one of the schema's messages whose name ends in Req"


class EventsDropped(LocalError):
    """A stream's buffer overflowed; the oldest events were dropped. The stream can be iterated further.

    :ivar count: how many events are missing at this point of the stream.
    :ivar buffer: the size of the buffer.
    """

    def __init__(self, count: int, buffer: int) -> None:
        super().__init__(count, buffer)
        self.count = count
        self.buffer = buffer

    def __str__(self) -> str:
        return (
            f"{self.count} events were dropped because the reader fell more than {self.buffer} events behind: "
            "read faster, or ask for a larger buffer"
        )


class TokenStoreError(LocalError):
    """Tokens can't be read, kept or locked where they should be.

    :ivar where: the file, or whatever else the store is.
    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, where: str | Path, problem: str, remedy: str) -> None:
        super().__init__(str(where), problem, remedy)
        self.where = str(where)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}. {self.remedy}"


class RecordingError(LocalError):
    """A recording of the flight recorder can't be read.

    :ivar file: the file.
    :ivar place: where in it, such as ``"line 7"``, or ``""``.
    :ivar problem: what is wrong.
    """

    def __init__(self, file: str | Path, place: str, problem: str) -> None:
        super().__init__(str(file), place, problem)
        self.file = str(file)
        self.place = place
        self.problem = problem

    def __str__(self) -> str:
        where = f"{self.file}: {self.place}" if self.place else self.file
        return f"{where}: {self.problem}"


class OrderNotPlaced(LocalError):
    """An order or position command was refused by this program: nothing was sent.

    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}: {self.remedy}"


class VolumeRefused(OrderNotPlaced):
    """A volume that the symbol can't be traded in.

    :ivar symbol: the symbol's name.
    :ivar wanted: what was asked for, in its unit (a `Lots`, `Units` or `ProtocolVolume`).
    :ivar problem: what is wrong with it: "is not a multiple of 0.01 lots".
    :ivar nearest: the nearest volumes that would be accepted, below and above, in the same unit; empty if there are
        none.
    :ivar remedy: what to do about it.
    """

    def __init__(
        self, symbol: str, wanted: object, problem: str, nearest: Iterable[object] = (), remedy: str | None = None
    ) -> None:
        nearest = tuple(nearest)
        super().__init__(problem, remedy or _would_be_accepted(nearest))
        self.args = (symbol, wanted, problem, nearest, remedy)
        self.symbol = symbol
        self.wanted = wanted
        self.nearest = nearest

    def __str__(self) -> str:
        return f"{self.wanted} of {self.symbol} {self.problem}: {self.remedy}"


class PriceRefused(OrderNotPlaced):
    """A price that the symbol can't have.

    :ivar symbol: the symbol's name.
    :ivar wanted: the price that was asked for.
    :ivar problem: what is wrong with it: "has more than 5 decimal places".
    :ivar nearest: the nearest prices that would be accepted, below and above; empty if there are none.
    :ivar remedy: what to do about it.
    """

    def __init__(
        self, symbol: str, wanted: object, problem: str, nearest: Iterable[object] = (), remedy: str | None = None
    ) -> None:
        nearest = tuple(nearest)
        super().__init__(problem, remedy or _would_be_accepted(nearest))
        self.args = (symbol, wanted, problem, nearest, remedy)
        self.symbol = symbol
        self.wanted = wanted
        self.nearest = nearest

    def __str__(self) -> str:
        return f"a price of {self.wanted} for {self.symbol} {self.problem}: {self.remedy}"


class LevelsRefused(OrderNotPlaced):
    """A stop loss or take profit that can't be: its distance, its side, or what it is given in.

    :ivar symbol: the symbol's name.
    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, symbol: str, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.args = (symbol, problem, remedy)
        self.symbol = symbol

    def __str__(self) -> str:
        return f"{self.symbol}: {self.problem}: {self.remedy}"


class UnknownSymbol(OrderNotPlaced):
    """The account has no symbol of this name, nor one that could be meant by it.

    :ivar name: the name that was asked for.
    :ivar suggestions: names of the account's symbols that are close to it, the closest first.
    :ivar meant: what it is an alias of, by the user's own list; None if it is no alias.
    """

    def __init__(self, name: str, suggestions: Iterable[str] = (), meant: str | None = None) -> None:
        suggestions = tuple(suggestions)
        super().__init__(
            f'the account has no symbol "{name}"'
            if meant is None
            else f'the account has no symbol "{meant}", which "{name}" is an alias of',
            f"did you mean {_either(suggestions)}?" if suggestions else 'see which it has with "ctrader symbols"',
        )
        self.args = (name, suggestions, meant)
        self.name = name
        self.suggestions = suggestions
        self.meant = meant


class AmbiguousSymbol(OrderNotPlaced):
    """A name that may mean more than one of the account's symbols.

    :ivar name: the name that was asked for.
    :ivar candidates: the names of those that it may mean.
    """

    def __init__(self, name: str, candidates: Iterable[str]) -> None:
        candidates = tuple(candidates)
        super().__init__(
            f'"{name}" may mean {_either(candidates)}', "write the whole name, or give the account an alias for it"
        )
        self.args = (name, candidates)
        self.name = name
        self.candidates = candidates


class SafetyRefused(OrderNotPlaced):
    """A safety limit of the account forbids it. The limit is set here, not by the broker.

    :ivar limit: the name of the limit, as the configuration has it.
    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, limit: str, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.args = (limit, problem, remedy)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit}: {self.problem}: {self.remedy}"


class DryRun(OrderNotPlaced):
    """The account is set to rehearse: the command passed every check here, and was not sent.

    :ivar what: what would have been sent, in words.
    :ivar remedy: what to do about it.
    """

    def __init__(self, what: str, remedy: str = "turn dry_run off for this account to trade") -> None:
        super().__init__(f"{what} was not sent, since this is a dry run", remedy)
        self.args = (what, remedy)
        self.what = what


class TradingHalted(OrderNotPlaced):
    """Trading is halted on this account, by the kill switch or by whoever has stopped it.

    :ivar reason: why.
    :ivar remedy: what to do about it.
    """

    def __init__(self, reason: str, remedy: str = "resume trading on this account when its reason is gone") -> None:
        super().__init__(f"trading is halted ({reason})" if reason else "trading is halted", remedy)
        self.args = (reason, remedy)
        self.reason = reason


class ClientClosed(LocalError):
    """The client was closed before this could happen."""

    def __str__(self) -> str:
        return "the client was closed: start a new one"


class RemoteError(OpenApiError):
    """The other side, or the way to it, is at fault."""


class ProtocolError(RemoteError):
    """What arrived can't be read.

    :cvar fatal: whether the rest of the stream is lost with it.
    """

    fatal = False


class FrameTooLong(ProtocolError):
    """A frame announced more bytes than are allowed; the connection is closed.

    :ivar announced: bytes the frame's length said.
    :ivar allowed: bytes a frame may have.
    """

    fatal = True

    def __init__(self, announced: int, allowed: int) -> None:
        super().__init__(announced, allowed)
        self.announced = announced
        self.allowed = allowed

    def __str__(self) -> str:
        if self.announced == int.from_bytes(b"HTTP"):
            return "the peer answers in HTTP: its port may be for WebSocket alone; check port and wire"
        return (
            f"a frame of {self.announced} bytes was announced, {self.allowed} are allowed: "
            "the peer does not speak this protocol, or max_frame is too small"
        )


class TruncatedFrame(ProtocolError):
    """The stream ended inside a frame.

    :ivar received: bytes of the unfinished frame that arrived, its length prefix included.
    :ivar expected: bytes it should have had, or None if even the length prefix was cut.
    """

    fatal = True

    def __init__(self, received: int, expected: int | None) -> None:
        super().__init__(received, expected)
        self.received = received
        self.expected = expected

    def __str__(self) -> str:
        whole = "an unknown number of" if self.expected is None else str(self.expected)
        return f"the stream ended after {self.received} of {whole} bytes of a frame"


class UndecodableEnvelope(ProtocolError):
    """A frame does not hold an envelope; it was skipped.

    :ivar size: bytes of the frame.
    :ivar problem: what is wrong with it, or ``""``.
    """

    def __init__(self, size: int, problem: str = "") -> None:
        super().__init__(size, problem)
        self.size = size
        self.problem = problem

    def __str__(self) -> str:
        what = f"can't be read: {self.problem}" if self.problem else "does not hold a ProtoMessage with a payload type"
        return f"a frame of {self.size} bytes {what}"


class UndecodablePayload(ProtocolError):
    """A payload does not parse as its payload type says.

    :ivar message_name: the schema's name of the message.
    :ivar size: bytes of the payload.
    :ivar problem: which field can't be what it is, or ``""``.
    :ivar payload_type: the envelope's payload type, where that is known.
    :ivar client_msg_id: the envelope's id, or None.
    """

    def __init__(
        self,
        message_name: str,
        size: int,
        problem: str = "",
        *,
        payload_type: int | None = None,
        client_msg_id: str | None = None,
    ) -> None:
        super().__init__(message_name, size, problem)
        self.message_name = message_name
        self.size = size
        self.problem = problem
        self.payload_type = payload_type
        self.client_msg_id = client_msg_id

    def __str__(self) -> str:
        why = f": {self.problem}" if self.problem else ""
        return f"a payload of {self.size} bytes does not parse as {self.message_name}{why}"


class IncompletePayload(UndecodablePayload):
    """A payload lacks fields that its message requires.

    :ivar missing: dotted paths of the missing fields.
    """

    def __init__(
        self,
        message_name: str,
        size: int,
        missing: Sequence[str],
        *,
        payload_type: int | None = None,
        client_msg_id: str | None = None,
    ) -> None:
        super().__init__(
            message_name,
            size,
            f"it lacks {', '.join(missing)}",
            payload_type=payload_type,
            client_msg_id=client_msg_id,
        )
        self.args = (message_name, size, tuple(missing))
        self.missing = tuple(missing)


class UnknownPayloadType(ProtocolError):
    """A payload type that the schema does not have was to be parsed.

    :ivar payload_type: its number.
    """

    def __init__(self, payload_type: int) -> None:
        super().__init__(payload_type)
        self.payload_type = payload_type

    def __str__(self) -> str:
        return f"payload type {self.payload_type} is not in the schema: listen for Envelope to get it unparsed"


class WebSocketViolation(ProtocolError):
    """The other side broke the rules of WebSocket; the connection is closed.

    :ivar problem: which one.
    """

    fatal = True

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"the peer broke the rules of WebSocket: {self.problem}"


class ConnectionFailed(RemoteError):
    """There is no connection, or it was lost.

    :ivar where: host and port, or the name of the environment.
    :ivar reason: what the transport said.
    """

    def __init__(self, where: str, reason: str) -> None:
        # Not super(): one that is a TimeoutError, too, would read an errno and a file name out of these.
        Exception.__init__(self, where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class DeadPeer(ConnectionFailed):
    """Nothing arrived for longer than the watchdog allows; the connection was aborted."""


class HandshakeRefused(ConnectionFailed):
    """The server did not let a WebSocket begin.

    :ivar problem: what it said, or what was wrong with it.
    :ivar remedy: what to do about it, or ``""``.
    :ivar status: the HTTP status it answered with, or None if it gave no HTTP answer.
    :ivar body: what came with it, bounded, without control characters; or ``""``.
    :ivar retry_after: seconds after which it wants to be asked again, or None.
    """

    def __init__(
        self,
        where: str,
        problem: str,
        remedy: str = "",
        status: int | None = None,
        body: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(where, f"{problem} ({remedy})" if remedy else problem)
        self.args = (where, problem, remedy)
        self.problem = problem
        self.remedy = remedy
        self.status = status
        self.body = body
        self.retry_after = retry_after

    def __str__(self) -> str:
        said = f": {self.body}" if self.body else ""
        return f"{super().__str__()}{said}"


class WebSocketClosed(ConnectionFailed):
    """The other side closed the WebSocket.

    :ivar code: its close code (RFC 6455, 7.4), or None if it gave none.
    :ivar close_reason: its own words, or ``""``.
    """

    def __init__(self, where: str, reason: str, code: int | None = None, close_reason: str = "") -> None:
        super().__init__(where, reason)
        self.code = code
        self.close_reason = close_reason


class NotReadyInTime(ConnectionFailed, TimeoutError):
    """The client was not ready in the time it was given, and goes on trying. The reason says why an attempt failed."""


class GrantRefused(RemoteError):
    """A grant gives no access token any more, and nothing this program does could change that: a person must log in.

    :ivar grant: the grant's name in the token store.
    :ivar reason: what the server said, or why it can't be asked.
    :ivar remedy: what that person does.
    """

    def __init__(self, grant: str, reason: str, remedy: str = "Log in again: ctrader login") -> None:
        super().__init__(grant, reason, remedy)
        self.grant = grant
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        which = f'grant "{self.grant}": ' if self.grant else ""
        return f"{which}{self.reason}. {self.remedy}"


class OAuthRefused(RemoteError):
    """The authorisation server refused a code or a token, or gave an answer that is none.

    :ivar where: its host.
    :ivar code: its error code, or ``""``.
    :ivar description: its own sentence, or what is wrong with the answer.
    """

    def __init__(self, where: str, code: str, description: str = "") -> None:
        super().__init__(where, code, description)
        self.where = where
        self.code = code
        self.description = description

    def __str__(self) -> str:
        said = f"{self.code} ({self.description})" if self.code and self.description else self.code or self.description
        return f"{self.where}: {said}"


class ServerError(RemoteError):
    """The server answered a request with an error, or reported one by itself.

    :ivar request: the schema's name of the request, or None if the server named none.
    :ivar code: the server's code, always a string; codes outside the schema's enums occur.
    :ivar description: the server's own sentence, or ``""``.
    :ivar retry_after: seconds for which this payload type is blocked, or None.
    :ivar maintenance_end: seconds since the epoch, UTC, at which maintenance ends, or None
        (the two error messages give it in different units; here it is always seconds).
    :ivar account_id: ctidTraderAccountId, where the error or the request names one.
    :ivar remedy: what to do about it, or ``""`` where that is not known; a traceback shows it below the error.
    """

    remedy = ""
    _tells_remedy = False  # whether the sentence itself ends in the remedy

    def __init__(
        self,
        code: str,
        description: str = "",
        *,
        request: str | None = None,
        retry_after: float | None = None,
        maintenance_end: float | None = None,
        account_id: int | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.request = request
        self.retry_after = retry_after
        self.maintenance_end = maintenance_end
        self.account_id = account_id
        if remedy is not None:
            self.remedy = remedy
        if self.remedy and not self._tells_remedy:
            self.add_note(self.remedy)

    def __str__(self) -> str:
        parts = [f"{self.request or 'the server'}: {self.code}"]
        if self.description:
            parts.append(f" ({self.description})")
        if self.account_id is not None:
            parts.append(f", account {self.account_id}")
        if self.retry_after is not None:
            parts.append(f", blocked for {self.retry_after:g} s")
        return "".join(parts)


class ApplicationRefused(ServerError):
    """The application's client id or secret is wrong, or the application is not active."""

    remedy = "Check client id and secret, and that the application is Active."


class TokenRefused(ServerError):
    """The access or refresh token is invalid, expired or revoked."""

    remedy = "Get another token: ctrader login."


class AccountRefused(ServerError):
    """The account is unknown, disabled, or not granted to this token."""

    remedy = "Check the id (the ctidTraderAccountId, not the login), and that the token was granted for it."


class CannotRoute(ServerError):
    """The request can't be routed: the account is of the other environment (live, demo), or the broker's back end
    is down.
    """

    remedy = "Connect to the environment the account is of; if it is this one, its broker's back end is down: wait."


class WrongEnvironment(CannotRoute):
    """The account is of the other environment (live, demo) than the one it was asked for on."""

    remedy = "Connect to the other environment for it."


class NotAuthorised(ServerError):
    """The connection has no authority for this: application or account is not, or no longer, authorised."""

    remedy = "Authorise the account first: client.authorise(account_id)."


class AlreadyStanding(ServerError):
    """What was asked for is already so: logged in, subscribed."""


class RateLimited(ServerError):
    """Too many requests of this payload type; nothing was executed. `retry_after` says for how long to wait."""

    remedy = "Ask less often, and not before that time is over."


class UnderMaintenance(ServerError):
    """The server is under maintenance; `maintenance_end` says until when, if it said so."""

    remedy = "Wait until it is over."


class ServerUnavailable(ServerError):
    """A transient failure behind the server; the same request may succeed later."""

    remedy = "Try again later."


class OrderRefused(ServerError):
    """An order or position command was refused; nothing was executed.

    A code that has no class of its own gives this one. Its sentence ends in the remedy, where that is known.

    :ivar event: the ProtoOAExecutionEvent or ProtoOAOrderErrorEvent that refused it, or None if it was a plain error.
    """

    event: object | None = None
    _tells_remedy = True

    def __str__(self) -> str:
        said = super().__str__()
        return f"{said}. {self.remedy}" if self.remedy else said


class BadVolume(OrderRefused):
    """The volume (or the stake of a spread bet) is off step, below the minimum or above the maximum."""

    remedy = "Ask for a multiple of the symbol's stepVolume from its minVolume to its maxVolume."


class BadStops(OrderRefused):
    """A stop loss or take profit is on the wrong side of the market, too close to it, or (guaranteed) moved away."""

    remedy = (
        "Put the stop loss of a BUY below the bid and its take profit above it, those of a SELL the other way round of "
        "the ask, and no nearer than the symbol's slDistance and tpDistance."
    )


class BadPrices(OrderRefused):
    """A price of the order makes no sense for its type or the market."""

    remedy = (
        "Put a buy limit or sell stop below the market and a sell limit or buy stop above it, or send a market order."
    )


class BadExpiration(OrderRefused):
    """The time at which the order expires is past, or missing."""

    remedy = "Give a GOOD_TILL_DATE order an expirationTimestamp to come, in milliseconds UTC."


class NotEnoughMoney(OrderRefused):
    """The free margin does not cover it."""

    remedy = "Ask for less, close something, or deposit: the free margin must cover the order's margin."


class MarketClosed(OrderRefused):
    """The symbol is not traded now: its hours, a holiday, or no price."""

    remedy = "Wait until the symbol is traded; its schedule and holidays say when."


class TradingDisabled(OrderRefused):
    """Trading is switched off for the symbol, or it can only be closed."""

    remedy = "Choose another symbol; the tradingMode of this one says what may be done with it."


class TradingNotAllowed(OrderRefused):
    """The account or the token may not trade."""

    remedy = 'Log in again and allow trading (the scope "trading"), or ask the broker what the account may do.'


class ExposureReached(OrderRefused):
    """The symbol's maxExposure would be exceeded."""

    remedy = "Ask for less, or close some of what is held in this symbol."


class TooManyPositions(OrderRefused):
    """The account may not hold more positions and pending orders."""

    remedy = "Close a position or cancel an order first."


class PositionNotFound(OrderRefused):
    """No position with that id, or it is not open (any more)."""

    remedy = "Reconcile: it may have been closed meanwhile."


class OrderNotFound(OrderRefused):
    """No working order with that id (any more)."""

    remedy = "Reconcile: it may just have been filled, cancelled or expired."


class AlreadyClosed(OrderRefused):
    """The position is closed already, or being closed."""

    remedy = "Nothing is left to do; reconcile to see what it was closed by."


class PendingExecution(OrderRefused):
    """The order or position is being executed and can't be touched meanwhile."""

    remedy = "Wait for its execution event, then try again if there is still need."


class UnableToAmend(OrderRefused):
    """The order can't be changed in its present state."""

    remedy = "Reconcile: it may be filled or on its way; cancel it and place another if it still works."


class UnableToCancel(OrderRefused):
    """The order can't be taken back in its present state: as a rule it came too late."""

    remedy = "Reconcile: it may just have been filled; close its position if you do not want it."


class ShortSellingNotAllowed(OrderRefused):
    """The symbol can't be sold without being held."""

    remedy = "Sell no more of it than is held; its enableShortSelling says so."


class NothingToAmend(OrderRefused):
    """Everything is as was asked for, or nothing was asked for."""

    remedy = "Nothing is left to do, if levels were to be removed; else give at least one that changes."


class RequestFailed(OpenApiError):
    """A request ended without an answer.

    :ivar request: the schema's name of the request.
    :ivar reason: why.
    :ivar account_id: ctidTraderAccountId of the request, or None if it has none.
    """

    consequence = ""

    def __init__(self, request: str, reason: str, account_id: int | None = None) -> None:
        # Not super(): those that are a TimeoutError, too, would read an errno and a file name out of these.
        Exception.__init__(self, request, reason, account_id)
        self.request = request
        self.reason = reason
        self.account_id = account_id

    def __str__(self) -> str:
        account = "" if self.account_id is None else f" for account {self.account_id}"
        return f"{self.request}{account}: {self.reason}; {self.consequence}"


class RequestNotSent(RequestFailed):
    """The request never left this program: it is safe to repeat."""

    consequence = "it was never sent and may be repeated"


class QueueFull(RequestNotSent):
    """Too many requests are waiting for their turn under the rate limits."""


class SendTimeout(RequestNotSent, TimeoutError):
    """The request's time ran out while it waited for its turn."""


class OutcomeUnknown(RequestFailed):
    """The request was sent and no answer came, or none that tells its outcome: it may or may not have been carried out.
    Reconcile before repeating it.
    """

    consequence = "it was sent, its outcome is unknown: reconcile before repeating it"


class AnswerTimeout(OutcomeUnknown, TimeoutError):
    """The request was sent and its time ran out before an answer came."""


class NeverArrived(RequestFailed):
    """A command left and was not answered, and the server's books show that it was not carried out: it may be repeated.

    :ivar waited: seconds between the doubt and the last look into the books.
    """

    consequence = "the server's books show that it was not carried out: it may be repeated"

    def __init__(self, what: str, waited: float, account_id: int | None = None) -> None:
        super().__init__(what, f"no answer came, and {waited:.0f} s later the server knows nothing of it", account_id)
        self.args = (what, waited, account_id)
        self.waited = waited


class OrderEnded(OpenApiError):
    """An order has ended otherwise than was wanted of it.

    :ivar order: the order, in words.
    :ivar ended_as: how it ended.
    """

    def __init__(self, order: str, ended_as: str) -> None:
        super().__init__(order, ended_as)
        self.order = order
        self.ended_as = ended_as


class NotFilled(OrderEnded):
    """An order ended before all of it was executed.

    :ivar executed: what was executed of it, in hundredths of a unit.
    :ivar volume: what was ordered, in hundredths of a unit.
    """

    def __init__(self, order: str, ended_as: str, executed: int, volume: int) -> None:
        super().__init__(order, ended_as)
        self.args = (order, ended_as, executed, volume)
        self.executed = executed
        self.volume = volume

    def __str__(self) -> str:
        part = f"{self.executed} of {self.volume} hundredths of a unit" if self.executed else "nothing of it"
        return f"{self.order}: {self.ended_as}, {part} was executed: look at the position before placing another"


class NotWorking(OrderEnded):
    """An order can't be cancelled or amended: it does not work any more."""

    def __str__(self) -> str:
        return f"{self.order}: {self.ended_as}: look at the account's positions and pending orders"


_CLASSES_BY_CODE: dict[str, type[ServerError]] = {
    "CH_CLIENT_AUTH_FAILURE": ApplicationRefused,
    "CH_OA_CLIENT_NOT_FOUND": ApplicationRefused,
    "CH_ACCESS_TOKEN_INVALID": TokenRefused,
    "CH_ACCESS_TOKEN_EXPIRED": TokenRefused,
    "OA_AUTH_TOKEN_EXPIRED": TokenRefused,
    "ACCESS_DENIED": TokenRefused,
    "CH_CTID_TRADER_ACCOUNT_NOT_FOUND": AccountRefused,
    "RET_NO_SUCH_LOGIN": AccountRefused,
    "RET_ACCOUNT_DISABLED": AccountRefused,
    "CANT_ROUTE_REQUEST": CannotRoute,
    "ACCOUNT_NOT_AUTHORIZED": NotAuthorised,
    "CH_CLIENT_NOT_AUTHENTICATED": NotAuthorised,
    "ALREADY_LOGGED_IN": AlreadyStanding,
    "ALREADY_SUBSCRIBED": AlreadyStanding,
    "CH_CLIENT_ALREADY_AUTHENTICATED": AlreadyStanding,
    "BLOCKED_PAYLOAD_TYPE": RateLimited,
    "REQUEST_FREQUENCY_EXCEEDED": RateLimited,
    "SERVER_IS_UNDER_MAINTENANCE": UnderMaintenance,
    "CH_SERVER_NOT_REACHABLE": ServerUnavailable,
    "TIMEOUT_ERROR": ServerUnavailable,
}


_ORDER_CLASSES_BY_CODE: dict[str, type[OrderRefused]] = {
    "TRADING_BAD_VOLUME": BadVolume,
    "TRADING_BAD_STAKE": BadVolume,
    "TRADING_BAD_STOPS": BadStops,
    "PROTECTION_IS_TOO_CLOSE_TO_MARKET": BadStops,
    "WORSE_GSL_NOT_ALLOWED": BadStops,
    "TRADING_BAD_PRICES": BadPrices,
    "TRADING_BAD_EXPIRATION_DATE": BadExpiration,
    "NOT_ENOUGH_MONEY": NotEnoughMoney,
    "NO_ENOUGH_MONEY_TO_OPEN_POSITION": NotEnoughMoney,  # in neither enum
    "MARKET_CLOSED": MarketClosed,  # in neither enum
    "SYMBOL_HAS_HOLIDAY": MarketClosed,
    "NO_QUOTES": MarketClosed,
    "TRADING_DISABLED": TradingDisabled,
    "TRADING_NOT_ALLOWED": TradingNotAllowed,
    "MAX_EXPOSURE_REACHED": ExposureReached,
    "TOO_MANY_POSITIONS": TooManyPositions,
    "POSITION_NOT_FOUND": PositionNotFound,
    "POSITION_NOT_FOUND_OR_NOT_OPENED": PositionNotFound,  # in neither enum
    "POSITION_NOT_OPEN": PositionNotFound,
    "ORDER_NOT_FOUND": OrderNotFound,
    "ALREADY_CLOSED": AlreadyClosed,  # in neither enum
    "PENDING_EXECUTION": PendingExecution,
    "POSITION_LOCKED": PendingExecution,
    "UNABLE_TO_AMEND_ORDER": UnableToAmend,
    "UNABLE_TO_CANCEL_ORDER": UnableToCancel,
    "ORDER_CANCEL_REJECTED": UnableToCancel,  # the type of an execution event that gives no code
    "SHORT_SELLING_NOT_ALLOWED": ShortSellingNotAllowed,
}


def server_error_class(code: str, description: str, *, order_command: bool) -> type[ServerError]:
    """Choose the class that callers act on for a server's error code.

    An ``INVALID_REQUEST`` whose description says "not authorized" means lost authority: that is how the live server
    most often reports it (observed by two independent clients); one that answers an order or position command and
    begins with "Nothing to amend" is a `NothingToAmend` (observed). A code that is not known gives `ServerError`, or
    `OrderRefused` if it answers an order or position command.
    """
    if code == "INVALID_REQUEST":
        said = description.strip().lower()
        if "not authorized" in said:
            return NotAuthorised
        if order_command and said.startswith("nothing to amend"):
            return NothingToAmend
    known = _CLASSES_BY_CODE.get(code)
    if known is not None:
        return known
    return _ORDER_CLASSES_BY_CODE.get(code, OrderRefused) if order_command else ServerError


def _would_be_accepted(values: Sequence[object]) -> str:
    if not values:
        return "nothing close to it would be accepted"
    numbers, units = zip(*(str(value).partition(" ")[::2] for value in values), strict=True)
    if len(set(units)) == 1:  # said once: "0.01 or 0.02 lots"
        return f"{_either(numbers)} {units[0]}".rstrip() + " would be accepted"
    return f"{_either([str(value) for value in values])} would be accepted"


def _either(texts: Sequence[str]) -> str:
    """Name what there is to choose from: "a, b or c"."""
    *first, last = texts
    return f"{', '.join(first)} or {last}" if first else last
