"""A cell of the chip is flipped in one layer; the script names the layer, without knowing."""

import subprocess
import sys
from pathlib import Path

import pytest

from codesign import vectors
from codesign.fixed import Ints
from codesign.program import Program
from codesign.sim.job import write_die
from flows.benchmarks.bringup.programs import flipped, lenet
from tests.tools import needs
from tests.vectors.packs import inputs, make, picture, written

pytestmark = [needs("iverilog"), needs("make")]


def find(pack: Path, *command: str) -> tuple[int, list[str], str]:
    """Status, lines and errors of the script."""
    done = subprocess.run([sys.executable, str(pack / "find_layer.py"), *command], capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines(), done.stderr


def named(pack: Path, program: Program, layer: str, x: Ints) -> list[str]:
    """What the script says of a die with a flipped cell of `layer`."""
    die, _, _ = flipped(program, layer, x)
    folder = pack / "tb" / f"die_{layer}"
    write_die(die, program, folder)
    status, said, err = find(pack, str(pack / "tb" / "player_icarus"), "+transcript={}", f"+die={folder}")
    assert (status, err) == (1, "")
    return said


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Path]:
    program = picture()
    pack = written(program, tmp_path_factory.mktemp("find") / "pack", each_layer=True)
    status, said = make(pack / "tb", "player")
    assert status == 0, said
    return program, pack


@pytest.mark.slow
def test_each_layer(made: tuple[Program, Path]) -> None:
    program, pack = made
    found = {}
    for layer in ("conv1", "conv2", "fc"):
        said = named(pack, program, layer, inputs(program))
        assert said[0].startswith("the whole program: FAIL line ")
        found[layer] = said[-1]
    assert found == {
        "conv1": "FAIL: layer conv1 is the first that disagrees",
        "conv2": "FAIL: layer conv2 is the first that disagrees",
        "fc": "FAIL: layer fc, the last, is the first that disagrees",
    }


def test_a_good_chip_and_mistakes(made: tuple[Program, Path]) -> None:
    _, pack = made
    assert find(pack) == (0, ["PASS: the whole program agrees"], "")  # by make
    status, said, err = find(pack, "./no_such_player", "{}")
    assert (status, said, err) == (2, [], "./no_such_player {}: cannot be run (No such file or directory)\n")


def test_the_images_until_each_layer(made: tuple[Program, Path]) -> None:
    """They are the images that `until` makes."""
    program, pack = made
    for home, layer in (("01_conv1", "conv1"), ("02_conv2", "conv2")):
        words = program.until(layer)[0].words
        image = (pack / "layers" / home / "image.bin").read_bytes()
        assert [int.from_bytes(image[k : k + 4], "little") for k in range(0, len(image), 4)] == words
        assert vectors.read(pack / "layers" / home / "transcript.txt").lines


@pytest.mark.slow
def test_lenet(tmp_path: Path) -> None:
    program, x = lenet()
    pack = vectors.write(program, tmp_path / "pack", x[:1], each_layer=True)
    assert make(pack / "tb", "player")[0] == 0
    for layer in ("conv1", "conv2", "fc1", "fc2"):
        assert named(pack, program, layer, x[:1])[-1].startswith(f"FAIL: layer {layer}"), layer
