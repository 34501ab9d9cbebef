"""The two state machines: the connection's and an account's.

Each is one literal table, state by input. A cell that is absent does not exist: `advance` raises on it, and a test
walks every state with every input, so an input that means nothing in a state has a cell that stays where it is.
"""

from __future__ import annotations

import enum
from typing import Final


class ConnectionState(enum.Enum):
    """Where a client stands with the server."""

    DISCONNECTED = "disconnected"
    """No connection; one may be on its way."""
    CONNECTED = "connected"
    """Connected, the application not authorised."""
    AUTHORISING = "authorising"
    """The application's authorisation was sent."""
    READY = "ready"
    """The application is authorised: requests may be sent."""
    REFUSED = "refused"
    """The server refused the application; trying again without a change would not help."""
    CLOSED = "closed"
    """The client was closed. Nothing leads out of here."""


class ConnectionInput(enum.Enum):
    """What can happen to a connection."""

    MADE = "made"
    AUTH_SENT = "authorisation sent"
    AUTH_ACCEPTED = "authorisation accepted"
    AUTH_REFUSED = "authorisation refused"
    AUTH_FAILED = "authorisation failed for a reason that may pass"
    APPLICATION_CUT = "application cut"
    LOST = "lost"
    CLOSE = "close"


class AccountState(enum.Enum):
    """Where an account stands on the connection."""

    UNAUTHORISED = "unauthorised"
    """Never asked for, or logged out."""
    AUTHORISING = "authorising"
    """Its authorisation was sent."""
    AUTHORISED = "authorised"
    """Its requests are served and its events arrive."""
    DROPPED = "dropped"
    """Its session ended, with the connection or by itself; it can be authorised again with the same token."""
    TOKEN_INVALID = "token invalid"
    """The server refused its token: it is being refreshed or, if it is a bare one, another has to be given."""
    NEEDS_LOGIN = "needs login"
    """Its grant is dead and can't be refreshed: a person has to log in again."""
    REFUSED = "refused"
    """It can't be used, for another reason than the token."""


class AccountInput(enum.Enum):
    """What can happen to an account."""

    AUTH_SENT = "authorisation sent"
    AUTH_ACCEPTED = "authorisation accepted"
    TOKEN_REFUSED = "token refused"
    AUTH_REFUSED = "authorisation refused"
    AUTH_FAILED = "authorisation failed for a reason that may pass"
    FOUND_UNUSABLE = "found to be unusable"
    GRANT_DEAD = "grant dead"
    TOKEN_INVALIDATED = "token invalidated"
    CUT = "account disconnected"
    LOST = "connection or application lost"
    LOGGED_OUT = "logged out"


_C, _CI = ConnectionState, ConnectionInput
_A, _AI = AccountState, AccountInput

