"""Dies from test floors: CSV and npz in, the same cells on any program, its own resolution, and what is wrong told."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.devices.map_file import facts
from codesign.devices.measured import scale
from codesign.errors import InputError
from codesign.fixed import IntType, Trim, convert
from codesign.mapping import Die, deviating, harm, place, run
from codesign.mapping.cells import to_codes
from tests.hdl.programs import images, net
from tests.image import test_pictures
from tests.mapping.machine import Machine

TINY = Chip.load("tiny")
TWO = Chip.load("reference-128")
MAPPING = place(net([20, 11, 4], TINY), TINY)


def csv(path: Path, *lines: str, head: str = "array,wordline,bitline,state") -> Path:
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def test_states(tmp_path: Path) -> None:
    states = ["stuck_on", "stuck_off", "open", "short", "2", "level 1", "ok", "healthy", "ON", ""]
    die = Die.load(csv(tmp_path / "f.csv", *(f"1,2,{k},{s}" for k, s in enumerate(states))), TINY)
    assert die.fraction == 0 and sorted(die.codes) == list(range(6)), "a die covers the chip"
    assert die.codes[1][2, :10].tolist() == [3, 0, 0, 3, 2, 1, -1, -1, 3, -1]
    assert sum(int((c >= 0).sum()) for c in die.codes.values()) == 7
    off = TINY.model_copy(update={"device": TINY.device.model_copy(update={"on_off_ratio": 4.0, "code_bits": 6})})
    fine = Die.load(tmp_path / "f.csv", off, fraction=3)
    codes = off.device.codes
    want = [codes[-1], codes[0], 0, 64, codes[2], codes[1]]
    assert fine.codes[1][2, :6].tolist() == [(c << 3) - (c == 64) for c in want]


def test_conductances_and_their_rounding(tmp_path: Path) -> None:
    head = "array,wordline,bitline,conductance_uS"
    values = [0, 40, 20, 40 / 256, 40 / 512, 40 / 513, 79.8]
    path = csv(tmp_path / "g.csv", *(f"0,0,{k},{v!r}" for k, v in enumerate(values)), head=head)
    die = Die.load(path, TWO, 40.0)
    assert TWO.device.codes == (0, 1) and die.fraction == 8
    assert die.codes[0][0, :7].tolist() == [0, 256, 128, 1, 1, 0, 511], "the nearest, halves up"
    with pytest.raises(InputError, match=r"line 8: 79\.8 uS exceed 60 uS, the most that reference-128 can hold"):
        Die.load(path, TWO, 40.0, fraction=1)
    path = csv(tmp_path / "h.csv", *(f"0,0,{k},{v!r}" for k, v in enumerate(values[:-1])), head=head)
    assert Die.load(path, TWO, 40.0, fraction=1).codes[0][0, :6].tolist() == [0, 2, 1, 0, 0, 0]
    head = "array,wordline,bitline,state,conductance_uS"
    both = csv(tmp_path / "b.csv", "0,0,0,ok,20", "0,0,1,stuck_on,20", "0,0,2,,20", head=head)
    assert Die.load(both, TWO, 40.0).codes[0][0, :3].tolist() == [128, 256, 128], "a state counts more"


def test_npz_is_the_same_as_csv(tmp_path: Path) -> None:
    g = np.random.default_rng(0).uniform(0, 40, (2, 16, 16))
    np.savez(tmp_path / "g.npz", array_1=g[0], array_5=g[1], operator=np.array("me"))
    lines = [f"{a},{w},{b},{float(v)!r}" for a, part in ((1, g[0]), (5, g[1])) for (w, b), v in np.ndenumerate(part)]
    path = csv(tmp_path / "g.csv", *lines, head="array,wordline,bitline,conductance_uS")
    one, other = Die.load(tmp_path / "g.npz", TINY, 40.0), Die.load(path, TINY, 40.0)
    assert one.fraction == other.fraction == 7
    assert all((one.codes[a] == other.codes[a]).all() for a in range(6))
    assert (one.codes[0] == -1).all() and (one.codes[5] >= 0).all()


@pytest.mark.parametrize("fraction", [0, 4])
def test_the_file_keeps_everything(fraction: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    codes = {a: np.full((16, 16), -1, np.int32) for a in range(6)}
    for a in (0, 3):
        codes[a][rng.random((16, 16)) < 0.3] = (4 << fraction) - 1
    Die(codes, fraction).save(tmp_path / "one", TINY, 40.0)
    again = Die.load(tmp_path / "one", TINY)
    assert again.fraction == fraction and all((again.codes[a] == codes[a]).all() for a in range(6))
    assert facts(tmp_path / "one") == (TINY.id, "tiny", fraction, 40.0)
    again.save(tmp_path / "two.npz", TINY, 40.0)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two.npz").read_bytes(), "equal dies, equal bytes"
    assert Die.load(tmp_path / "two.npz", "tiny").fraction == fraction
    with zipfile.ZipFile(tmp_path / "one") as whole:
        assert {n for n in whole.namelist() if "codes" in n} == {"codes_0.npy", "codes_3.npy"}


@pytest.mark.parametrize("fraction", [0, 3])
def test_a_die_serves_whatever_runs_on_the_chip(fraction: int, tmp_path: Path) -> None:
    """Healthy cells hold each program's own levels, stuck ones the same in all; no program needs another chip id."""
    path = csv(tmp_path / "f.csv", "0,3,5,stuck_on", "0,3,4,stuck_off", "4,0,0,stuck_on")
    die = Die.load(path, TINY, fraction=fraction)
    for mapping in (MAPPING, place(net([9, 4, 8, 3], TINY, seed=4), TINY), test_pictures.MAPPING):
        held = die.on(mapping)
        for use in mapping.arrays:
            want = to_codes(use.levels, TINY.device)
            if use.array == 0:
                want[3, 5], want[3, 4] = 3, 0
            if use.array == 4:
                want[0, 0] = 3
            assert (held.codes[use.array] == want << fraction).all()
        x = images(5, mapping.network)
        assert (run(mapping, x, die) == run(mapping, x, held)).all()
    healthy = Die.load(csv(tmp_path / "none.csv"), TINY)
    x = images(8, MAPPING.network)
    assert (run(MAPPING, x, healthy) == run(MAPPING, x)).all()


