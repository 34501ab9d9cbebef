"""Redirect URIs, and what they bring."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.redirect import Redirect, RedirectURI, read_pasted, read_query

CODE = "hush-aZ09-._~code"


@pytest.mark.parametrize(
    ("uri", "host", "port", "path", "loopback"),
    [
        ("http://localhost:8765/", "localhost", 8765, "/", True),
        ("http://localhost:8765", "localhost", 8765, "/", True),
        ("http://127.0.0.1:1234/a/b", "127.0.0.1", 1234, "/a/b", True),
        ("http://[::1]:1234/a", "::1", 1234, "/a", True),
        ("http://LOCALHOST/", "localhost", 80, "/", True),
        ("https://localhost:8765/", "localhost", 8765, "/", False),
        ("https://my.site/callback?x=1", "my.site", 443, "/callback", False),
        ("http://localhost.evil.example/", "localhost.evil.example", 80, "/", False),
    ],
)
def test_redirect_uris(uri: str, host: str, port: int, path: str, loopback: bool) -> None:
    parsed = RedirectURI.parse(uri)
    assert (parsed.uri, parsed.host, parsed.port, parsed.path) == (uri, host, port, path)
    assert parsed.is_loopback is loopback


@pytest.mark.parametrize(
    "uri", ["", "localhost:8765", "ftp://x/", "http:///x", "http://x:99999/", "http://x/#part", "http://x:0/"]
)
def test_what_is_no_redirect_uri(uri: str) -> None:
    with pytest.raises(CommandFailed, match="write it as registered"):
        RedirectURI.parse(uri)


@pytest.mark.parametrize(
    "pasted",
    [
        CODE,
        f"  {CODE}\n",
        f'"{CODE}"',
        f"code={CODE}",
        f"https://my.site/callback?code={CODE}",
        f"https://my.site/callback?x=1&code={CODE}&state=y#part",
        f"localhost:8765/?code={CODE}",
        f"<http://localhost:8765/?code={CODE}>",
        f"{CODE}&scope=trading",
    ],
)
def test_what_is_pasted(pasted: str) -> None:
    assert read_pasted(pasted).code_or_fail() == CODE


@pytest.mark.parametrize(
    "pasted",
    ["", "   ", "two words", "https://my.site/callback", "https://my.site/?code=", "a\x1bb", "https://[x?code=a"],
)
def test_what_holds_no_code(pasted: str) -> None:
    with pytest.raises(CommandFailed, match="holds no code: copy the whole address"):
        read_pasted(pasted)


def test_what_follows_code_in_an_address() -> None:
    assert read_pasted("ab%3D%3D+c").code_or_fail() == "ab==+c"


def test_a_refusal_is_told() -> None:
    with pytest.raises(CommandFailed, match="access was not granted"):
        read_pasted("https://my.site/?error=access_denied").code_or_fail()
    with pytest.raises(CommandFailed, match=r"invalid_scope \(no such scope\)"):
        read_pasted("https://my.site/?error=invalid_scope&error_description=no+such+scope").code_or_fail()


@pytest.mark.parametrize(
    "query", ["code=a&code=b", "code=a&error=x", "cod=a", "code=" + "a" * 3000, "&".join("abcdefghijklmnopqrstuvwxyz")]
)
def test_queries_that_bring_nothing(query: str) -> None:
    assert read_query(query) is None


@given(st.text())
def test_whatever_comes_is_read_or_refused(query: str) -> None:
    found = read_query(query)
    assert found is None or bool(found.code) != bool(found.error)


def test_no_code_is_shown() -> None:
    assert "hush" not in repr(Redirect(CODE))
