"""README's first Python block takes an ordinary convolutional module in place of its perceptron."""

import re
from pathlib import Path

import pytest
import torch

from tests.docs.documents import ROOT
from tests.tools import needs

PERCEPTRON = "nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))"
CONVOLUTIONAL = (
    "nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), "
    "nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(32, 10)).eval()"
)


@needs("iverilog")
def test_the_first_lines_of_the_readme_with_a_convolutional_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(3)
    first = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)[0]
    assert PERCEPTRON in first
    lines = first.replace(PERCEPTRON, CONVOLUTIONAL)
    assert lines.count("data.x_train") == lines.count("data.x_test[:8]") == 1
    lines = lines.replace("data.x_train", "data.x_train.reshape(-1, 1, 8, 8)")  # images as a module takes them
    lines = lines.replace("data.x_test[:8]", "data.x_test[:8].reshape(-1, 1, 8, 8)")
    names: dict[str, object] = {}
    exec(compile(lines, "README.md", "exec"), names)  # noqa: S102
    result, program = names["result"], names["program"]
    assert not result.mismatches and result.images == 8  # type: ignore[attr-defined]
    assert len({tuple(row) for row in result.outputs.tolist()}) > 4  # type: ignore[attr-defined]
    assert [n.kind for n in program.network.nodes].count("conv") >= 2  # type: ignore[attr-defined]
    assert "conv" in capsys.readouterr().out.lower()
    assert (tmp_path / "build" / "mlp" / "program.json").is_file()
