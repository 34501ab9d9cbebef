"""What an action is, and what all of them are made with."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.conversation import Conversation
    from ctrader_twisted.sim.venue import Venue

Action = Callable[["Venue"], None]
_P = ParamSpec("_P")

_SPANS: Final = frozenset({"seconds", "delay", "retry_after", "announced", "refused_for"})


@dataclass(frozen=True, slots=True)
class NamedAction:
    """An action that can be named in a configuration.

    :ivar name: the function that made it.
    :ivar arguments: what that was given, by name.
    """

    name: str
    arguments: tuple[tuple[str, Any], ...]
    _do: Action = field(compare=False, repr=False)

    def __call__(self, venue: Venue) -> None:
        """Do it."""
        self._do(venue)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments)})"


def named(make: Callable[_P, Action]) -> Callable[_P, NamedAction]:
    """Let a function that makes an action give one that prints as its call, and refuse spans that are none."""
    signature = inspect.signature(make)

    @functools.wraps(make)
    def named(*args: _P.args, **kwargs: _P.kwargs) -> NamedAction:
        arguments = tuple(signature.bind(*args, **kwargs).arguments.items())
        for name, value in arguments:
            if name in _SPANS and value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value}: it is a number of seconds")
        return NamedAction(make.__name__, arguments, make(*args, **kwargs))

    return named


def each_connection(do: Callable[[Conversation], Any]) -> Action:
    """Do something to every connection that is open at that moment."""

    def action(venue: Venue) -> None:
        for talk in tuple(reachable(venue)):
            do(talk)

    return action


def each_account(account_id: int | None, do: Callable[[Venue, TradingAccount], None]) -> Action:
    """Do something to one account, or to every one if none is named."""

    def action(venue: Venue) -> None:
        accounts = venue.registry.accounts
        if account_id is not None and account_id not in accounts:
            raise ValueError(f"there is no account {account_id}")
        for account in tuple(accounts.values()) if account_id is None else (accounts[account_id],):
            do(venue, account)

    return action


def reachable(venue: Venue) -> Iterable[Conversation]:
    """Give the connections that still hear anything."""
    return (talk for talk in venue.conversations.values() if not talk.half_open)


def positive(name: str, value: float) -> None:
    """Refuse an argument that is not above 0."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value}: it is a number above 0")


def one_of(name: str, word: str, choices: Mapping[str, Any]) -> Any:
    """Give what a word means, and refuse one that means nothing."""
    if word not in choices:
        raise ValueError(f'{name} is "{word}": it is one of {", ".join(choices)}')
    return choices[word]