CONNECTION_TABLE: Final[dict[ConnectionState, dict[ConnectionInput, ConnectionState]]] = {
    _C.DISCONNECTED: {
        _CI.MADE: _C.CONNECTED,
        _CI.AUTH_SENT: _C.DISCONNECTED,
        _CI.AUTH_ACCEPTED: _C.DISCONNECTED,
        _CI.AUTH_REFUSED: _C.DISCONNECTED,
        _CI.AUTH_FAILED: _C.DISCONNECTED,
        _CI.APPLICATION_CUT: _C.DISCONNECTED,
        _CI.LOST: _C.DISCONNECTED,
        _CI.CLOSE: _C.CLOSED,
    },
    _C.CONNECTED: {
        _CI.MADE: _C.CONNECTED,
        _CI.AUTH_SENT: _C.AUTHORISING,
        _CI.AUTH_ACCEPTED: _C.CONNECTED,
        _CI.AUTH_REFUSED: _C.CONNECTED,
        _CI.AUTH_FAILED: _C.CONNECTED,
        _CI.APPLICATION_CUT: _C.CONNECTED,
        _CI.LOST: _C.DISCONNECTED,
        _CI.CLOSE: _C.CLOSED,
    },
    _C.AUTHORISING: {
        _CI.MADE: _C.AUTHORISING,
        _CI.AUTH_SENT: _C.AUTHORISING,
        _CI.AUTH_ACCEPTED: _C.READY,
        _CI.AUTH_REFUSED: _C.REFUSED,
        _CI.AUTH_FAILED: _C.CONNECTED,
        _CI.APPLICATION_CUT: _C.CONNECTED,
        _CI.LOST: _C.DISCONNECTED,
        _CI.CLOSE: _C.CLOSED,
    },
    _C.READY: {
        _CI.MADE: _C.READY,
        _CI.AUTH_SENT: _C.READY,
        _CI.AUTH_ACCEPTED: _C.READY,
        _CI.AUTH_REFUSED: _C.READY,
        _CI.AUTH_FAILED: _C.READY,
        _CI.APPLICATION_CUT: _C.CONNECTED,
        _CI.LOST: _C.DISCONNECTED,
        _CI.CLOSE: _C.CLOSED,
    },
    _C.REFUSED: {
        _CI.MADE: _C.CONNECTED,
        _CI.AUTH_SENT: _C.REFUSED,
        _CI.AUTH_ACCEPTED: _C.REFUSED,
        _CI.AUTH_REFUSED: _C.REFUSED,
        _CI.AUTH_FAILED: _C.REFUSED,
        _CI.APPLICATION_CUT: _C.REFUSED,
        _CI.LOST: _C.REFUSED,  # the server closes after a refusal; that does not make the secret right
        _CI.CLOSE: _C.CLOSED,
    },
    _C.CLOSED: dict.fromkeys(_CI, _C.CLOSED),
}

