"""The document that grants are kept in: JSON text and grants, each made from the other. No error quotes it.

::

    {
      "version": 1,
      "grants": {
        "default": {
          "access_token": "…",
          "refresh_token": "…",
          "obtained_at": 1764597600.0,
          "expires_at": 1767225600.0,
          "scope": "trading",
          "accounts": [{"id": 12345678, "live": false, "login": 3000001, "broker": "Broker"}],
          "refresh_began_at": null
        }
      }
    }

Only ``version``, ``grants``, ``access_token`` and an account's ``id`` must be there. Keys that are not known are kept.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from ctrader_twisted.tokens.grant import Grant, GrantedAccount

VERSION: Final = 1

_BOUND: Final = 1e300  # what is beyond, infinity and NaN included, is not a time

Document = dict[str, Any]


class Unreadable(ValueError):
    """A document is none of ours.

    :ivar place: where in it: a line, or a dotted key; ``""`` for the whole.
    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(
        self,
        place: str,
        problem: str,
        remedy: str = "Put it right, or move it away and log in again: ctrader login",
    ) -> None:
        super().__init__(place, problem, remedy)
        self.place = place
        self.problem = problem
        self.remedy = remedy


def empty() -> Document:
    """Give a document without grants."""
    return {"version": VERSION, "grants": {}}


def parse(text: bytes) -> Document:
    """Read a document, and check everything in it that is known.

    :raises Unreadable: if it is none.
    """
    document = _parse_json(text)
    if not isinstance(document, dict):
        raise Unreadable("", "it is not an object of JSON")
    version = document.get("version")
    if isinstance(version, bool) or not isinstance(version, int):
        raise Unreadable("version", "it has to be a whole number")
    if version != VERSION:
        raise Unreadable(
            "version",
            f"it is {version}, and this program knows {VERSION} only",
            "Use the release of this program that wrote it, or a newer one",
        )
    grants_of(document)
    return document


def _parse_json(text: bytes) -> object:
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_no_constants)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError as error:
        place = f"byte {error.start}"
    except (ValueError, RecursionError):
        place = ""
    # Outside of the except clauses: what they caught holds the whole text.
    raise Unreadable(place, "it is not JSON")


def _no_constants(name: str) -> NoReturn:
    raise ValueError(name)


def grants_of(document: Document) -> dict[str, Grant]:
    """Give the grants of a document, by name.

    :raises Unreadable: if one is malformed.
    """
    grants = document.get("grants")
    if not isinstance(grants, dict):
        raise Unreadable("grants", "it has to be an object")
    return {name: _grant(name, raw) for name, raw in grants.items()}


def with_grant(document: Document, grant: Grant) -> Document:
    """Give the document with a grant in place of the one of its name."""
    grants = document["grants"]
    old = grants.get(grant.name, {})
    accounts = {account["id"]: account for account in old.get("accounts") or ()}
    new = {
        **old,
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "obtained_at": _time(grant.obtained_at),
        "expires_at": _time(grant.expires_at),
        "scope": grant.scope,
        "accounts": [
            {
                **accounts.get(account.account_id, {}),
                "id": account.account_id,
                "live": account.live,
                "login": account.login,
                "broker": account.broker,
            }
            for account in grant.accounts
        ],
        "refresh_began_at": _time(grant.refresh_began_at),
    }
    return {**document, "grants": {**grants, grant.name: new}}


def without_grant(document: Document, name: str) -> Document:
    """Give the document without a grant."""
    return {**document, "grants": {other: raw for other, raw in document["grants"].items() if other != name}}


def text_of(document: Document) -> bytes:
    """Write a document."""
    return json.dumps(document, indent=2, allow_nan=False).encode("ascii") + b"\n"


def _time(seconds: float | None) -> float | None:
    """Leave out what could not be read again: that would cost the other grants, too."""
    return seconds if seconds is not None and -_BOUND < seconds < _BOUND else None


def _grant(name: str, raw: object) -> Grant:
    place = f"grants.{name}"
    if not isinstance(raw, dict):
        raise Unreadable(place, "it has to be an object")
    access_token = _text(raw, "access_token", place)
    if access_token is None:
        raise Unreadable(f"{place}.access_token", "it is missing")
    accounts = raw.get("accounts")
    if accounts is not None and not isinstance(accounts, list):
        raise Unreadable(f"{place}.accounts", "it has to be a list")
    return Grant(
        name,
        access_token,
        refresh_token=_text(raw, "refresh_token", place) or None,
        expires_at=_seconds(raw, "expires_at", place),
        scope=_text(raw, "scope", place),
        accounts=tuple(
            _account(account, f"{place}.accounts[{position}]") for position, account in enumerate(accounts or ())
        ),
        refresh_began_at=_seconds(raw, "refresh_began_at", place),
        obtained_at=_seconds(raw, "obtained_at", place),
    )


def _account(raw: object, place: str) -> GrantedAccount:
    if not isinstance(raw, dict):
        raise Unreadable(place, "it has to be an object")
    account_id = _whole(raw, "id", place)
    if account_id is None:
        raise Unreadable(f"{place}.id", "it is missing")
    live = raw.get("live")
    if live is not None and not isinstance(live, bool):
        raise Unreadable(f"{place}.live", "it has to be true, false or null")
    return GrantedAccount(account_id, live, _whole(raw, "login", place), _text(raw, "broker", place) or "")


def _text(raw: dict[str, Any], key: str, place: str) -> str | None:
    value = raw.get(key)
    if value is None or isinstance(value, str):
        return value
    raise Unreadable(f"{place}.{key}", "it has to be a text")


def _whole(raw: dict[str, Any], key: str, place: str) -> int | None:
    value = raw.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise Unreadable(f"{place}.{key}", "it has to be a whole number")


def _seconds(raw: dict[str, Any], key: str, place: str) -> float | None:
    value = raw.get(key)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and -_BOUND < value < _BOUND:
        return float(value)
    raise Unreadable(f"{place}.{key}", "it has to be a number of seconds since the beginning of 1970")
