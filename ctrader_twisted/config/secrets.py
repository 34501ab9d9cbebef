"""Where secrets are looked for: the environment, the configuration itself, credentials files."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ctrader_twisted.config.settings import ApplicationSettings
from ctrader_twisted.config.tables import did_you_mean, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ctrader_twisted.config.tables import Refusals, Table

CLIENT_ID, CLIENT_SECRET, ACCESS_TOKEN = "CTRADER_CLIENT_ID", "CTRADER_CLIENT_SECRET", "CTRADER_ACCESS_TOKEN"

FLAW: Final = "it has a space at an end, or a character that can't be seen, such as a line break"
COPY_ANEW: Final = "Copy it anew, without anything before or after it."

_MOST: Final = 2**63 - 1  # an int64's
_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH
_CREDENTIALS: Final = ("accountId", "clientId", "clientSecret", "accessToken", "refreshToken")


def flawed(secret: str) -> bool:
    """Whether something came along when a secret was copied: the server would only say that it is wrong."""
    return not secret.isprintable() or secret != secret.strip()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a credentials file held."""

    account_id: int | None = None
    client_id: str | None = field(default=None, repr=False)
    client_secret: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    refused: bool = False
    """Whether the file was refused: what it would have held is then not missed a second time."""


_REFUSED: Final = Credentials(refused=True)


