"""The notebooks in flows/ run from top to bottom, and are kept with what they print."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.docs.documents import ROOT
from tests.tools import needs

NOTEBOOKS = sorted((ROOT / "flows").glob("*.ipynb"))


@pytest.mark.slow
@needs("iverilog")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_it_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    kept = [[o.output_type for o in c.outputs] for c in notebook.cells if c.cell_type == "code"]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [[o.output_type for o in c.outputs] for c in notebook.cells if c.cell_type == "code"] == kept
    assert (tmp_path / "digits_on_chip" / "image" / "image.bin").is_file()
    assert any("image/png" in o.get("data", {}) for c in notebook.cells for o in c.get("outputs", []))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_it_names_no_place_of_the_machine_that_ran_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not [word for word in ("/tmp/", "/home/", "/root/", "ipykernel_", str(ROOT)) if word in text]
