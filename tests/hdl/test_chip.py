"""The whole chip: one simulator build of `tiny`, many networks, values and cycles as predicted."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.fixed import IntType, Trim
from codesign.image import assemble, sections
from codesign.ir import Linear, verify
from codesign.mapping import Die, layers, place, stream
from codesign.program import Program
from codesign.sim import Pauses, judge, simulate
from codesign.sim.job import build
from tests.hdl.programs import alternating, images, net, program

TINY = Chip.load("tiny")
U, S = IntType, lambda bits: IntType(bits, signed=True)

# sizes, input type, hidden type, trims
NETWORKS: dict[str, tuple[list[int], IntType, IntType, dict[str, Trim]]] = {
    "one-layer-u8": ([5, 3], U(8), U(8), {}),
    "one-column": ([1, 1], U(2), U(8), {}),
    "every-array-u1": ([45, 15], U(1), U(8), {}),
    "two-layers-u8": ([30, 11, 5], U(8), U(8), {}),
    "signed-i8-hidden-i4": ([7, 13, 6], S(8), S(4), {}),
    "three-layers-i3-hidden-u5": ([16, 9, 8, 4], S(3), U(5), {}),
    "three-layers-i1-hidden-i7": ([11, 8, 5, 2], S(1), S(7), {}),
    "hidden-u1": ([20, 10, 7], U(6), U(1), {}),
    "hidden-of-two-words": ([8, 20, 5], U(3), U(3), {}),
    "trimmed-u4": ([33, 8, 5], U(4), U(8), {"fc1": Trim(1, 1), "fc2": Trim(3, 2)}),
}
# Others have their number of layers, and their types are between those of others.
LATER = ("one-layer-u8", "two-layers-u8", "three-layers-i3-hidden-u5", "hidden-of-two-words")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this module alone: what is in it was built here."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODESIGN_CACHE", str(folder))
        yield folder


def prepared(name: str, seed: int = 3) -> Program:
    sizes, kind, hidden, trims = NETWORKS[name]
    return program(sizes, TINY, trims, kind=kind, hidden=hidden, seed=seed)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in LATER else ()) for n in NETWORKS])
def test_networks_on_one_build(name: str, cache: Path, tmp_path: Path) -> None:
    first = build(prepared("one-layer-u8")) / "sim.vvp"
    made = first.stat().st_mtime_ns
    p = prepared(name)
    x = images(5, p.network)
    result = simulate(p, x, load="backdoor", folder=tmp_path)
    assert result.mismatches == () and result.timing_errors == 0
    assert result.outputs.shape == (5, p.network.outputs)
    assert (result.outputs == p.run(x)).all()
    assert result.cycles == result.latency == p.cycles.latency
    assert len(np.unique(result.outputs, axis=0)) > 1, "outputs that depend on the image"
    assert [f.name for f in cache.glob("icarus-tiny*")] == [first.parent.name]
    assert first.stat().st_mtime_ns == made


def described(name: str, arrays: tuple[int, int, int], lanes: int, **parts: dict[str, int]) -> Chip:
    count, rows, columns = arrays
    return Chip.model_validate(
        {"name": name, "arrays": {"count": count, "rows": rows, "columns": columns}, "adc": {"bits": 5, "lanes": lanes}}
        | parts
    )


# Nothing is a power of two: a group half full, levels across words, memories that end in mid-address.
ODD = described(
    "odd",
    (12, 12, 12),
    4,
    device={"levels": 6, "code_bits": 4},
    activation={"bits": 5},
    memory={"input_words": 3, "activation_words": 11, "steps": 11, "loads": 13, "tiles": 13, "constants": 25},
    bus={"stream_bytes": 12},
)
# Links in the second word of a step's masks.
FORTY = described("forty", (40, 8, 8), 4, device={"levels": 4, "code_bits": 2}, bus={"stream_bytes": 4})
# Everything at its smallest.
LEAST = described(
    "least",
    (1, 2, 2),
    1,
    device={"levels": 2, "code_bits": 1},
    activation={"bits": 1},
    memory={"input_words": 1, "activation_words": 2, "steps": 1, "loads": 1, "tiles": 1, "constants": 1},
    bus={"stream_bytes": 1},
)


@pytest.mark.parametrize(
    ("device", "sizes", "sources", "bits"),
    [
        pytest.param(ODD, [13, *[5] * 10], [], 5, marks=pytest.mark.slow),
        (ODD, [13, *[5] * 10], ["input", "fc1", "fc2", "fc3", "input", "fc5", "fc6", "fc7", "fc1"], 5),
        (ODD, [25, 9, 6], [], 4),
        (FORTY, [60, 16, 4], [], 8),
        (LEAST, [2, 1], [], 1),
    ],
    ids=["ten-steps", "producer-eight-steps-back", "wide", "forty-arrays", "least"],
)
def test_other_chips(device: Chip, sizes: list[int], sources: list[str], bits: int, tmp_path: Path) -> None:
    network = net(sizes, device, U(bits), U(bits))
    if sources:
        reading = [*sources, network.nodes[-1].source]
        nodes = tuple(
            replace(n, source=s, weight=n.weight[:5] if s != "input" else np.resize(n.weight, (13, 5)))
            for n, s in zip(network.nodes, reading, strict=True)
        )
        network = verify(replace(network, nodes=nodes))
    p = Program(place(network, device))
    assert device is not FORTY or max(a for s in p.mapping.steps for b in s.blocks for a in b.arrays[1:]) > 32
    assert not sources or max(s.wait for s in p.mapping.steps) == 8
    result = simulate(p, images(9, network), load="bus", folder=tmp_path)
    assert result.mismatches == () and result.timing_errors == 0 and result.images == 9
    assert len(np.unique(result.outputs, axis=0)) > 1


def test_a_long_stream_keeps_the_predicted_interval(tmp_path: Path) -> None:
    p = prepared("two-layers-u8")
    result = simulate(p, images(14, p.network), load="backdoor", folder=tmp_path)
    assert result.mismatches == () and result.timing_errors == 0
    assert result.interval == p.cycles.interval
    assert result.images == 14


@pytest.mark.parametrize("count", [15, 16])
def test_the_interval_does_not_depend_on_where_the_stream_ends(count: int, tmp_path: Path) -> None:
    p = alternating()
    result = simulate(p, images(count, p.network), load="backdoor", folder=tmp_path)
    assert result.mismatches == () and result.timing_errors == 0
    assert result.interval == p.cycles.interval == 4.5, "images that take turns: 3 and 6 cycles"


@pytest.mark.parametrize(
    ("input_pause", "output_pause"),
    [pytest.param(0.0, 0.0, marks=pytest.mark.slow), (0.3, 0.0), (0.0, 0.3), (0.3, 0.3)],
)
def test_pauses_change_no_value(input_pause: float, output_pause: float, tmp_path: Path) -> None:
    p = prepared("signed-i8-hidden-i4")
    x = images(6, p.network, seed=1)
    result = simulate(p, x, load="backdoor", folder=tmp_path, pauses=Pauses(input_pause, output_pause, seed=7))
    assert result.mismatches == () and result.images == 6
    if not (input_pause or output_pause):
        assert result.timing_errors == 0


def test_bus_and_backdoor_give_the_same_outputs(tmp_path: Path) -> None:
    p = prepared("trimmed-u4")
    x = images(4, p.network)
    bus = simulate(p, x, load="bus", folder=tmp_path / "bus")
    backdoor = simulate(p, x, load="backdoor", folder=tmp_path / "backdoor")
    assert (bus.outputs == backdoor.outputs).all() and bus.latencies == backdoor.latencies
    assert bus.mismatches == backdoor.mismatches == ()


@pytest.mark.parametrize("load", ["bus", "backdoor"])
def test_a_die(load: str, tmp_path: Path) -> None:
    p = prepared("two-layers-u8")
    rng = np.random.default_rng(5)
    shape = (TINY.arrays.rows, TINY.arrays.columns)
    die = Die({u.array: rng.integers(0, 4, shape).astype(np.int32) for u in p.mapping.arrays})
    x = images(5, p.network)
    result = simulate(p, x, load=load, folder=tmp_path, die=die)
    assert result.mismatches == () and result.timing_errors == 0
    assert (result.outputs == p.run(x, die)).all()
    assert (result.outputs != p.run(x)).any(), "a die that matters"


def flipped(p: Program, layer: str, row: int, column: int) -> Program:
    """The same program with another weight in its image: valid CRCs, wrong contents."""
    nodes = []
    for node in p.network.nodes:
        weight = node.weight.copy()
        if node.name == layer:
            weight[row, column] = 3 if weight[row, column] <= 0 else -3
        nodes.append(replace(node, weight=weight))
    return Program(place(replace(p.network, nodes=tuple(nodes)), TINY))


@pytest.mark.parametrize(
    ("layer", "row", "column"), [("fc1", 17, 9), pytest.param("fc1", 2, 0, marks=pytest.mark.slow), ("fc2", 4, 3)]
)
def test_a_wrong_cell_is_found_and_named(layer: str, row: int, column: int, tmp_path: Path) -> None:
    p = prepared("two-layers-u8")
    wrong = flipped(p, layer, row, column)
    vars(p)["words"] = assemble(TINY, sections(wrong.mapping))  # what the chip is programmed with
    x = images(6, p.network, seed=2, zeros=0.0)
    result = simulate(p, x, load="bus", folder=tmp_path).reproduced_by("codesign simulate build")
    good, bad = layers(p.mapping, x), layers(wrong.mapping, x)
    differing = np.argwhere(good["fc2"] != bad["fc2"])
    assert len(result.mismatches) == len(differing) > 0
    image = int(differing[0][0])
    output = int(np.flatnonzero(good[layer][image] != bad[layer][image])[0])
    assert output == column
    found = result.mismatches[0]
    assert (found.image, found.layer, found.output) == (image, layer, output)
    assert (found.array, found.column) == p.mapping.locate(layer, output)
    assert (found.expected, found.got) == (int(good[layer][image, output]), int(bad[layer][image, output]))
    assert str(found) == (
        f"image {image}: layer {layer} output {output} (array {found.array}, column {found.column}): "
        f"expected {found.expected}, got {found.got}; reproduce: codesign simulate build --image {image}"
    )
    assert (result.outputs == bad["fc2"]).all()


def test_a_wrong_cell_keeps_the_users_number(tmp_path: Path) -> None:
    """fc1 lost three units: its column 9 is the user's unit 12. The place on the chip is told beside it."""
    whole = net([30, 14, 5], TINY, seed=3)
    fc1, fc2 = whole.nodes
    assert isinstance(fc1, Linear) and isinstance(fc2, Linear)
    kept = np.delete(np.arange(14), [2, 5, 8])
    nodes = (fc1.keeping(kept), replace(fc2, weight=fc2.weight[kept]))
    p = Program(place(replace(whole, nodes=nodes), TINY))
    vars(p)["words"] = assemble(TINY, sections(flipped(p, "fc1", 7, 9).mapping))
    found = simulate(p, images(6, p.network, seed=2, zeros=0.0), folder=tmp_path).mismatches[0]
    assert (found.layer, found.output) == ("fc1", 12)
    assert (found.array, found.column) == p.mapping.locate("fc1", 9)
    assert f": layer fc1 output 12 (array {found.array}, column {found.column}): expected " in str(found)


def test_a_wrong_cycle_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    p = prepared("one-layer-u8")

    def late(mapping: Any, count: int) -> tuple[list[int], list[int]]:
        ins, outs = stream(mapping, count)
        return ins, [*outs[:-1], outs[-1] + 1]

    monkeypatch.setattr(judge, "stream", late)
    result = simulate(p, images(3, p.network), load="backdoor", folder=tmp_path)
    assert result.mismatches == () and result.timing_errors == 1
