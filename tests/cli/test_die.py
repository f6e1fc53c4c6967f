"""codesign die: import, info and check; and what else takes a die, down to the simulated chip."""

import json
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.mapping import Die
from codesign.program import Program
from codesign.vectors import characterize, recover
from tests.cli.calls import Call
from tests.hdl.programs import images, program
from tests.image import test_pictures
from tests.tools import needs

TINY = Chip.load("tiny")
FAULTS = "array,wordline,bitline,state\n0,3,5,stuck_on\n4,0,0,stuck_off\n4,1,1,open\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program, inputs and labels that it gets right, a CSV of faults, an npz of measured arrays."""
    monkeypatch.chdir(tmp_path)
    made = program([20, 11, 4], TINY)
    made.save("p")
    x = images(60, made.network, seed=2)
    np.save("x.npy", x)
    np.save("y.npy", made.run(x).argmax(axis=1))
    Path("f.csv").write_text(FAULTS)
    g = np.random.default_rng(0).uniform(0, 40, (2, 16, 16))
    np.savez("g.npz", array_0=g[0], array_4=g[1])
    return tmp_path


def test_import_and_info(call: Call, home: Path) -> None:
    told = "a die of tiny, 3 of 1,536 cells known, the others healthy; one step is 0.3333 g_on (2^-0 conductance codes)"
    assert call("die", "import", "f.csv", "--chip", "tiny", "--out", "f.die") == (0, f"f.die: {told}\n", "")
    lines = [
        f"f.die: {told}",
        "  array 0: 1 cell known, 1 to 1 g_on; 1 at the highest level, 0 at the lowest",
        "  array 4: 2 cells known, 0 to 0 g_on; 0 at the highest level, 2 at the lowest",
    ]
    assert call("die", "info", "f.die") == (0, "\n".join(lines) + "\n", "")
    assert call("die", "info", "f.csv", "--chip", "tiny")[1] == "\n".join(lines).replace("f.die", "f.csv") + "\n"
    again = call("die", "import", "f.csv", "--chip", "tiny", "--out", "f.die")
    assert again == (1, "", "error: f.die: already exists; choose another name or remove it\n")
    found = json.loads(call("die", "import", "g.npz", "--chip", "tiny", "--g-on", "40", "--out", "g.die", "--json")[1])
    assert (found["fraction"], found["unit"], found["known"], found["step"]) == (7, "uS", 512, 40 / 384)
    assert json.loads(call("die", "info", "g.die", "--json")[1])["arrays"] == found["arrays"]
    assert call("die", "info", "f.csv")[2] == (
        "error: f.csv: a map does not say which chip it is of; name that with --chip\n"
    )
    assert call("die", "info", "y.npy")[2] == "error: y.npy: is not a die; make one with codesign die import\n"
    assert call("die", "import", "f.csv", "--chip", "tiny", "--out", "some/where/f.die")[0] == 0
    assert Path("some/where/f.die").read_bytes() == Path("f.die").read_bytes()
    Path("file").write_text("")
    refused = "error: file/f.die: cannot be written (Not a directory); make it writable or choose another\n"
    assert call("die", "import", "f.csv", "--chip", "tiny", "--out", "file/f.die") == (1, "", refused)


def test_bad_input(call: Call, home: Path) -> None:
    Path("bad.csv").write_text("array,wordline,bitline,conductance_uS\n0,3,5,39\n4,1,1,-2\n9,2,3,3\n")
    status, out, err = call("die", "import", "bad.csv", "--chip", "tiny", "--g-on", "40", "--out", "b.die")
    assert (status, out) == (1, "") and not Path("b.die").exists()
    assert err == "error: bad.csv: line 4: array 9 is not on chip tiny, which has 0..5; give a list of this chip\n"
    status, _, err = call("die", "import", "g.npz", "--chip", "reference-128", "--g-on", "40", "--out", "c")
    shapes = "array_0 has shape (16, 16), an array of reference-128 is (128, 128)"
    assert err == f"error: g.npz: {shapes}; give a map of this chip\n" and status == 1
    assert call("die", "import", "f.csv", "--chip", "reference-128", "--out", "f.die")[0] == 0
    for command in (["die", "check", "f.die", "p", "--labels", "y.npy"], ["simulate", "p", "--die", "f.die"]):
        status, out, err = call(*command, "--inputs", "x.npy")
        assert (status, out) == (1, "") and err.startswith("error: f.die: is a die of chip reference-128 (id 0x")


