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
    │   ├── RecordingStoreError      market data can't be recorded where it is to be
    │   ├── OrderNotPlaced           an order was refused here: nothing was sent
    │   │   ├── ValueRefused           the symbol can't have it; `nearest` are values that it can
    │   │   │   ├── VolumeRefused        off step, below the minimum, above the maximum
    │   │   │   └── PriceRefused         finer than the symbol's digits, or none
    │   │   ├── LevelsRefused          a stop loss or take profit that can't be
    │   │   ├── UnknownSymbol          `suggestions` are names close to it
    │   │   ├── AmbiguousSymbol        `candidates` are what it may mean
    │   │   ├── SafetyRefused          a limit of the account's own forbids it
    │   │   ├── DryRun                 the account only rehearses
    │   │   └── TradingHalted          the kill switch is on
    │   ├── HistoryRefused           bars or ticks that can't be asked for
    │   ├── ExtraMissing             a package that is needed is not installed
    │   ├── CannotWait               a call that waits, where it would for ever (also a `RuntimeError`)
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
    │   ├── NoProgress               history says that there is more, and gives nothing new
    │   ├── GrantRefused             a grant is dead: a person must log in again
    │   ├── OAuthRefused             the authorisation server refused a code or a token
    │   └── ServerError              the server answered with an error code
    │       ├── ApplicationRefused     client id or secret
    │       ├── TokenRefused           access or refresh token
    │       ├── AccountRefused         this account can't be used with this token
    │       ├── CannotRoute            wrong environment, or the broker's back end is down
    │       │   └── WrongEnvironment     it is the environment: the account is of the other one
    │       ├── NotAuthorised          the session has no authority (any more)
    │       ├── AlreadyStanding        one of several subscriptions stands already
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
    ├── CallTimeout                a call waited as long as it may; what it waited for may go on (also a `TimeoutError`)
    ├── HistoryIncomplete          history ended before its end; `until` says where to go on
    ├── OrderEnded                 an order has come to another end
    │   ├── NotFilled                than being filled
    │   ├── LevelsMissing            it is filled, and its position has not the levels asked for
    │   └── NotWorking               it can't be cancelled or amended any more
    └── RequestFailed              the request ended without an answer
        ├── NeverArrived             the server's books show that it did not come: safe to repeat
        ├── RequestNotSent           it never left: safe to repeat
        │   ├── QueueFull
        │   └── SendTimeout          (also a `TimeoutError`)
        └── OutcomeUnknown           it may have arrived: reconcile before repeating
            └── AnswerTimeout        (also a `TimeoutError`)

Exceptions carry fields; `str()` makes the sentence. No field holds a payload, a token or a secret.

All of them are imported from here, whatever room of this package they are written in, and a traceback or a pickle names
them so:

