"""No block of a page gets by unread: what finds, parses and runs them is held to what it is for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred

from tests.docs.commands import Wrong, carry_out, commands, parse
from tests.docs.pages import DIRECTIVES, PAGES, Block, blocks, blocks_of
from tests.docs.running import Runner
from tests.docs.scenes import ELSEWHERE, SCENES
from tests.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

#: A reason is a thing that can be said of few blocks.
MOST_NOT_RUN = 8


@pytest.mark.parametrize("page", PAGES)
def test_every_fence_of_a_page_is_found(page: str) -> None:
    """Counted without the parser: whatever begins with a fence is a block, or an instruction to the site."""
    lines = (ROOT / page).read_text("utf-8").splitlines()
    fences = [line.strip() for line in lines if re.match(r"\s*(?:>\s*)*(?:```|~~~|:::)", line)]
    opening = fences[::2]
    assert all(line.strip("`~: ") == "" for line in fences[1::2])
    assert len([line for line in opening if "{" not in line]) == len(blocks(page))
    assert {line.split(" ")[0] for line in opening if "{" in line} <= {f"```{directive}" for directive in DIRECTIVES}


def test_there_are_pages_and_every_scene_is_of_one() -> None:
    assert len(PAGES) > 30
    assert {*SCENES, *ELSEWHERE} <= {*PAGES}
    for page, test in ELSEWHERE.items():
        assert f'blocks("{page}")' in (ROOT / test).read_text("utf-8")
    assert sum(len(blocks(page)) for page in PAGES) > 150


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    left_out = [block for page in PAGES for block in blocks(page) if block.not_run is not None]
    assert len(left_out) <= MOST_NOT_RUN, left_out
    assert all(len(block.not_run or "") > 9 for block in left_out)


@pytest.mark.parametrize(
    "comment",
    ["<!-- not run -->", "<!-- not run: -->", "<!-- file -->", "<!-- later -->", "<!-- run -->\n\nAnd then:"],
)
def test_a_comment_that_says_nothing_is_refused(comment: str) -> None:
    with pytest.raises(ValueError, match="page"):
        blocks_of(f"{comment}\n\n```python\n1\n```\n", "page")


def test_what_a_comment_says_is_of_the_next_block_alone() -> None:
    first, second = blocks_of("<!-- not run: a picture -->\n```text\n-\n```\n\n    indented\n", "page")
    assert (first.not_run, first.line) == ("a picture", 2)
    assert (second.not_run, second.language, second.text) == (None, "", "indented\n")


@pytest.mark.parametrize(
    "command",
    [
        "ctrader watch --bogus",
        "ctrader wach EURUSD",
        "ctrader tokens forget",
        "CTRADER_CLIENT_SECRET=x ctrader history EURUSD --ticks all --out x.csv --from 2026-01-01",
        "ctrader symbols | ctrader wach",
        "sudo -u anna /opt/bin/ctrader wach",
        "twistd --nodaemon ctrader --confg x.toml",
        "twistd --nodaemon",
        "make dmeo",
        "make demo SECOND=2",
        "pip install 'ctrader_twisted[cly]'",
        "pip uninstall ctrader_twisted",
        "python examples/nothing.py",
        "python examples/moving_averages.py --output x",
        "rm -rf /",
        "ctrader accounts 'and no more",
    ],
)
def test_a_command_that_its_program_does_not_take_is_refused(command: str) -> None:
    with pytest.raises(Wrong):
        parse(command)


@pytest.mark.parametrize(
    "command",
    [
        "ctrader watch EURUSD --count 3 --config x.toml > quotes.jsonl",
        "ctrader --help",
        ".venv/bin/twistd --nodaemon --pidfile= ctrader --config x.toml --seconds 3",
        "make demo SECONDS=20    # a comment",
        "pip install --config-settings editable_mode=compat -e '.[dev]'",
        "python examples/moving_averages.py --out curve.svg && chmod 600 x",
    ],
)
def test_a_command_that_its_program_takes_is_taken(command: str) -> None:
    parse(command)


def console(text: str) -> Block:
    return Block("page", 1, "console", text)


def test_a_console_is_commands_and_what_they_say() -> None:
    text = "$ one \\\n  --more\nsaid\n\nsaid\n$ two\n"
    assert list(commands(console(text))) == [("one --more", ["said", "", "said"]), ("two", [])]
    with pytest.raises(Wrong, match="begins with"):
        list(commands(console("one\n")))


def test_a_command_that_is_run_says_what_is_shown() -> None:
    carry_out("echo balance  1,234.50 EUR, 7 bars; echo more", ["balance 7.1 EUR, 7 bars", "…"])
    carry_out("echo one; echo bid -1.5 …", ["bid 7.1 …"])
    for command, shown in (
        ("echo 8 bars", "7 bars"),
        ("echo balance 10 EUR", "balance 10 USD"),
        ("echo balance 10 EUR", "balance EUR"),
        ("echo balance 10 EUR; exit 3", "balance 10 EUR"),
    ):
        with pytest.raises(Wrong):
            carry_out(command, [shown])


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "print(1 + 1)  # 3"),
        ("python", "print(1)\nprint(2)  # 2"),
        ("python", "print(1)  # such as 1\nprint(3)  # 2"),
        ("python", "for _ in ():\n    print(1)  # such as 1"),
        ("python", "def test_it():\n    assert False"),
        ("python", "await nothing()"),
        ("toml", '[[account]]\nenvironment = "demo"\nid = 1\nsymbol = "EURUSD"'),
        ("toml", "[simulator]\nsead = 1"),
        ("json", "{"),
        ("ini", "[Unit]\n[Service]\nExecStart=twistd cterm\nExecReload=kill $MAINPID\n[Install]"),
        ("dockerfile", 'FROM python\nCMD ["ctrader", "wach"]'),
        ("text", "what is this?"),
        ("", "and this?"),
    ],
)
def test_a_block_that_does_not_do_what_it_says_is_told(
    language: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    there: dict[str, Any] = {}
    runner = Runner(there, Deferred.fromCoroutine)
    failed = runner.drive(runner.run(Block("page", 1, language, text)))
    assert isinstance(failed, Deferred)
    failures: list[Any] = []
    failed.addErrback(failures.append)
    assert failures
