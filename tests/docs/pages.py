"""The pages that people read, and every block of code on them, as the site's own parser finds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from markdown_it import MarkdownIt

from tests.paths import ROOT

PAGES: Final = tuple(
    sorted(
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
        # Those of docs/reference are made from code that other tests run.
        if not {"_build", "reference"} & set(path.relative_to(ROOT).parts)
    )
)

#: What a block may be besides code: instructions to the site.
DIRECTIVES: Final = frozenset({"{include}", "{state-machine}", "{toctree}"})

_MARKER = re.compile(r"^<!--\s*(?P<what>not run|file|run)(?::\s*(?P<words>.*?))?\s*-->$", re.DOTALL)
_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code.

    :ivar page: the page's path from the root.
    :ivar line: where on the page it begins.
    :ivar language: what it says it is; empty if nothing.
    :ivar text: the code.
    :ivar not_run: why nobody can run it, as the page says in a comment before it; None if it is to be run.
    :ivar file: what it is saved as before the next block, as the page says likewise; None if nowhere.
    :ivar run: whether the commands of a console are carried out; others are parsed.
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str | None = None
    file: str | None = None
    run: bool = False

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str) -> list[Block]:
    """Give every block of code of a page, in its order.

    :raises ValueError: for a comment that looks like one of ours and is none, or stands before nothing.
    """
    return blocks_of((ROOT / page).read_text("utf-8"), page)


def blocks_of(text: str, page: str) -> list[Block]:
    """Give every block of code of a page's text."""
    found: list[Block] = []
    marker: re.Match[str] | None = None
    for token in _PARSER.parse(text):
        if token.type == "html_block":
            if marker is not None:
                raise ValueError(f"{page}: {marker[0]} stands before no block")
            marker = _MARKER.match(token.content.strip())
            if marker is None or (marker["what"] != "run" and not marker["words"]):
                raise ValueError(f"{page}: {token.content.strip()} says neither 'not run: WHY', 'file: NAME' nor 'run'")
        elif token.type in ("fence", "code_block"):
            line = token.map[0] + 1 if token.map else 0
            language = token.info.split(" ")[0]
            if language not in DIRECTIVES:
                said = {} if marker is None else {marker["what"].replace(" ", "_"): marker["words"] or True}
                found.append(Block(page, line, language, token.content, **said))
            marker = None
        elif marker is not None and token.nesting != -1:
            raise ValueError(f"{page}: {marker[0]} stands before no block")
    return found