@pytest.mark.parametrize("fraction", [1, 4, 8])
@pytest.mark.parametrize("adc", [True, False])
def test_whole_codes_counted_finely_change_nothing(fraction: int, adc: bool) -> None:
    """An ideal map in 2^-f: every rounding is exact, so outputs are those of whole codes."""
    mapping = place(net([30, 11, 5], TINY, IntType(5, True)), TINY, {"fc1": Trim(3, 2)})
    ideal = Die.ideal(mapping)
    fine = Die({a: c << fraction for a, c in ideal.codes.items()}, fraction)
    x = images(20, mapping.network)
    assert (run(mapping, x, fine, adc) == run(mapping, x, ideal, adc)).all()


@pytest.mark.parametrize("fraction", [1, 3, 8])
def test_fine_maps_by_the_contract(fraction: int) -> None:
    """The reference, place by place as the chip goes, on maps that count fractions; by hand for one converter."""
    rng = np.random.default_rng(fraction)
    for mapping in (MAPPING, test_pictures.MAPPING):
        top = 4 << fraction
        die = Die({u.array: rng.integers(0, top, (16, 16)).astype(np.int32) for u in mapping.arrays}, fraction)
        x = images(3, mapping.network)
        outputs = run(mapping, x, die)
        assert outputs.tolist() == [Machine(mapping, die).run(image) for image in x]
        assert (outputs != run(mapping, x)).any()
    current = rng.integers(-4000, 4000, 200)
    for trim in (Trim(), Trim(3, 2), Trim(255, 15), Trim(7, 0)):
        offset = int(rng.integers(-300, 300))
        shift = trim.shift + fraction
        want = [(int(i) * trim.gain + offset * 2**fraction + 2 ** (shift - 1)) >> shift for i in current]
        got = convert(current, trim, offset, TINY.code, fraction)
        assert got.tolist() == [max(-32, min(31, w)) for w in want]


def test_bad_maps_in_csv(tmp_path: Path) -> None:
    head = "array,wordline,bitline,conductance_uS"
    path = csv(tmp_path / "g.csv", "0,0,0,nan", "0,0,1,-1", "0,0,2,inf", "0,0,3,80", "0,0,4,x", "0,0,5,20", head=head)
    with pytest.raises(InputError) as caught:
        Die.load(path, TWO, 40.0)
    assert str(caught.value).replace(f"{path}: ", "").splitlines() == [
        "line 2: conductances must be 0 uS or more, got nan; a .csv leaves out cells that were not measured",
        "line 3: conductances must be 0 uS or more, got -1; a .csv leaves out cells that were not measured",
        "line 4: conductances must be 0 uS or more, got inf; a .csv leaves out cells that were not measured",
        "line 5: 80 uS exceed 79.84 uS, the most that reference-128 can hold; "
        "check --g-on, that of the highest level in uS",
        "line 6: conductance_uS must be a number, got 'x'",
    ]
    with pytest.raises(InputError, match="line 2: a conductance in uS needs --g-on, that of the highest level"):
        Die.load(csv(tmp_path / "h.csv", "0,0,0,20", head=head), TWO)
    with pytest.raises(InputError, match=r"line 2: state must be one of ok, .* or a level 0\.\.1, got 'melted'"):
        Die.load(csv(tmp_path / "s.csv", "0,0,0,melted"), TWO)
    for options, told in (
        ({"g_on": 0.0}, "--g-on 0: must be a conductance above 0"),
        ({"g_on": float("nan")}, "--g-on nan: must be"),
        ({"fraction": 9}, "--fraction 9: must be 0..8"),
    ):
        with pytest.raises(InputError, match=told):
            scale(TWO, options.get("g_on"), options.get("fraction"))
    with pytest.raises(InputError, match=r"die: fraction must be 0\.\.8, got 9; choose how fine the map counts"):
        Die({}, 9)


