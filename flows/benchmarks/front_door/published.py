"""A published binary network (TFC_1W1A of the QONNX model zoo) from its ONNX file to the chip, without a point lost.

The onnx package's own evaluator runs the file on MNIST's 10,000 test images, with two operators given here; the integer
network and the chip's reference take the same images.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

import codesign
from codesign.chip.description import Chip
from codesign.data import mnist
from codesign.fixed import Ints

IMAGES = 200  # that Icarus simulates
ACCURACY = 92.96  # percent: the file's, on MNIST's test images
SAME = 1e-3  # of a word: what float32 leaves of scores that are whole words apart
Scores = NDArray[np.float64]


class BipolarQuant(OpRun):
    """Two values, as QONNX defines it."""

    op_domain = "onnx.brevitas"

    def _run(self, x: Any, scale: Any) -> tuple[Any]:
        return (np.where(x >= 0, np.float32(1), np.float32(-1)) * scale,)


class BatchNormalization(OpRun):
    """In inference mode; for files of opset 9 the evaluator's own takes the statistics of the batch."""

    op_domain = ""

    def _run(self, x: Any, gain: Any, offset: Any, mean: Any, variance: Any, epsilon: Any, **_: Any) -> tuple[Any]:
        return ((x - mean) / np.sqrt(variance + np.float32(epsilon)) * gain + offset,)


def chip() -> Chip:
    """The reference chip with converters that cannot clip."""
    described = Chip.of("reference-128").model_dump()
    described["adc"]["bits"] = 9
    return Chip.model_validate(described)


def scores(path: Path, x: NDArray[np.float32]) -> Scores:
    """The file's own scores of images 0..1."""
    proto = onnx.load(path)
    proto.opset_import.add(domain=BipolarQuant.op_domain, version=1)  # which the file uses and does not name
    evaluator = ReferenceEvaluator(proto, new_ops=[BipolarQuant, BatchNormalization])
    name = proto.graph.input[0].name
    parts = [np.asarray(evaluator.run(None, {name: image[None]})) for image in x.reshape(-1, 1, 28, 28)]
    return np.concatenate(parts)[:, 0].astype(np.float64)


def apart(theirs: Scores, words: Ints, step: float) -> int:
    """How many words are not the file's scores, in steps of `step`, up to one offset of all scores."""
    rest = theirs / step - words
    return int((np.abs(rest - np.median(rest)) > SAME).sum())


def percent(found: Scores | Ints, labels: NDArray[np.int64]) -> float:
    return 100.0 * float((found.argmax(axis=1) == labels).mean())


def published(quick: bool) -> bool:
    """Print the rows; whether nothing is lost and nothing differs. Without the file, a line that says so."""
    path = Path(os.environ.get("CODESIGN_DATA") or "", "qonnx", "TFC_1W1A.onnx")
    if not path.is_file():
        print("TFC_1W1A: not measured; put qonnx/TFC_1W1A.onnx of the QONNX model zoo and MNIST into CODESIGN_DATA")
        return True
    print("a published file")
    data, images = mnist(), IMAGES // 10 if quick else IMAGES
    x, labels = (data.x_test / 255).astype(np.float32), data.y_test
    program = codesign.compile(path, None, chip())
    q = program.quantize(x)
    theirs, words, converted = scores(path, x), program.network.run(q), program.run(q)
    result = codesign.simulate(program, q[:images])
    step = program.network.output_step
    accuracies = [percent(v, labels) for v in (theirs, words, converted)]
    certificate = "" if program.account is None else program.account.certificate
    differ = {
        "words differing, integer network against the file": apart(theirs, words, step),
        "words differing, chip's reference against the network": int((converted != words).sum()),
        f"words differing, {images} images in Icarus": int((result.outputs != converted[:images]).sum()),
        f"words or cycles not predicted, {images} images in Icarus": len(result.mismatches),
    }
    for name, value in zip(("the file", "integer network", "chip's reference"), accuracies, strict=True):
        print(f"{f'TFC_1W1A, {name}, % of {len(x):,}':<56}{value:>8.2f}")
    print(f"{'certificate':<56}  {certificate}")
    for name, count in differ.items():
        print(f"{name:<56}{count:>8,}")
    exact = certificate.endswith(" values, 0 differ") and not any(differ.values())
    return exact and all(round(v, 2) == ACCURACY for v in accuracies)