* `roots` whose fault it is.
* `history` bars and ticks of the past.
* `files` the configuration, a replay, a recording, a place to record to.
* `access` tokens: where they are kept, and whether they still open anything.
* `wire` what arrived and can't be read.
* `connection` the connection, and what ends with the client.
* `requests` requests that can't be sent, or end without an answer.
* `orders` orders refused here, and orders that came to another end than was wanted.
* `server` what the server answers with an error code, orders apart.
* `refusals` orders and position commands that the server refused.
* `codes` which class stands for which code.
* `meanings` what codes mean that the schema does not have; what to do about those that share a class.
* `calls` calls that wait, and can't, or do so no longer.
"""

from ctrader_twisted.errors.access import (
    GrantRefused,
    OAuthRefused,
    TokenStoreError,
)
from ctrader_twisted.errors.calls import (
    CallTimeout,
    CannotWait,
)
from ctrader_twisted.errors.codes import (
    server_error_class,
)
from ctrader_twisted.errors.connection import (
    ClientClosed,
    ConnectionFailed,
    DeadPeer,
    EventsDropped,
    HandshakeRefused,
    NotReadyInTime,
    WebSocketClosed,
)
from ctrader_twisted.errors.files import (
    ConfigurationError,
    ConfigurationErrors,
    RecordingError,
    RecordingStoreError,
    ReplayError,
)
from ctrader_twisted.errors.history import (
    ExtraMissing,
    HistoryIncomplete,
    HistoryRefused,
    NoProgress,
)
from ctrader_twisted.errors.orders import (
    AmbiguousSymbol,
    DryRun,
    LevelsMissing,
    LevelsRefused,
    NotFilled,
    NotWorking,
    OrderEnded,
    OrderNotPlaced,
    PriceRefused,
    SafetyRefused,
    TradingHalted,
    UnknownSymbol,
    ValueRefused,
    VolumeRefused,
)
from ctrader_twisted.errors.refusals import (
    AlreadyClosed,
    BadExpiration,
    BadPrices,
    BadStops,
    BadVolume,
    ExposureReached,
    MarketClosed,
    NotEnoughMoney,
    NothingToAmend,
    OrderNotFound,
    OrderRefused,
    PendingExecution,
    PositionNotFound,
    ShortSellingNotAllowed,
    TooManyPositions,
    TradingDisabled,
    TradingNotAllowed,
    UnableToAmend,
    UnableToCancel,
)
from ctrader_twisted.errors.requests import (
    AnswerTimeout,
    IncompleteMessage,
    NeverArrived,
    NotARequest,
    OutcomeUnknown,
    QueueFull,
    RequestFailed,
    RequestNotSent,
    SendTimeout,
)
from ctrader_twisted.errors.roots import (
    LocalError,
    OpenApiError,
    RemoteError,
)
from ctrader_twisted.errors.server import (
    AccountRefused,
    AlreadyStanding,
    ApplicationRefused,
    CannotRoute,
    NotAuthorised,
    RateLimited,
    ServerError,
    ServerUnavailable,
    TokenRefused,
    UnderMaintenance,
    WrongEnvironment,
)
from ctrader_twisted.errors.wire import (
    FrameTooLong,
    IncompletePayload,
    ProtocolError,
    TruncatedFrame,
    UndecodableEnvelope,
    UndecodablePayload,
    UnknownPayloadType,
    WebSocketViolation,
)

__all__ = [
    "AccountRefused",
    "AlreadyClosed",
    "AlreadyStanding",
    "AmbiguousSymbol",
    "AnswerTimeout",
    "ApplicationRefused",
    "BadExpiration",
    "BadPrices",
    "BadStops",
    "BadVolume",
    "CallTimeout",
    "CannotRoute",
    "CannotWait",
    "ClientClosed",
    "ConfigurationError",
    "ConfigurationErrors",
    "ConnectionFailed",
    "DeadPeer",
    "DryRun",
    "EventsDropped",
    "ExposureReached",
    "ExtraMissing",
    "FrameTooLong",
    "GrantRefused",
    "HandshakeRefused",
    "HistoryIncomplete",
    "HistoryRefused",
    "IncompleteMessage",
    "IncompletePayload",
    "LevelsMissing",
    "LevelsRefused",
    "LocalError",
    "MarketClosed",
    "NeverArrived",
    "NoProgress",
    "NotARequest",
    "NotAuthorised",
    "NotEnoughMoney",
    "NotFilled",
    "NotReadyInTime",
    "NotWorking",
    "NothingToAmend",
    "OAuthRefused",
    "OpenApiError",
    "OrderEnded",
    "OrderNotFound",
    "OrderNotPlaced",
    "OrderRefused",
    "OutcomeUnknown",
    "PendingExecution",
    "PositionNotFound",
    "PriceRefused",
    "ProtocolError",
    "QueueFull",
    "RateLimited",
    "RecordingError",
    "RecordingStoreError",
    "RemoteError",
    "ReplayError",
    "RequestFailed",
    "RequestNotSent",
    "SafetyRefused",
    "SendTimeout",
    "ServerError",
    "ServerUnavailable",
    "ShortSellingNotAllowed",
    "TokenRefused",
    "TokenStoreError",
    "TooManyPositions",
    "TradingDisabled",
    "TradingHalted",
    "TradingNotAllowed",
    "TruncatedFrame",
    "UnableToAmend",
    "UnableToCancel",
    "UndecodableEnvelope",
    "UndecodablePayload",
    "UnderMaintenance",
    "UnknownPayloadType",
    "UnknownSymbol",
    "ValueRefused",
    "VolumeRefused",
    "WebSocketClosed",
    "WebSocketViolation",
    "WrongEnvironment",
    "server_error_class",
]

# The room is nobody's business: a traceback, a log and a pickle name the place to import from, and rooms can be moved.
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
