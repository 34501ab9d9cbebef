"""The command line, and what makes the daemon refuse to start; files that are renamed under it."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import formatEvent
from twisted.python import usage

from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.service import Options, makeService, prepare
from tests.service.benches import ENVIRON, Line, close

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# The command line


def test_the_options() -> None:
    options = Options()
    options.parseOptions(["--config", "x.toml", "-s", "1.5"])
    assert (options["config"], options["seconds"]) == ("x.toml", 1.5)
    with pytest.raises(usage.UsageError, match="--config FILE"):
        Options().parseOptions([])
    for wrong in ("0", "-1", "soon", "nan"):
        with pytest.raises(usage.UsageError):
            Options().parseOptions(["--config", "x", "--seconds", wrong])


def test_a_refused_configuration_is_said_on_stderr_with_status_1(tmp_path: Path) -> None:
    options = Options()
    options.parseOptions(["--config", str(tmp_path / "absent.toml")])
    with pytest.raises(SystemExit) as caught:
        makeService(options)
    assert isinstance(caught.value.code, str), "a text: the interpreter writes it to stderr and ends with 1"
    assert "absent.toml: can't be read" in caught.value.code


def test_stdout_is_refused_in_the_background(demo: Callable[..., Line]) -> None:
    text = '[[output]]\npath = "-"\n'
    with pytest.raises(ConfigurationError, match=r"output\[1\].path: stdout leads nowhere.*--nodaemon"):
        prepare(None, demo(text, nodaemon=0, debug=False), {})
    for foreground in ({"nodaemon": 1}, {"nodaemon": 0, "debug": True}):
        daemon = prepare(None, demo(text, **foreground), {})
        close(daemon)


def test_a_file_that_another_daemon_writes_to_is_refused(demo: Callable[..., Line]) -> None:
    daemon = prepare(None, demo(), {})
    with pytest.raises(ConfigurationError, match=r"output\[1\].path: another process writes to"):
        prepare(None, demo(), {})
    close(daemon)


# Files that are renamed


def test_a_file_that_was_renamed_is_made_anew(demo: Callable[..., Line], tmp_path: Path) -> None:
    daemon = prepare(Clock(), demo(), {})
    path, recorder = tmp_path / "x.jsonl", daemon._recorder
    recorder.record("error", "kit", None, {"number": 1})
    daemon.reopen_outputs()
    recorder.record("error", "kit", None, {"number": 2})
    path.rename(tmp_path / "old.jsonl")
    recorder.record("error", "kit", None, {"number": 3})
    daemon.reopen_outputs()
    recorder.record("error", "kit", None, {"number": 4})
    close(daemon)
    assert re.findall(r"\d+(?=}$)", (tmp_path / "old.jsonl").read_text("utf-8"), re.MULTILINE) == ["1", "2", "3"]
    assert re.findall(r"\d+(?=}$)", path.read_text("utf-8"), re.MULTILINE) == ["4"]


def test_a_file_that_cannot_be_made_anew_leaves_the_old_one(
    demo: Callable[..., Line], tmp_path: Path, logged_errors: Any
) -> None:
    daemon = prepare(Clock(), demo(), {})
    (tmp_path / "x.jsonl").rename(tmp_path / "old.jsonl")
    (tmp_path / "x.jsonl").mkdir()
    daemon.reopen_outputs()
    assert "output[1].path" in formatEvent(logged_errors.events[0])
    logged_errors.flush()
    daemon._recorder.record("error", "kit", None, {})
    close(daemon)
    assert (tmp_path / "old.jsonl").read_text("utf-8").count("\n") == 1


def test_an_output_that_failed_gets_another_try(demo: Callable[..., Line], tmp_path: Path, logged_errors: Any) -> None:
    left: list[int] = []
    clock = Clock()
    clock.callWhenRunning = lambda call: None  # type: ignore[attr-defined]
    daemon = prepare(clock, demo('[[output]]\npath = "x.jsonl"\n[[output]]\npath = "y.jsonl"\n'), {}, left.append)
    output, _ = daemon._recorder.outputs
    output.writer._fail(OSError(errno.ENOSPC, "full"))
    logged_errors.flush()
    daemon.reopen_outputs()
    daemon._recorder.record("error", "kit", None, {})
    close(daemon)
    assert (tmp_path / "x.jsonl").read_text("utf-8").count("\n") == 1
    assert left == [1], "its failure is not forgotten"


@pytest.mark.parametrize(
    ("factory", "problem", "remedy"),
    [
        ("not_there_at_all.x:make", "can't be imported: ModuleNotFoundError", "PYTHONPATH"),
        ("broken_service:make", "can't be imported: ZeroDivisionError: theirs", 'python -c "import broken_service"'),
        ("json:nothing", "json has no callable nothing", "(client, settings)"),
        ("json.decoder:NaN", "no callable NaN", "(client, settings)"),
    ],
)
def test_a_service_that_cannot_be_imported_is_refused(
    demo: Callable[..., Line], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factory: str, problem: str, remedy: str
) -> None:
    (tmp_path / "broken_service.py").write_text('raise ZeroDivisionError("theirs")\n', "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        prepare(None, demo(f'[[service]]\nfactory = "{factory}"\n'), {})
    assert caught.value.key == "service[1].factory"
    assert problem in caught.value.problem and remedy in caught.value.remedy


def test_without_a_login_there_is_nothing_to_begin_with(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    text = '[tokens]\nfile = "kept.json"\n[[account]]\nid = 1\nenvironment = "demo"\n{}[[output]]\npath = "x.jsonl"\n'
    path.write_text(text.format(""), "utf-8")
    with pytest.raises(
        ConfigurationError, match=rf"no tokens yet in .*kept.json. Log in: ctrader login --config {path}"
    ):
        prepare(Clock(), Line(config=str(path), seconds=None), ENVIRON)
    path.write_text(text.format('access_token = "hush"\n'), "utf-8")
    close(prepare(Clock(), Line(config=str(path), seconds=None), ENVIRON))


def test_a_trust_root_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "utf-8")
    path = tmp_path / "lab.toml"
    path.write_text(
        '[environment.lab]\nhost = "x"\ntrust_root = "ca.pem"\n[[account]]\nid = 1\nenvironment = "lab"\n'
        '[[output]]\npath = "-"\n',
        "utf-8",
    )
    with pytest.raises(ConfigurationError, match=r"environment\.lab\.trust_root: it holds no readable certificate"):
        prepare(None, Line(config=str(path), seconds=None), ENVIRON)


def test_what_the_simulator_does_not_know_is_refused(demo: Callable[..., Line]) -> None:
    line = demo('[simulator.limits]\nnope = 1\n[[output]]\npath = "x.jsonl"\n')
    with pytest.raises(ConfigurationError, match=r"demo\.toml: simulator\.limits\.nope"):
        prepare(None, line, {})
