"""The demo with convolutions: learns the digits in seconds, and the chip's reference keeps what was learned."""

import json
from pathlib import Path

from codesign.flow import Flow, run


def test_it_learns_the_digits(tmp_path: Path) -> None:
    run(Flow.load("digits_cnn"), tmp_path, last="reference")
    trained = json.loads((tmp_path / "01_train" / "train.json").read_text())
    reference = json.loads((tmp_path / "03_reference" / "reference.json").read_text())
    assert trained["quantized"] > 96 and reference["percent"] > 96
    assert reference["images"] == trained["images"] == 360
