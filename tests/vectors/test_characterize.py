"""A known die gives words, in the reference and in Icarus; what is recovered from them is that die, canonical."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign import sim
from codesign.chip.description import Chip
from codesign.errors import InputError
from codesign.fixed import Ints
from codesign.mapping import Die
from codesign.mapping.cells import to_weights
from codesign.program import Program
from codesign.vectors import characterize, recover
from tests.hdl.programs import images, program
from tests.tools import needs

TINY = Chip.load("tiny")
Made = dict[int, Program]


def chip(adc: int = 6, **device: object) -> Chip:
    """A small chip with converters and cells of one's choice, columns that do not fill the last group."""
    return Chip.model_validate(
        {
            "name": "small",
            "arrays": {"count": 3, "rows": 11, "columns": 14},
            "device": device,
            "adc": {"bits": adc, "lanes": 4},
            "bus": {"stream_bytes": 4},
        }
    )


CHIPS = {
    "tiny": TINY,
    "binary": chip(levels=2, code_bits=1),
    "leaky": chip(adc=9, levels=4, code_bits=6, on_off_ratio=5, headroom=0.3),
    "finest": chip(adc=12, levels=2, code_bits=2, headroom=0.5),
}


def drawn(made: Made, rng: np.random.Generator, room: int = 0) -> Die:
    """Random cells of all arrays, as fine as converters count; no difference comes nearer than `room` to their end."""
    first = next(iter(made.values()))
    on, f = first.chip, {1 << k: k for k in range(8)}[first.mapping.steps[0].trim.gain]
    top = (1 << on.device.code_bits + f) - 1 - room
    size = on.arrays.rows, on.arrays.columns
    return Die({a: rng.integers(0, top + 1, size).astype(np.int32) for a in range(on.arrays.count)}, f)


def shifted(made: Made, rng: np.random.Generator, most: int = 3) -> Made:
    """The same programs on converters with an offset in each column."""
    out = {}
    for array, p in made.items():
        (use,) = p.mapping.arrays
        offset = rng.integers(-most, most + 1, len(use.offset))
        out[array] = Program(replace(p.mapping, arrays=(replace(use, offset=offset),)))
    return out


def measured(made: Made, die: Die) -> dict[int, Ints]:
    x = np.stack(list(characterize.stimuli(next(iter(made.values())).chip.arrays.rows).values()))
    return {a: p.run(x, die) for a, p in made.items()}


def same(one: Die, other: Die) -> bool:
    return one.fraction == other.fraction and all((one.codes[a] == other.codes[a]).all() for a in one.codes)


@pytest.mark.parametrize("name", CHIPS)
def test_random_dies(name: str, tmp_path: Path) -> None:
    """Through the files: every pair, every column's offset; the other patterns agree."""
    on = CHIPS[name]
    characterize.write(on, tmp_path / "c")
    made = recover.load(tmp_path / "c")
    assert sorted(made) == list(range(on.arrays.count))
    exceeding = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        hidden, chips = drawn(made, rng, room=3), shifted(made, rng)
        (tmp_path / "words.csv").write_text(characterize.words_csv(measured(chips, hidden)))
        found = recover.recover(made, recover.read_words(tmp_path / "words.csv", made))
        want = {a: recover.canonical(hidden, p.mapping) for a, p in made.items()}
        for a, p in made.items():
            assert (found.die.codes[a] == want[a].codes[a]).all() and found.die.fraction == hidden.fraction
            assert (found.offsets[a] == chips[a].mapping.arrays[0].offset).all()
            difference = to_weights(hidden.codes[a])
            assert (to_weights(found.die.codes[a]) == difference).all()
            levels = np.asarray(on.device.codes)[p.mapping.arrays[0].levels] << hidden.fraction
            low = np.minimum(levels[:, 0::2], levels[:, 1::2])
            smaller = np.minimum(found.die.codes[a][:, 0::2], found.die.codes[a][:, 1::2])
            top = (1 << on.device.code_bits + hidden.fraction) - 1
            assert found.die.codes[a].min() >= 0 and found.die.codes[a].max() <= top
            fits = low + abs(difference) <= top
            assert (smaller[fits] == low[fits]).all() and fits.sum() > 20  # its level's code
            assert difference.min() < 0 < difference.max() and found.offsets[a].any()
            exceeding += int((~fits).sum())
        assert not found.unexplained and found.checked > 0
    assert (exceeding > 0) == (on.device.codes[0] > 0)  # a lowest level that conducts leaves less room


