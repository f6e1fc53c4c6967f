"""Real numbers through a program, what it says of itself, and the account that it keeps."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign import account
from codesign.account import Account, LayerQuality, Quality, Row
from codesign.errors import InputError
from codesign.mapping import Die, place
from codesign.program import Program
from tests.hdl.programs import program
from tests.program.builds import TINY, TRIMS, built, contents, refused, signed

ROWS = (
    Row("features.0", "linear", "mapped to", "layer fc1", "model.py:12"),
    Row("features.1", "batch_norm", "folded into", "layer fc1"),
    Row("forward", "log_softmax", "dropped", "because the largest output stays the largest"),
)
LAYERS = (LayerQuality("fc1", float("inf"), 0.0), LayerQuality("fc2", 21.25, 0.0123, 0.5))
ACCOUNT = Account(ROWS, Quality(256, 99.609375, 98.0, 97.5, 97.0, None, LAYERS))


def real() -> Program:
    """A program whose inputs and outputs have units."""
    network = replace(built().network, step=0.5, offset=(-3.0,), output_step=0.25)
    return Program(place(network, TINY, TRIMS), ACCOUNT)


X = np.random.default_rng(0).uniform(-3, 124, (30, 20))


def test_scores_are_those_of_the_chip() -> None:
    p = real()
    q = p.quantize(X)
    assert (q == np.floor((X + 3) / 0.5 + 0.5)).all() and (p.network.quantize(X) == q).all()
    scores = p.predict(X)
    assert scores.dtype == np.float64 and (scores == 0.25 * p.run(q)).all()
    assert (scores != 0.25 * p.run(q, adc=False)).any(), "converters clip here, and predict has them"
    die = Die({k: np.zeros_like(codes) for k, codes in Die.ideal(p.mapping).codes.items()})
    assert (p.predict(X, die) == 0.25 * p.run(q, die)).all() and (p.predict(X, die) != scores).any()


def test_accuracy_counts_the_largest_score() -> None:
    p = program([20, 11, 4], TINY, seed=2)
    best = p.predict(X).argmax(axis=1)
    assert len(set(best.tolist())) > 1
    labels = np.where(np.arange(30) < 6, (best + 1) % 4, best)
    assert p.accuracy(X, labels) == 80.0 and p.accuracy(X, best.tolist()) == 100.0
    with pytest.raises(InputError, match=r"^labels: must be one for each image \(30\), got shape \(29,\); "):
        p.accuracy(X, labels[:29])
    with pytest.raises(InputError, match=r"^labels: must lie in 0\.\.3, .* image 0 has 4; "):
        p.accuracy(X, np.full(30, 4))
    with pytest.raises(InputError, match=r"^inputs: has no images"):
        p.accuracy(X[:0], [])


SUMMARY = """\
net0 on tiny: 5 of 6 arrays (at least 3), latency {latency}, interval {interval} cycles
layers:  fc1 20 x 11 on arrays 0-3, fc2 11 x 4 on arrays 4
inputs:  20 x u8, q stands for -3 + 0.5 q
outputs: 4 x i32, q stands for 0.25 q

where       operation    what became of it                                      line
features.0  linear       mapped to layer fc1                                    model.py:12
features.1  batch_norm   folded into layer fc1
forward     log_softmax  dropped: because the largest output stays the largest

on 256 calibration inputs, percent
                                float  network   chip
agreement with the float model           99.61  98.00
accuracy                        97.50    97.00

layer  SNR, dB  saturated, %  converters clip, %
fc1        inf          0.00
fc2       21.2          1.23               50.00"""


def test_summary() -> None:
    p = real()
    said = SUMMARY.format(latency=p.cycles.latency, interval=p.cycles.interval)
    assert p.summary() == said
    assert Program(p.mapping).summary() == "\n".join(said.splitlines()[:4])
    assert account.text(Account()) == ""
    assert account.text(Account((Row("a\x1b[31m", "b", "dropped", "c\nd"),))).splitlines()[1] == (
        "a\\x1b[31m  b          dropped: c\\nd"
    )


class TestAccountFile:
    @pytest.fixture
    def build(self, tmp_path: Path) -> Path:
        return real().save(tmp_path / "build")

    def test_round_trip(self, build: Path, tmp_path: Path) -> None:
        loaded = Program.load(build)
        assert loaded.account == ACCOUNT and loaded.summary() == real().summary()
        assert contents(loaded.save(tmp_path / "again")) == contents(build)
        text = (build / "account.json").read_text()
        assert "Infinity" not in text, "no word of JSON"
        assert json.loads(text)["account"]["quality"]["images"] == 256
        assert "account.json" in json.loads((build / "program.json").read_text())["files"]

    def test_without_one(self, tmp_path: Path) -> None:
        folder = built().save(tmp_path / "build")
        assert not (folder / "account.json").exists() and Program.load(folder).account is None

    def test_damage_is_told(self, build: Path) -> None:
        path = build / "account.json"
        path.write_text(path.read_text().replace("256", "257"))
        assert refused(build) == f"{path}: its SHA-256 is not the one in program.json; compile again"
        path.unlink()
        assert refused(build) == f"{path}: is missing; compile again"

    @pytest.mark.parametrize(
        ("old", "new", "where"),
        [
            ('"images": 256', '"images": "256"', "account.quality.images"),
            ('"images"', '"pictures"', "account.quality.images"),
            ('"rows": [', '"more": 3, "rows": [', "account.more"),
            ('"what": "layer fc1"', '"what": ["layer fc1"]', "account.rows.0.what"),
            ("{", "[", "file"),
        ],
    )
    def test_a_forged_one(self, old: str, new: str, where: str, build: Path) -> None:
        path = build / "account.json"
        path.write_text(path.read_text().replace(old, new, 1))
        signed(build)
        said = refused(build)
        assert said.startswith(f"{path}: is damaged ({where}: ") and said.endswith("; compile again")

    def test_a_huge_one(self, build: Path) -> None:
        path = build / "account.json"
        path.write_text(path.read_text() + " " * (1 << 24))
        signed(build)
        assert refused(build).startswith(f"{path}: cannot be read (")