def test_check(call: Call, home: Path) -> None:
    status, out, err = call("die", "check", "f.csv", "p", "--inputs", "x.npy", "--labels", "y.npy", "--floor", "50")
    assert (status, err) == (0, "")
    p = Program.load("p")
    x, y = np.load("x.npy"), np.load("y.npy")
    die = Die.load("f.csv", TINY)
    right = 100 * float((p.run(x, die).argmax(axis=1) == y).mean())
    first, worst, *_ = out.splitlines()
    assert first == (
        f"f.csv: {right:.2f} % of 60 images on this die, 100.00 % on an ideal one, at least the floor of 50 %; "
        "3 cells of net0 off their level"
    )
    assert worst.startswith(
        "  array 4, wordline 0, bitline 0, weight fc2[0, 0]: holds 0, should 3; alone at its level: +"
    )
    check = ("die", "check", "g.npz", "p", "--g-on", "40", "--inputs", "x.npy", "--labels", "y.npy")
    status, out, err = call(*check, "--floor", "99", "--worst", "2", "--json")
    found = json.loads(out)
    assert status == 1 and err == f"error: {found['accuracy']:.2f} % is below the floor of 99 %\n"
    assert not found["good"] and found["ideal"] == 100 and len(found["worst"]) == 2 and found["deviating"] > 300
    keys = {"array", "wordline", "bitline", "weight", "held", "wanted", "correct", "outputs"}
    assert keys <= found["worst"][0].keys()
    assert call(*check, "--worst", "0")[1].count("\n") == 1
    for floor in ("0.95", "-5", "150", "nan"):
        told = f"error: --floor: must be 0, or above 1 and at most 100 percent, got {floor}\n"
        assert call(*check, f"--floor={floor}") == (1, "", told)


@needs("iverilog")
def test_the_chip_on_a_die(call: Call, home: Path) -> None:
    """Word for word, with faults and with measured conductances; a convolutional program too."""
    p = Program.load("p")
    assert call("die", "import", "g.npz", "--chip", "tiny", "--g-on", "40", "--out", "g.die")[0] == 0
    for die in ("f.csv", "g.die"):
        held = Die.load(die, TINY)
        x = np.load("x.npy")[:3]
        assert (p.run(x, held) != p.run(x)).any()
        status, out, err = call("simulate", "p", "--inputs", "x.npy", "--images", "3", "--die", die, "--out", f"o{die}")
        assert (status, err) == (0, "") and "every word and cycle as predicted" in out
        assert (np.load(f"o{die}/outputs.npy") == p.run(x, held)).all()
    conv = Program(test_pictures.MAPPING)
    conv.save("conv")
    np.save("z.npy", images(2, conv.network))
    assert call("simulate", "conv", "--inputs", "z.npy", "--die", "g.die")[0] == 0