def npz(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"array_0": np.zeros((16, 8))}, "array_0 has shape (16, 8), an array of tiny is (16, 16)"),
        ({"array_6": np.zeros((16, 16))}, "array_6 is not on chip tiny, which has arrays 0..5"),
        ({"array_0": np.full((16, 16), np.nan)}, "array_0, wordline 0, bitline 0: conductances must be 0 uS or more"),
        ({"array_0": np.eye(16) * -1}, "array_0, wordline 0, bitline 0: conductances must be 0 uS or more, got -1"),
        ({"array_1": np.eye(16) * 99}, "array_1, wordline 0, bitline 0: 99 uS exceed 53.23 uS, the most that tiny"),
        ({"array_0": np.zeros((16, 16), complex)}, "array_0 must hold conductances in uS, got complex128"),
        ({"array_0": np.zeros((100, 100))}, "array_0 is too large, an array of tiny is (16, 16)"),
        ({"codes": np.zeros((16, 16))}, "holds no array_0, array_1, ...; save one array of uS for each measured array"),
        ({"array_0": np.array([[{}]])}, "is not a .npz file of numbers ("),
    ],
)
def test_bad_npz(arrays: dict[str, object], told: str, tmp_path: Path) -> None:
    path = npz(tmp_path / "g.npz", **arrays)
    with pytest.raises(InputError) as caught:
        Die.load(path, TINY, 40.0)
    assert str(caught.value).startswith(f"{path}: {told}")


def test_files_that_are_no_dies(tmp_path: Path) -> None:
    path = tmp_path / "one"
    Die.load(csv(tmp_path / "f.csv", "0,0,0,on"), TINY).save(path, TINY)
    with pytest.raises(InputError, match=r"is a die of chip tiny \(id 0x.*\), reference-128 has 0x.*; import it for"):
        Die.load(path, TWO)
    good = path.read_bytes()
    for bad in (b"", good[:100], b"PK" + bytes(200), good[:-30]):
        path.write_bytes(bad)
        with pytest.raises(InputError, match="is not a die; make one with codesign die import"):
            Die.load(path, TINY)
    forged = {"schema": np.array("codesign-die/1"), "chip": np.array(["tiny"]), "chip_id": np.array(TINY.id, np.uint32)}
    forged |= {"fraction": np.array(0), "g_on": np.array(np.nan)}
    whole = io.BytesIO()
    np.savez(whole, **forged, codes_0=np.full((16, 16), 9, np.int32))
    path.write_bytes(whole.getvalue())
    with pytest.raises(InputError, match=r"codes_0 must hold numbers -1\.\.3; import it again"):
        Die.load(path, TINY)
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)"):
        Die.load(tmp_path / "none", TINY)


def test_the_cells_that_hurt_most(tmp_path: Path) -> None:
    """One cell that matters among many that do not: it comes first, and what its repair brings is measured."""
    x = images(60, MAPPING.network, seed=2)
    labels = run(MAPPING, x).argmax(axis=1)
    u = next(u for u in MAPPING.arrays if u.array == 4)
    flip = 0 if u.levels[0, 0] else 3
    rare = int((x == 0).mean(axis=0).argmax())
    lines = [f"4,0,0,{flip}", f"0,{min(rare, 15)},1,{3 if MAPPING.arrays[0].levels[min(rare, 15), 1] == 0 else 0}"]
    die = Die.load(csv(tmp_path / "f.csv", *lines, "5,0,0,on"), TINY)
    assert deviating(MAPPING, die) == 2, "array 5 is not used"
    first, second = harm(MAPPING, die, x, labels)
    assert (first.array, first.wordline, first.bitline) == (4, 0, 0) and first.held == flip
    repaired = Die.load(csv(tmp_path / "g.csv", lines[1]), TINY)
    before, after = (int((run(MAPPING, x, d).argmax(axis=1) == labels).sum()) for d in (die, repaired))
    assert first.correct == after - before > 0 and first.share > second.share
    assert len(harm(MAPPING, die, x, labels, most=1)) == 1
    assert harm(MAPPING, Die.load(csv(tmp_path / "n.csv"), TINY), x, labels) == []