def test_a_die_of_a_program() -> None:
    """Its own cells and arrays: on what is recovered, it gives the words of the hidden die, as on no ideal one."""
    own = program([30, 8, 5], TINY)
    made = characterize.programs(TINY, own.mapping)
    assert sorted(made) == [u.array for u in own.mapping.arrays]
    for use in own.mapping.arrays:
        assert (made[use.array].mapping.arrays[0].levels == use.levels).all()
    rng, x = np.random.default_rng(1), images(200, own.network, seed=3)
    ideal = Die.ideal(own.mapping).codes
    hidden = Die({a: np.clip(np.rint(8 * (c + rng.normal(0, 0.3, c.shape))), 0, 31) for a, c in ideal.items()}, 3)
    hidden = Die({a: c.astype(np.int32) for a, c in hidden.codes.items()}, 3)
    found = recover.recover(made, measured(made, hidden))
    known = {a: found.die.codes[a] for a in made}
    assert same(Die(known, 3), recover.canonical(hidden, own.mapping))
    assert (own.run(x, found.die) == own.run(x, hidden)).all() and (own.run(x, hidden) != own.run(x)).any()
    others = set(range(TINY.arrays.count)) - set(made)
    assert others and all((found.die.codes[a] == -1).all() for a in others)


@needs("iverilog")
def test_in_icarus() -> None:
    """The Verilog sends the words of the hidden die, column offsets included."""
    rng, made = np.random.default_rng(5), characterize.programs(TINY)
    hidden, chips = drawn(made, rng, room=3), shifted(made, rng)
    x = np.stack(list(characterize.stimuli(TINY.arrays.rows).values()))
    words = {}
    for array in (0, 5):
        done = sim.simulate(chips[array], x, die=hidden, load="backdoor")
        assert not done.mismatches
        words[array] = done.outputs
    found = recover.recover(made, words)
    for a in words:
        assert (found.die.codes[a] == recover.canonical(hidden, made[a].mapping).codes[a]).all()
        assert (found.offsets[a] == chips[a].mapping.arrays[0].offset).all()
    assert not found.unexplained and (found.die.codes[1] == -1).all()


def test_coarse_converters(tmp_path: Path) -> None:
    """Fewer codes than cells have: differences within one step, and nothing is lost at the ends."""
    on = chip(adc=5, levels=4, code_bits=6)
    assert characterize.finest(on) == -2
    made, rng = characterize.programs(on), np.random.default_rng(0)
    hidden = Die({a: rng.integers(0, 61, (11, 14)).astype(np.int32) for a in range(3)})
    (tmp_path / "w.csv").write_text(characterize.words_csv(measured(made, hidden)))
    found = recover.recover(made, recover.read_words(tmp_path / "w.csv", made))
    errors = [to_weights(found.die.codes[a]) - to_weights(hidden.codes[a]) for a in made]
    assert found.die.fraction == 0 and 0 < np.abs(errors).max() <= 2
    assert not found.unexplained


def test_beyond_the_range() -> None:
    """A finer measurement than any pair fits: those at an end are counted, all others exact."""
    made, rng = characterize.programs(TINY, fraction=4), np.random.default_rng(2)
    hidden = drawn(made, rng)
    found = recover.recover(made, measured(made, hidden))
    difference = np.stack([to_weights(hidden.codes[a]) for a in made])
    told = np.stack([to_weights(found.die.codes[a]) for a in made])
    ends = (difference <= -32) | (difference >= 31)
    assert (told[~ends] == difference[~ends]).all() and (np.abs(told[ends]) <= np.abs(difference[ends])).all()
    assert found.at_end == ends.sum() and 0 < ends.mean() < 1


