"""A browser for tests: opens a consent page, says yes or no, goes where it is sent, and keeps the last page.

python browser.py allow|deny PAGE URL
"""

from __future__ import annotations

import re
import sys
from html import unescape
from pathlib import Path
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPRedirectHandler, Request, build_opener


class _Follow(HTTPRedirectHandler):
    """Follows the redirect of a form as browsers do: with GET."""

    http_error_301 = http_error_303 = http_error_307 = HTTPRedirectHandler.http_error_302


def browse(decision: str, page: Path, url: str) -> None:
    opener = build_opener(_Follow())
    with opener.open(url, timeout=20) as answer:
        consent = answer.read().decode("utf-8")
    fields = [
        (unescape(name), unescape(value))
        for name, value in re.findall(r'<input type="(?:hidden|checkbox)" name="([^"]*)" value="([^"]*)"', consent)
    ]
    action = re.search(r'<form method="post" action="([^"]*)"', consent)
    assert action is not None, consent
    body = urlencode([*fields, ("decision", decision)]).encode()
    request = Request(urljoin(url, unescape(action[1])), data=body)  # noqa: S310
    with opener.open(request, timeout=20) as answer:
        page.write_bytes(answer.geturl().encode() + b"\n" + answer.read())


if __name__ == "__main__":
    browse(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
