"""How tokens are got and where they are kept: ``[tokens]`` and ``[oauth]``."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ctrader_twisted.config.settings import TOKEN_FILE, OAuthSettings, TokenSettings

if TYPE_CHECKING:
    from ctrader_twisted.config.tables import Refusals, Table

_DAY = 86_400.0


def read_tokens(refusals: Refusals, table: Table | None) -> TokenSettings | None:
    if table is None:
        return None
    # Beside the file a lock and, for a moment, its successor are made: the folder must be writable, too.
    path = table.file("file", TOKEN_FILE, in_folder=True)
    days = table.number("refresh_before_days", 0.0, 25.0)
    table.finish()
    if path is None:
        return None
    refusals.claim(path, table.name, "file")
    return TokenSettings(path) if days is None else TokenSettings(path, days * _DAY)


def read_oauth(table: Table | None) -> OAuthSettings:
    if table is None:
        return OAuthSettings()
    found = OAuthSettings(
        _url(table, "redirect_uri", plain_anywhere=True), _url(table, "consent_url"), _url(table, "token_url")
    )
    table.finish()
    return found


def _url(table: Table, key: str, *, plain_anywhere: bool = False) -> str | None:
    """Read a URL; secrets travel to it, so http:// is for this computer only."""
    text = table.text(key)
    if text is None:
        return None
    scheme, host = _parts(text)
    if host is None or scheme not in ("http", "https") or text != text.strip():
        table.refuse(key, "not a web address", f'Write {key} = "https://…".')
        return None
    if "#" in text or (not plain_anywhere and "?" in text):
        table.refuse(key, "more than a web address needs here", "Leave out what follows the ? or the #.")
        return None
    if scheme == "http" and not plain_anywhere and host not in _THIS_COMPUTER:
        table.refuse(key, "secrets would travel unencrypted", "Write https:// instead of http://.")
        return None
    return text


def _parts(url: str) -> tuple[str, str | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname if parts.port != 0 else None  # a port that is none raises, too
    except ValueError:
        return "", None


_THIS_COMPUTER = ("localhost", "127.0.0.1", "::1")  # as `ctrader_twisted.tokens.oauth` has it
