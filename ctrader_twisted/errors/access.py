"""Tokens: where they are kept, and whether they still open anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.errors.roots import LocalError, RemoteError

if TYPE_CHECKING:
    from pathlib import Path


class TokenStoreError(LocalError):
    """Tokens can't be read, kept or locked where they should be.

    :ivar where: the file, or whatever else the store is.
    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, where: str | Path, problem: str, remedy: str) -> None:
        super().__init__(str(where), problem, remedy)
        self.where: str = str(where)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}. {self.remedy}"


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
