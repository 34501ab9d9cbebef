"""What is on this computer: the configuration, the places of secrets, the token store."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.cli.checks.report import Finding, Status, failed, ok, skipped, warning
from ctrader_twisted.cli.checks.sentences import moment, problem_and_remedy
from ctrader_twisted.cli.finding import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET
from ctrader_twisted.errors import ConfigurationError, ConfigurationErrors, TokenStoreError
from ctrader_twisted.tokens import FileTokenStore, TokenKeeper

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ctrader_twisted.cli.checks.intent import Intent
    from ctrader_twisted.cli.checks.report import Section
    from ctrader_twisted.tokens import Grant

_INLINE: Final = {
    "client_secret": "client secret",
    "access_token": "access token",
    "refresh_token": "refresh token",
}
_IN_CREDENTIALS: Final = {
    "clientSecret": "client secret",
    "accessToken": "access token",
    "refreshToken": "refresh token",
}


def refusals(section: Section, error: ConfigurationError) -> None:
    """Say each reason for which a configuration is refused."""
    for each in error.errors if isinstance(error, ConfigurationErrors) else (error,):
        problem, remedy = problem_and_remedy(each)
        section.add("configuration", each.file, failed(problem, remedy))


def configuration(section: Section, intent: Intent) -> None:
    """Say what was read."""
    where = "this computer's environment" if intent.file is None else str(intent.file)
    if intent.incomplete:
        problem, remedy = problem_and_remedy(intent.incomplete[0])
        section.add(
            "configuration", where, warning(f"enough for `ctrader`, but not for `twistd ctrader`: {problem}", remedy)
        )
    elif intent.file is None:
        section.add("configuration", where, ok("no file: the application is named there"))
    else:
        accounts = sum(len(each.accounts) for each in intent.environments)
        names = ", ".join(each.name for each in intent.environments)
        plural = "" if accounts == 1 else "s"
        section.add("configuration", where, ok(f"read; {accounts} account{plural}, of {names}"))
    for text in intent.warnings:
        if "chmod" not in text:  # who may read it is said with the secrets
            section.add("configuration", where, warning(text.removeprefix(f"{where}: ")))


# ------------------------------------------------------------------------------------------- secrets


def secrets(section: Section, intent: Intent, environ: Mapping[str, str]) -> None:
    """Say where secrets are, and who else can read them there."""
    if intent.application is None:
        section.add("secrets", "", skipped("none are needed: the venue is simulated"))
        return
    values = {} if intent.file is None else _values(intent.file)
    variables = [name for name in (CLIENT_ID, CLIENT_SECRET, ACCESS_TOKEN) if environ.get(name)]
    variables += [name for name in _named_variables(values) if environ.get(name) and name not in variables]
    if variables:
        section.add("secrets", "this computer's environment", ok(", ".join(variables)))
    for path, held in _places(intent.file, values):
        section.add("secrets", str(path), _private(path, f"holds {', '.join(held)}"))


def _values(file: Path) -> dict[str, Any]:
    """Read the configuration once more, as it stands: it has been found to be good."""
    return tomllib.loads(file.read_bytes().decode("utf-8-sig"))


def _tables(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [values.get("application", {}), *values.get("account", [])]


def _named_variables(values: Mapping[str, Any]) -> list[str]:
    return [table["access_token_env"] for table in _tables(values) if "access_token_env" in table]


def _places(file: Path | None, values: Mapping[str, Any]) -> Iterator[tuple[Path, list[str]]]:
    """Give each file that holds secrets, and what it holds."""
    if file is None:
        return
    inline = [name for key, name in _INLINE.items() if any(key in table for table in _tables(values))]
    if inline:
        yield file, inline
    named = [table["credentials"] for table in _tables(values) if "credentials" in table]
    for path in dict.fromkeys(file.parent / Path(name).expanduser() for name in named):
        content = json.loads(path.read_bytes())
        yield path, [name for key, name in _IN_CREDENTIALS.items() if content.get(key)] or ["no secret"]


def _private(path: Path, detail: str) -> Finding:
    """Say who can read a file."""
    if os.name != "posix":
        return ok(detail)
    mode = stat.S_IMODE(path.stat().st_mode)
    readers = [who for who, bits in (("its group", 0o060), ("every user", 0o006)) if mode & bits]
    if readers:
        problem = f"{detail}; {' and '.join(readers)} may read or write it (its mode is {mode:04o})"
        return warning(problem, f"chmod 600 {path}")
    return ok(f"{detail}; only its owner may read it")


# ------------------------------------------------------------------------------------------- tokens


async def token_store(section: Section, clock: Any, path: Path, *, needed: bool, timeout: float) -> TokenKeeper:
    """Look at where tokens are kept: readable, writable, lockable, and what an interrupted refresh left behind.

    :param needed: whether an account has no other token.
    :return: what was read; nothing if it could not be.
    """
    store = FileTokenStore(path, clock)
    keeper = TokenKeeper(store, clock)

    async def readable() -> Finding:
        await keeper.load()
        grants = keeper.grants
        if grants:
            return ok(f"read, mode 0600; grant{'' if len(grants) == 1 else 's'}: {', '.join(map(_quoted, grants))}")
        state = "it holds no tokens" if path.exists() else "there is no such file yet: nobody has logged in"
        return (failed if needed else warning)(state, "Log in: ctrader login")

    async def writable() -> Finding:
        try:
            release = await store.lock(timeout)
        except TokenStoreError as error:
            if "held its lock" not in error.problem:
                raise
            return warning(error.problem, "Nothing, if it is refreshing just now")
        try:
            await store.check_writable()
        finally:
            release()
        return ok("can be locked and written")

    where = str(path)
    found = await section.look("token store", where, readable(), failure="it can't be read")
    if found.status is Status.FAILED and path.exists():
        return keeper
    if path.parent.is_dir() and (path.exists() or not needed):
        await section.look("token store", where, writable(), failure="refreshed tokens could not be kept")
    for grant in keeper.grants.values():
        if grant.refresh_began_at is not None:
            section.add("token store", where, _interrupted(grant))
    return keeper


def _interrupted(grant: Grant) -> Finding:
    began = moment(grant.refresh_began_at or 0.0) or "an unknown time"
    return warning(
        f"grant {_quoted(grant.name)}: a refresh that began at {began} was interrupted: its refresh token may be spent",
        "Nothing as long as its token is accepted; if it is not: ctrader login",
    )


def _quoted(name: str) -> str:
    return f'"{name}"'
