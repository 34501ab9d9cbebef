"""Whom a request is open to."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

Answer = Callable[[Any, Any], Any]
"""Takes a Conversation or, for `Scope.ACCOUNT`, a Session, and the request; returns the answer.

None where events answer it, as they do the five order commands.
"""


class Scope(enum.Enum):
    """Whom a request is open to, and what its answer is given."""

    ANYONE = "anyone"
    """Every connection. The answer is given its Conversation."""
    APPLICATION = "application"
    """A connection whose application is authorised. The answer is given its Conversation."""
    ACCOUNT = "account"
    """A connection on which the request's account is authorised. The answer is given that Session."""
