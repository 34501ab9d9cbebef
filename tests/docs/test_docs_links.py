"""Links between pages lead somewhere: to a file, and to a heading of it, as where the pages lie shows them."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from tests.docs.pages import PAGES
from tests.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark").enable("table")
#: Made when the site is: what leads there is the site's to check.
_MADE = ROOT / "docs" / "reference"


@cache
def tokens(path: Path) -> list[Token]:
    return [child for token in _PARSER.parse(path.read_text("utf-8")) for child in (token, *(token.children or ()))]


@cache
def anchors(path: Path) -> frozenset[str]:
    """Give the anchors of a page's headings, as they are made of their words."""
    found = tokens(path)
    headings = [found[n + 1].content for n, token in enumerate(found) if token.type == "heading_open"]
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain)


def targets(path: Path) -> list[str]:
    links = [str(token.attrGet("href")) for token in tokens(path) if token.type == "link_open"]
    images = [str(token.attrGet("src")) for token in tokens(path) if token.type == "image"]
    return [target for target in links + images if not re.match(r"https?:", target)]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    path = ROOT / page
    for target in targets(path):
        file, _, anchor = target.partition("#")
        to = (path.parent / file).resolve() if file else path
        assert to.exists() or _MADE in to.parents, f"{page}: {target}"
        assert not anchor or _MADE in to.parents or anchor in anchors(to), f"{page}: {target}"


def test_links_are_found() -> None:
    assert sum(len(targets(ROOT / page)) for page in PAGES) > 150