def test_what_single_wordlines_do_not_explain() -> None:
    """A word of several wordlines that the pairs do not add up to is told at its place."""
    made = characterize.programs(TINY)
    words = measured(made, drawn(made, np.random.default_rng(3)))
    names = list(characterize.stimuli(16))
    column = int(np.argmin(np.abs(words[4][names.index("ramp_2")])))
    words[4][names.index("ramp_2"), column] += 2
    found = recover.recover(made, words)
    assert found.unexplained == ((4, "ramp_2", column),)
    assert set(names) == {*(f"wordline_{r}" for r in range(16)), "zero", "full", "checkerboard"} | {
        *("checkerboard_inverse", "ramp_2", "ramp_4", "ramp_8")
    }


def test_several_measurements(tmp_path: Path) -> None:
    """Their mean counts, rounded."""
    made = characterize.programs(TINY)
    clean = measured(made, drawn(made, np.random.default_rng(4), room=1))
    rows = [characterize.words_csv({0: np.clip(clean[0] + d, -32, 31)}) for d in (-1, 0, 1)]
    (tmp_path / "w.csv").write_text(rows[0] + "".join(r.partition("\n")[2] for r in rows[1:]))
    codes = recover.read_words(tmp_path / "w.csv", made)
    inside = np.abs(clean[0]) < 31
    assert list(codes) == [0] and (codes[0] == clean[0])[inside].all() and inside.mean() > 0.4


def test_a_plan_of_every_word(tmp_path: Path) -> None:
    """plan.csv tells what is driven, expected.csv what ideal cells send, inputs.npy and inputs.hex the same inputs."""
    characterize.write(TINY, tmp_path / "c")
    rows = list(csv.reader((tmp_path / "c" / "plan.csv").read_text().splitlines()))
    x, made = np.load(tmp_path / "c" / "inputs.npy"), recover.load(tmp_path / "c")
    assert [r[1] for r in rows[1:]] == list(characterize.stimuli(16))
    assert (np.array([r[2:] for r in rows[1:]], np.int64) == x).all()
    beats = (tmp_path / "c" / "inputs.hex").read_text().split()
    sent = [list(bytes.fromhex(b))[::-1] for b in beats]
    assert (np.array(sent).reshape(len(x), -1)[:, :16] == x).all()
    expected = recover.read_words(tmp_path / "c" / "expected.csv", made)
    assert all((expected[a] == made[a].run(x)).all() for a in range(6))


def test_bad_words(tmp_path: Path) -> None:
    made, path = characterize.programs(TINY), tmp_path / "w.csv"
    good = characterize.words_csv(measured(made, drawn(made, np.random.default_rng(6)))).splitlines()

    def told(lines: list[str]) -> str:
        path.write_text("\n".join(lines) + "\n")
        with pytest.raises(InputError) as caught:
            recover.read_words(path, made)
        return str(caught.value).replace(str(path), "w")

    assert told(["a,b"]) == "w: its first line must be array,vector,column_0 to column_7, as expected.csv"
    assert told(good[:1]) == "w: holds no words; give a line for each array and vector, as in expected.csv"
    assert told(good[:-1]) == "w: array 5 lacks vector 22 (ramp_8); measure all 23"
    bad = [*good[:4], "6,0" + ",0" * 8, "0,23" + ",0" * 8, "0,0,1", "0,0,32" + ",0" * 7, "0,0,x", ""]
    assert told(bad).splitlines() == [
        "w: line 5: array 6 is not characterized, only 0, 1, 2, 3, 4, 5",
        "w: line 6: vector 23 is not in the plan, which has 0..22",
        "w: line 7: has 1 word, an array has 8 signed columns",
        "w: line 8: 32 is no word of a 6-bit converter, which gives -32..31",
        "w: line 9: must hold whole numbers, got '0,0,x'",
    ]
    with pytest.raises(InputError, match=r"w\.csv: cannot be read \(No such file or directory\)"):
        recover.read_words(tmp_path / "none" / "w.csv", made)


def test_other_chips_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"characterize: the program is for chip tiny \(id 0x.*\), small has 0x"):
        characterize.programs(chip(levels=2, code_bits=1), program([8, 4], TINY).mapping)
    with pytest.raises(InputError, match=r"--fraction 8: must be 0\.\.7, the largest power of two"):
        characterize.programs(TINY, fraction=8)
    made = characterize.programs(TINY)
    made[0].save(tmp_path / "c" / "array_1")
    for folder in (tmp_path, tmp_path / "c"):
        with pytest.raises(InputError, match="holds no characterization; make one with codesign characterize"):
            recover.load(folder)