def test_characterize_and_recover(call: Call, home: Path) -> None:
    """The die that a chip of hidden cells is found to be, and what the words leave open."""
    said = "c: 6 images of tiny; each takes 23 vectors and sends 184 words\n"
    assert call("characterize", "tiny", "--out", "c") == (0, said, "")
    found = json.loads(call("characterize", "tiny", "--cells", "p", "--out", "c", "--json")[1])
    arrays = [u.array for u in Program.load("p").mapping.arrays]
    assert (found["arrays"], found["fraction"], found["words"]) == (arrays, 3, 184 * len(arrays))
    made = recover.load("c")
    rng, x = np.random.default_rng(0), np.load("c/inputs.npy")
    hidden = Die({a: rng.integers(0, 32, (16, 16)).astype(np.int32) for a in range(6)}, 3)
    words = {a: p.run(x, hidden) for a, p in made.items()}
    Path("words.csv").write_text(characterize.words_csv(words))
    status, out, err = call("die", "recover", "c", "words.csv", "--out", "r.die", "--offsets", "o.csv")
    assert (status, err) == (0, "")
    assert call("die", "recover", "c", "words.csv", "--out", "new/r.die", "--offsets", "new/deep/o.csv")[0] == 0
    assert Path("new/r.die").read_bytes() == Path("r.die").read_bytes() and Path("new/deep/o.csv").is_file()
    checks = 48 * len(arrays)
    alone = [k for k, name in enumerate(characterize.stimuli(16)) if name.startswith("wordline")]
    ends = sum(int(np.isin(w[alone], (-32, 31)).sum()) for w in words.values())
    told = f"  {ends} pairs at an end of the converters' range, may differ by more" if ends else None
    assert [line for line in out.splitlines()[1:] if line != told] == [
        "  column offsets 0 to 0",
        f"  {checks} of {checks} words of several wordlines are sums of these pairs",
    ]
    mapping = Program.load("p").mapping
    loaded = Die.load("r.die", TINY)
    want = recover.canonical(hidden, mapping)
    assert loaded.fraction == 3 and all((loaded.codes[a] == want.codes[a]).all() for a in arrays)
    assert Path("o.csv").read_text().splitlines()[:2] == ["array,column,offset", "0,0,0"]
    p, images_ = Program.load("p"), np.load("x.npy")
    assert (p.run(images_, loaded) == p.run(images_, hidden)).all() and (p.run(images_) != p.run(images_, hidden)).any()
    names = list(characterize.stimuli(16))
    words[arrays[0]][names.index("full"), 2] = -32 if words[arrays[0]][names.index("full"), 2] > 0 else 31
    Path("wrong.csv").write_text(characterize.words_csv(words))
    out = call("die", "recover", "c", "wrong.csv", "--out", "w.die")[1]
    assert f"{checks - 1} of {checks} words" in out
    assert out.endswith(f"; the first other one: array {arrays[0]}, pattern full, column 2\n")


def test_recover_refuses(call: Call, home: Path) -> None:
    """In one line, and writes nothing."""
    assert call("characterize", "tiny", "--cells", "p", "--out", "c")[0] == 0
    lines = Path("c/expected.csv").read_text().splitlines()
    Path("cut.csv").write_text("\n".join(lines[:-1]))
    cases = [
        (("c", "cut.csv"), "error: cut.csv: array 4 lacks vector 22 (ramp_8); measure all 23\n"),
        (("p", "c/expected.csv"), "error: p: holds no characterization; make one with codesign characterize\n"),
        (("c", "x.npy"), None),
    ]
    for words, told in cases:
        status, out, err = call("die", "recover", *words, "--out", "r.die", "--offsets", "o.csv")
        assert (status, out) == (1, "") and err.count("\n") == 1 and (told is None or err == told), err
        assert not Path("r.die").exists() and not Path("o.csv").exists()
    Path("o.csv").write_text("mine")
    status, _, err = call("die", "recover", "c", "c/expected.csv", "--out", "r.die", "--offsets", "o.csv")
    assert (status, err) == (1, "error: o.csv: already exists; choose another name or remove it\n")
    assert not Path("r.die").exists()
    status, _, err = call("characterize", "reference-128", "--cells", "p", "--out", "d")
    assert status == 1 and err.startswith("error: characterize: the program is for chip tiny (id 0x")
    assert not Path("d").exists()
