"""image/network.h: a C compiler makes of it what Program.quantize does, bit for bit; the manifest says the same."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.fixed import IntType
from codesign.image import HEADER, render, verify
from codesign.image.files import read_manifest
from codesign.ir import Network
from codesign.ir.real import to_reals
from codesign.mapping import Mapping, place
from tests.hdl.programs import net
from tests.image.folders import TINY, problems, seal
from tests.tools import needs

MAIN = """\
#include <stdio.h>
#include "network.h"

int main(void)
{
    double x;
    unsigned long k = 0;
    while (fread(&x, sizeof x, 1, stdin) == 1) {
        printf("%d\\n", codesign_input(x, k));
        k = k + 1 == CODESIGN_INPUTS ? 0 : k + 1;
    }
    printf("%.17g\\n", codesign_output(-12345));
    return CODESIGN_INPUT_BITS * 100 + CODESIGN_INPUT_SIGNED * 10 + CODESIGN_OUTPUTS - 300;
}
"""
FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
EACH = "its inputs must have one step and offset for all, for each channel or for each"
RNG = np.random.default_rng(0)
MANY: dict[str, dict[str, Any]] = {
    "defaults": {},
    "one": {"step": 0.1, "offset": (-0.7,), "output_step": 1 / 3},
    "bytes": {"step": 17 / 16, "offset": (17 / 32,)},
    "each": {"scales": tuple(RNG.uniform(1e-6, 1e6, 12).tolist()), "offset": tuple(RNG.normal(size=12).tolist())},
    "channels": {"shape": (3, 2, 2), "step": 0.3, "scales": (0.229, 0.224, 0.225), "offset": (0.485, 0.456, 0.406)},
    "names": {"name": 'a*/ "b" \\ ??/ ünï'},
}


def made(kind: IntType, **changes: Any) -> tuple[Network, Mapping]:
    network = replace(net([12, 5], TINY, kind), **changes)
    return network, place(network, TINY)


def edges(network: Network) -> np.ndarray[Any, Any]:
    """Numbers half way between integers, their neighbours, numbers at random and far away: (images, 12)."""
    steps = network.quantize(np.zeros((1, 12))) * 0 + np.arange(-300, 300)[:, None] / 2
    scales = np.repeat(network.scales or (1.0,), 12 // len(network.scales or (1,)))
    offset = np.repeat(network.offset or (0.0,), 12 // len(network.offset or (0,)))
    x = offset + network.step * scales * steps
    wild = RNG.normal(size=(200, 12)) * 10.0 ** RNG.integers(-300, 300, (200, 12))
    far = np.full((2, 12), [[1.7e308], [-1.7e308]])
    return np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf), wild, far])


@needs("cc")
@pytest.mark.parametrize("case", MANY)
@pytest.mark.parametrize("kind", [IntType(4), IntType(8, True), IntType(3, True, (-3, 3))], ids=str)
def test_firmware_makes_the_same_integers(kind: IntType, case: str, tmp_path: Path) -> None:
    network, mapping = made(kind, **MANY[case])
    (tmp_path / HEADER).write_bytes(render(mapping)[HEADER])
    (tmp_path / "main.c").write_text(MAIN)
    subprocess.run(["cc", *FLAGS, "-o", "main", "main.c"], cwd=tmp_path, check=True)
    x = edges(network)
    done = subprocess.run([tmp_path / "main"], input=x.tobytes(), capture_output=True)
    *found, score = done.stdout.decode().split()
    expected = network.quantize(x)
    assert {network.input.lo, network.input.hi} <= set(expected.ravel().tolist()) and len(np.unique(expected)) > 6
    assert (np.array(found, int).reshape(expected.shape) == expected).all()
    assert float(score) == to_reals(network, np.array(-12345))
    assert done.returncode == (kind.bits * 100 + kind.signed * 10 + 5 - 300) % 256


def test_the_header_and_the_manifest_of_a_network() -> None:
    _, mapping = made(IntType(4), **MANY["one"])
    found = render(mapping)
    said = json.loads(found["manifest.json"])
    assert said["inputs"] == {
        "features": 12,
        "bits": 4,
        "signed": False,
        "lo": 0,
        "hi": 15,
        "steps": [0.1],
        "offsets": [-0.7],
    }
    assert said["outputs"] == {"count": 5, "step": 1 / 3}
    text = found[HEADER].decode()
    assert text.startswith(
        '/* Inputs and outputs of network "net0", compiled for chip "tiny", in the units of its data.'
    )
    assert "\nstatic const double codesign_input_offset[CODESIGN_INPUT_OFFSETS] = {\n    -0.7,\n};\n" in text
    assert "\n#define CODESIGN_INPUT_HI (15) /* largest integer */\n" in text
    assert said["files"].keys() >= {HEADER} and HEADER.encode() in found["SHA256SUMS"]
    each = json.loads(render(made(IntType(4), **MANY["channels"])[1])["manifest.json"])["inputs"]
    assert (each["shape"], each["steps"]) == ([3, 2, 2], [0.3 * s for s in (0.229, 0.224, 0.225)])


def test_names_end_no_comment() -> None:
    text = render(made(IntType(4), **MANY["names"])[1])[HEADER].decode("ascii")
    assert 'network "a__ "b" _ ___ _n_", compiled' in text


@pytest.fixture
def forge(tmp_path: Path) -> Callable[..., list[str]]:
    """What is said of a folder whose manifest and header agree in saying something else of inputs or outputs."""

    def forged(**changes: Any) -> list[str]:
        _, mapping = made(IntType(4), **MANY["one"])
        for name, data in render(mapping).items():
            (tmp_path / name).write_bytes(data)
        assert verify(tmp_path, TINY)
        manifest = read_manifest(tmp_path)
        seal(tmp_path, manifest.model_copy(update=changes))
        return problems(tmp_path)

    return forged


@pytest.mark.parametrize(
    ("of", "changes", "message"),
    [
        ("inputs", {"features": 11}, "its inputs are not those of the first step"),
        ("inputs", {"bits": 5}, "its inputs are not those of the first step"),
        ("inputs", {"signed": True}, "its inputs are not those of the first step"),
        ("inputs", {"hi": 16}, "its inputs must lie in 0..15, got 0..16"),
        ("inputs", {"lo": 9, "hi": 8}, "its inputs must lie in 0..15, got 9..8"),
        (
            "inputs",
            {"steps": (1.0, 2.0)},
            "its inputs must have one step and offset for all, for each channel or for each",
        ),
        (
            "inputs",
            {"offsets": (0.0,) * 5},
            "its inputs must have one step and offset for all, for each channel or for each",
        ),
        ("inputs", {"shape": (3, 2, 1)}, "its inputs have the shape of 6 values, not 12"),
        ("outputs", {"count": 6}, "its outputs are not those of the last step"),
    ],
)
def test_a_manifest_that_contradicts_the_image(
    of: str, changes: dict[str, Any], message: str, forge: Callable[..., list[str]]
) -> None:
    _, mapping = made(IntType(4), **MANY["one"])
    part = getattr(read_only(mapping), of)
    found = forge(**{of: part.model_copy(update=changes)})
    assert found[0].endswith(f"manifest.json: {message}; copy or compile it again")


def read_only(mapping: Mapping) -> Any:
    from codesign.image.header import worth_of

    return worth_of(mapping)


def test_a_header_of_another_network(forge: Callable[..., list[str]]) -> None:
    _, mapping = made(IntType(4), **MANY["one"])
    other = read_only(mapping).inputs.model_copy(update={"steps": (0.2,)})
    (said,) = forge(inputs=other)
    assert said.startswith("network.h: differs from image.bin, byte ") and said.endswith("; copy or compile it again")