# The server's acceptance of an account is its last word, whatever this side made of the silence or of an event before
# it: it may answer late, or to a new token while the end of the old one's session is being told (protocol notes, 1.13).
ACCOUNT_TABLE: Final[dict[AccountState, dict[AccountInput, AccountState]]] = {
    _A.UNAUTHORISED: {
        _AI.AUTH_SENT: _A.AUTHORISING,
        _AI.AUTH_ACCEPTED: _A.AUTHORISED,
        _AI.TOKEN_REFUSED: _A.UNAUTHORISED,
        _AI.AUTH_REFUSED: _A.UNAUTHORISED,
        _AI.AUTH_FAILED: _A.UNAUTHORISED,
        _AI.FOUND_UNUSABLE: _A.REFUSED,
        _AI.GRANT_DEAD: _A.NEEDS_LOGIN,
        _AI.TOKEN_INVALIDATED: _A.UNAUTHORISED,
        _AI.CUT: _A.UNAUTHORISED,
        _AI.LOST: _A.UNAUTHORISED,
        _AI.LOGGED_OUT: _A.UNAUTHORISED,
    },
    _A.AUTHORISING: {
        _AI.AUTH_SENT: _A.AUTHORISING,
        _AI.AUTH_ACCEPTED: _A.AUTHORISED,
        _AI.TOKEN_REFUSED: _A.TOKEN_INVALID,
        _AI.AUTH_REFUSED: _A.REFUSED,
        _AI.AUTH_FAILED: _A.DROPPED,
        _AI.FOUND_UNUSABLE: _A.REFUSED,
        _AI.GRANT_DEAD: _A.NEEDS_LOGIN,
        _AI.TOKEN_INVALIDATED: _A.AUTHORISING,  # of the token before this one, or its answer will say so
        _AI.CUT: _A.AUTHORISING,  # the end of the session before this one
        _AI.LOST: _A.DROPPED,
        _AI.LOGGED_OUT: _A.AUTHORISING,
    },
    _A.AUTHORISED: {
        _AI.AUTH_SENT: _A.AUTHORISED,  # with a new token, in place; the old session serves until the answer
        _AI.AUTH_ACCEPTED: _A.AUTHORISED,
        _AI.TOKEN_REFUSED: _A.AUTHORISED,  # the token that was refused is not the one this session stands on
        _AI.AUTH_REFUSED: _A.AUTHORISED,
        _AI.AUTH_FAILED: _A.AUTHORISED,
        _AI.FOUND_UNUSABLE: _A.AUTHORISED,
        _AI.GRANT_DEAD: _A.AUTHORISED,  # its access token serves until it expires
        _AI.TOKEN_INVALIDATED: _A.DROPPED,  # it may be good all the same, and is tried before it is refreshed
        _AI.CUT: _A.DROPPED,
        _AI.LOST: _A.DROPPED,
        _AI.LOGGED_OUT: _A.UNAUTHORISED,
    },
    _A.DROPPED: {
        _AI.AUTH_SENT: _A.AUTHORISING,
        _AI.AUTH_ACCEPTED: _A.AUTHORISED,
        _AI.TOKEN_REFUSED: _A.DROPPED,
        _AI.AUTH_REFUSED: _A.DROPPED,
        _AI.AUTH_FAILED: _A.DROPPED,
        _AI.FOUND_UNUSABLE: _A.REFUSED,
        _AI.GRANT_DEAD: _A.NEEDS_LOGIN,
        _AI.TOKEN_INVALIDATED: _A.DROPPED,
        _AI.CUT: _A.DROPPED,
        _AI.LOST: _A.DROPPED,
        _AI.LOGGED_OUT: _A.UNAUTHORISED,
    },
    _A.TOKEN_INVALID: {
        _AI.AUTH_SENT: _A.AUTHORISING,
        _AI.AUTH_ACCEPTED: _A.AUTHORISED,
        _AI.TOKEN_REFUSED: _A.TOKEN_INVALID,
        _AI.AUTH_REFUSED: _A.TOKEN_INVALID,
        _AI.AUTH_FAILED: _A.TOKEN_INVALID,
        _AI.FOUND_UNUSABLE: _A.REFUSED,
        _AI.GRANT_DEAD: _A.NEEDS_LOGIN,
        _AI.TOKEN_INVALIDATED: _A.TOKEN_INVALID,
        _AI.CUT: _A.TOKEN_INVALID,
        _AI.LOST: _A.TOKEN_INVALID,
        _AI.LOGGED_OUT: _A.UNAUTHORISED,
    },
    _A.NEEDS_LOGIN: {
        _AI.AUTH_SENT: _A.AUTHORISING,
        _AI.AUTH_ACCEPTED: _A.AUTHORISED,
        _AI.TOKEN_REFUSED: _A.NEEDS_LOGIN,
        _AI.AUTH_REFUSED: _A.NEEDS_LOGIN,
        _AI.AUTH_FAILED: _A.NEEDS_LOGIN,
        _AI.FOUND_UNUSABLE: _A.NEEDS_LOGIN,
        _AI.GRANT_DEAD: _A.NEEDS_LOGIN,
        _AI.TOKEN_INVALIDATED: _A.NEEDS_LOGIN,
        _AI.CUT: _A.NEEDS_LOGIN,
        _AI.LOST: _A.NEEDS_LOGIN,
        _AI.LOGGED_OUT: _A.UNAUTHORISED,
    },
    _A.REFUSED: {
        _AI.AUTH_SENT: _A.AUTHORISING,
        _AI.AUTH_ACCEPTED: _A.AUTHORISED,
        _AI.TOKEN_REFUSED: _A.REFUSED,
        _AI.AUTH_REFUSED: _A.REFUSED,
        _AI.AUTH_FAILED: _A.REFUSED,
        _AI.FOUND_UNUSABLE: _A.REFUSED,
        _AI.GRANT_DEAD: _A.NEEDS_LOGIN,
        _AI.TOKEN_INVALIDATED: _A.REFUSED,
        _AI.CUT: _A.REFUSED,
        _AI.LOST: _A.REFUSED,
        _AI.LOGGED_OUT: _A.UNAUTHORISED,
    },
}