class Secrets:
    """Finds secrets, and remembers whether the configuration itself holds any."""

    def __init__(self, refusals: Refusals, environ: Mapping[str, str]) -> None:
        self._refusals = refusals
        self._environ = environ
        self._files: dict[Path, Credentials] = {}
        self._inline = False

    def application(self, table: Table | None, credentials: Credentials, *, needed: bool) -> ApplicationSettings | None:
        """Read ``[application]``, and refuse it where something is missing that is needed."""
        needed = needed and not credentials.refused
        values = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
        for key, variable in (("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)):
            inline = table.text(key) if table is not None else None
            self._inline |= inline is not None and key == "client_secret"
            said = self._environ.get(variable) or None
            values[key] = said or inline or values[key]
            if flawed(said or inline or ""):
                source = f" (of the variable {variable})" if said else ""
                self._refusals.refuse(f"application.{key}", f"{FLAW}{source}", COPY_ANEW)
            if needed and values[key] is None and (table is None or key not in table):
                remedy = (
                    f"Set {variable}, or write {key}, or name a credentials file with it: [application] credentials = …"
                )
                self._refusals.refuse(f"application.{key}", "missing", remedy)
        if table is not None:
            table.finish()
        client_id, client_secret = values["client_id"], values["client_secret"]
        return None if client_id is None or client_secret is None else ApplicationSettings(client_id, client_secret)

    def tokens(
        self, table: Table, own: Credentials, fallback: Credentials, *, kept: bool, needed: bool
    ) -> tuple[str | None, str | None]:
        """Find an account's access token and the refresh token that belongs to it.

        :param kept: there is a token store: it comes before what is not the account's own.
        """
        variable, inline = table.text("access_token_env"), table.text("access_token")
        refresh = table.text("refresh_token")
        self._inline |= inline is not None or refresh is not None
        from_variable = self._environ.get(variable) or None if variable is not None else None
        if variable is not None and from_variable is None:
            # Its value is not shown: it may be the token itself in the wrong place.
            table.refuse(
                "access_token_env", "the environment has no variable of this name", "Set it, or correct the name."
            )
        candidates = [
            (from_variable, refresh),
            (inline, refresh),
            (own.access_token, refresh or own.refresh_token),
        ]
        general = [
            (self._environ.get(ACCESS_TOKEN) or None, refresh),
            (fallback.access_token, refresh or fallback.refresh_token),
        ]
        if not kept:
            candidates += general
        if flawed(from_variable or inline or ""):
            table.refuse("access_token_env" if from_variable else "access_token", FLAW, COPY_ANEW)
        if flawed(refresh or ""):
            table.refuse("refresh_token", FLAW, COPY_ANEW)
        for access_token, refresh_token in candidates:
            if access_token is not None:
                if access_token is general[0][0] and flawed(access_token):
                    table.refuse("access_token", f"{FLAW} (of the variable {ACCESS_TOKEN})", COPY_ANEW)
                if needed and refresh_token is not None:
                    self._warn_of_unused_pair(table)
                return access_token, refresh_token
        if kept and needed:
            for (access_token, _), source in zip(general, (ACCESS_TOKEN, "[application] credentials"), strict=True):
                if access_token is not None:
                    self._refusals.warn_once(
                        f"{self._refusals.path}: the access token of {source} is not used: [tokens] comes first. "
                        "To keep it there: ctrader tokens import"
                    )
        given = "access_token" in table or "access_token_env" in table
        if needed and not given and not kept and not own.refused and not fallback.refused:
            remedy = (
                f'Add [tokens] and log in (ctrader login), or write access_token_env = "NAME", credentials = "FILE" or '
                f"access_token, or set {ACCESS_TOKEN}."
            )
            table.refuse("access_token", "missing", remedy)
        return None, refresh

    def _warn_of_unused_pair(self, table: Table) -> None:
        self._refusals.warnings.append(
            f"{self._refusals.path}: {table.name}: its refresh token is not used, because the tokens that a refresh "
            "gives would have nowhere to be kept: this account needs another access token in about 30 days. To have it "
            "refreshed, put it into a token store: ctrader tokens import"
        )

    def credentials(self, table: Table | None) -> Credentials:
        """Read the credentials file that a table names; one without the key has none."""
        given = table.text("credentials") if table is not None else None
        if table is None or given is None:
            return Credentials()
        path = table.path_of("credentials", given)
        if path is None:
            return _REFUSED
        if path not in self._files:
            self._files[path] = self._read_credentials(table, path)
        return self._files[path]

    def _read_credentials(self, table: Table, path: Path) -> Credentials:
        try:
            mode = path.stat().st_mode
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            remedy = f"Name a JSON file with {', '.join(_CREDENTIALS)}, as far as needed."
            table.refuse("credentials", f"{path} can't be read: {error.strerror}", remedy)
            return _REFUSED
        except UnicodeDecodeError:
            self._refusals.refuse("", "is not UTF-8", "Save it as UTF-8.", file=path)
            return _REFUSED
        if os.name == "posix" and mode & _OTHERS:
            self._refusals.refuse(
                "", "secrets that every user of this computer may read or write", f"chmod 600 {path}", file=path
            )
            return _REFUSED
        try:
            values = json.loads(text)
        except ValueError as error:  # its text shows no content, but the error itself holds all of it
            place = f": line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            self._refusals.refuse("", f"is not JSON{place}", "Correct it there.", file=path)
            return _REFUSED
        except RecursionError:
            self._refusals.refuse("", "is not JSON: it is nested too deeply", "Correct it there.", file=path)
            return _REFUSED
        if not isinstance(values, dict):
            self._refusals.refuse("", "is not a JSON object", '{"clientId": "…", …} belongs there.', file=path)
            return _REFUSED
        return self._credentials_of(values, path)

    def _credentials_of(self, values: dict[str, object], path: Path) -> Credentials:
        for key in values:
            close = None if key in _CREDENTIALS else did_you_mean(key, _CREDENTIALS)
            if close:
                self._refusals.refuse(key, "an unknown key", close.strip(), file=path)
        texts: dict[str, str | None] = {}
        for key in _CREDENTIALS[1:]:
            value = values.get(key)
            if value is not None and (not isinstance(value, str) or not value):
                self._refusals.refuse(key, f"{kind_of(value)} where a text belongs", f'Write "{key}": "…".', file=path)
                value = None
            elif value is not None and flawed(value):
                self._refusals.refuse(key, FLAW, COPY_ANEW, file=path)
            texts[key] = value if isinstance(value, str) else None
        account, account_id = values.get("accountId"), 0
        if isinstance(account, int) and not isinstance(account, bool):
            account_id = account
        elif isinstance(account, str) and account.isascii() and account.isdecimal() and len(account) < 20:
            account_id = int(account)
        good = 0 < account_id <= _MOST
        if account is not None and not good:
            remedy = "Write the ctidTraderAccountId, not the login number shown by the terminal."
            self._refusals.refuse("accountId", "not an account's number", remedy, file=path)
        return Credentials(
            account_id if good else None,
            texts["clientId"],
            texts["clientSecret"],
            texts["accessToken"],
            texts["refreshToken"],
            refused=account is not None and not good,
        )

    def look_at_permissions(self) -> None:
        """Warn where the configuration itself holds secrets and others may read it."""
        path = self._refusals.path
        if self._inline and os.name == "posix" and path.stat().st_mode & _OTHERS:
            self._refusals.warnings.append(
                f"{path} holds secrets and every user of this computer may read it: chmod 600 {path}"
            )
