"""The notebook among the examples runs from its first cell to its last, twice in one kernel, and draws its chart."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("ipykernel", reason="the kernel that would run the notebook is not installed (ipykernel)")
nbclient = pytest.importorskip("nbclient", reason="what would run the notebook is not installed (nbclient)")

PATH = ROOT / "examples" / "notebook.ipynb"


@pytest.fixture
def signals_as_before() -> Iterator[None]:
    """What runs a notebook takes the handlers of signals and the descriptor they wake a loop by, and gives them back to
    nobody: the reactor of this process would hear of the end of no child from then on."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    descriptor = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(descriptor)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.set_wakeup_fd(descriptor)


@pytest.mark.slow
@pytest.mark.usefixtures("signals_as_before")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # nbclient's own
def test_the_notebook_runs_twice_in_one_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.reads(PATH.read_text("utf-8"), as_version=4)
    notebook.cells += [cell.copy() for cell in notebook.cells]
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(PATH.parent)}}).execute()
    kinds = [list(output.get("data", {})) for cell in notebook.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in each for each in kinds) == 2
    assert sum("text/html" in each for each in kinds) == 2  # the DataFrames
    assert not [
        output for cell in notebook.cells for output in cell.get("outputs", ()) if output.get("name") == "stderr"
    ]


def test_the_notebook_is_kept_without_what_it_gave() -> None:
    cells = json.loads(PATH.read_text("utf-8"))["cells"]
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
