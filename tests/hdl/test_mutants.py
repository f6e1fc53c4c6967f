"""Faults that only unusual geometries and shared arrays show are told by tests of the default suite."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codesign.errors import ToolError
from codesign.fixed import IntType, Trim
from codesign.mapping import layers
from codesign.program import Program
from codesign.sim import simulate
from tests.hdl import (
    test_array,
    test_convert,
    test_convert_vector,
    test_drain,
    test_drain_operands,
    test_fetch,
    test_fetch_operands,
    test_memory,
    test_operand,
    test_pool,
    test_requant,
    test_stream_in,
    test_walk,
    test_window,
    test_wordlines,
)
from tests.hdl.geometries import shaped
from tests.hdl.mutants import Mutant
from tests.hdl.programs import images, program
from tests.hdl.walked import WALKS

Run = Callable[[Path], None]


def fetches(folder: Path) -> None:
    test_fetch.test_fetch("wide-word", folder)


def loads_operands(folder: Path) -> None:
    test_fetch_operands.test_fetch_operands(2, folder)


def keeps_operands(folder: Path) -> None:
    test_operand.test_operand(5, 3, 7, 5, folder)


def takes_operands(folder: Path) -> None:
    test_drain_operands.test_drain_operands(4, 8, 18, folder)


def passes_over(folder: Path) -> None:
    test_convert_vector.test_convert_vector(folder)


def converts(folder: Path) -> None:
    test_convert.test_convert("tiny", folder)


def drains(folder: Path) -> None:
    test_drain.test_drain("wide-word", folder)


def requantizes(folder: Path) -> None:
    test_requant.test_requant(8, 20, 8, 6, folder)


def adds_terms(folder: Path) -> None:
    test_requant.test_requant(1, 6, 1, 3, folder)


def remembers(folder: Path) -> None:
    test_memory.test_memory(3, 8, 5, 3, folder)


def turns(folder: Path) -> None:
    test_window.test_window(8, 21, 3, folder)


def walks(folder: Path) -> None:
    test_walk.test_walk(1, 7, folder)


def streams(folder: Path) -> None:
    test_stream_in.test_stream_in(3, 4, 20, folder)


def pools(folder: Path) -> None:
    test_pool.test_pool(6, 4, 8, folder)


def clears(folder: Path) -> None:
    test_wordlines.test_wordlines(3, 5, 3, 0, folder)
    test_wordlines.test_wordlines(3, 5, 3, 1, folder)


def samples(folder: Path) -> None:
    test_array.test_programmed_over_the_bus(test_array.CHIPS["tiny"], folder)


def simulated(p: Program, folder: Path) -> None:
    """The whole chip: words and cycles, of layers that all tell images apart."""
    x = images(6, p.network)
    assert all(len(np.unique(values, axis=0)) > 3 for values in layers(p.mapping, x).values())
    result = simulate(p, x, load="backdoor", folder=folder)
    assert result.mismatches == () and result.timing_errors == 0


def forty_arrays(folder: Path) -> None:
    p = program([60, 60, 4], shaped("forty-arrays", 40), kind=IntType(3), hidden=IntType(4))
    assert max(a for s in p.mapping.steps for b in s.blocks for a in b.arrays[1:]) > 32
    simulated(p, folder)


def shared_arrays(folder: Path) -> None:
    """Layers that share arrays, with weights in slices and a range of its own for each."""
    trims = {"fc1": Trim(1, 1), "fc2": Trim(3, 2), "fc3": Trim(1, 0)}
    simulated(Program(WALKS["wide-word"].mapping(IntType(3), IntType(4), trims)), folder)


LATE = "reg [7:0] late; always @(posedge clk) if (bank_free) late <= step_gain; assign gain = late;"
ALWAYS = "`XB_OP_ADD ? earlier + {{(WIDE-BIAS){bias[BIAS-1]}}, bias} :"
READY = "(!place_first || step_wait == 3'd0 ||"
FIRST_LATE = "reg late; always @(posedge clk) if (s_valid && s_end) late <= s_first; wire meets = s_valid && !late;"
ADVANCES = "index <= s_end ? {POOL_BITS{1'b0}} : index + 1'b1;"
ZERO = "if (lane != 4 && {16'd0, columns} > lane)"
FAULTS: dict[str, tuple[Mutant, tuple[Run, ...]]] = {
    "links-of-arrays-above-32": (Mutant("xb_front.v", "LINKED_LOW(MASK_WORDS)", "LINKED_LOW(1)"), (forty_arrays,)),
    "operands-swapped": (
        Mutant("xb_operand.v", "groups[head];", "groups[count > 1 && head != LAST ? head + 1'b1 : head];"),
        (keeps_operands,),
    ),
    "an-operand-too-many": (Mutant("xb_fetch.v", "operands != OPERANDS[OPERAND_BITS-1:0]", "1'b1"), (loads_operands,)),
    "an-operand-too-few": (
        Mutant("xb_fetch.v", "operands != OPERANDS[OPERAND_BITS-1:0]", "operands + 1'b1 < OPERANDS[OPERAND_BITS-1:0]"),
        (loads_operands,),
    ),
    "operands-on-wordlines": (Mutant("xb_fetch.v", "issue && !load_operand ?", "issue ?"), (loads_operands,)),
    "operands-from-the-source": (Mutant("xb_fetch.v", "load_at_write ?", "1'b0 ?"), (loads_operands,)),
    "vector-steps-take-a-bank": (
        Mutant("xb_fetch.v", "fills = ends && !step_vector", "fills = ends"),
        (loads_operands,),
    ),
    "vector-steps-wait-for-a-bank": (Mutant("xb_fetch.v", "(step_vector || occupied", "(occupied"), (loads_operands,)),
    "full-at-6": (Mutant("xb_fetch.v", "FULL = 3'd7;", "FULL = 3'd6;"), (loads_operands,)),
    "passed-over-between-groups-alone": (
        Mutant("xb_convert.v", "step_ends = step_vector ||", "step_ends = (step_vector && turn) ||"),
        (passes_over,),
    ),
    "vector-steps-sampled": (Mutant("xb_convert.v", "!step_vector && turn &&", "turn &&"), (passes_over,)),
    "vector-steps-driven": (Mutant("xb_convert.v", "2'd0 && !step_vector}}", "2'd0}}"), (passes_over,)),
    "sign-ignored": (Mutant("xb_drain.v", "{tile_signed && ", "{1'b0 && "), (takes_operands,)),
    "a-repeat-short": (
        Mutant("xb_drain.v", "repeats == tile_repeats;", "repeats + 16'd1 >= tile_repeats;"),
        (takes_operands,),
    ),
    "emitted-at-each-repeat": (Mutant("xb_drain.v", "tile_last && entry_end;", "tile_last;"), (takes_operands,)),
    "constants-of-the-first-group": (
        Mutant("xb_drain.v", "+ number[CONSTANT_BITS-1:0]", "+ (step_vector ? 0 : number[CONSTANT_BITS-1:0])"),
        (takes_operands,),
    ),
    "last-group-not-short": (
        Mutant("xb_drain.v", "- passed[9:0]", "- (step_vector ? 10'd0 : passed[9:0])"),
        (takes_operands,),
    ),
    "places-moved-twice": (
        Mutant("xb_drain.v", "(step_vector ? {ACTIVATION_BITS{1'b0}} : passed", "(passed"),
        (takes_operands,),
    ),
    "vector-steps-turn-buffers": (
        Mutant("xb_drain.v", "if (!step_vector) read_buffer", "read_buffer"),
        (takes_operands,),
    ),
    "vector-steps-free-buffers": (
        Mutant("xb_drain.v", "step_end && !step_vector;", "step_end;"),
        (takes_operands,),
    ),
    "operands-not-awaited": (Mutant("xb_drain.v", "? operand_valid :", "? 1'b1 :"), (takes_operands,)),
    "touched-until-the-next-load": (
        Mutant("xb_wordlines.v", "rst || load_ends", "rst || (load_ends && load_arrays != 0)"),
        (clears,),
    ),
    "lane-4-is-zero": (Mutant("xb_requant.v", "if ({16'd0, columns} > lane)", ZERO), (requantizes,)),
    "writes-stay-in-their-word": (
        Mutant("xb_memory.v", "odd_data = write_odd ? low : high", "odd_data = low"),
        (remembers,),
    ),
    "turned-the-wrong-way": (Mutant("xb_window.v", "}} >> turn;", "}} << turn;"), (turns, shared_arrays)),
    "turned-for-wordline-0": (
        Mutant("xb_fetch.v", "[9:0]) - load_wordline;", "[9:0]);"),
        (fetches, shared_arrays),
    ),
    "a-wordline-off": (
        Mutant("xb_front.v", "load_entry[`XB_LOAD_WORDLINE])", "load_entry[`XB_LOAD_WORDLINE] + 10'd1)"),
        (shared_arrays,),
    ),
    "run-a-wordline-off": (
        Mutant("xb_fetch.v", "load_first <= load_wordline;", "load_first <= load_wordline + 10'd1;"),
        (fetches,),  # a chip clears an array's lines with its first load, and later runs lie above
    ),
    "data-a-wordline-off": (
        Mutant("xb_fetch.v", "load_real_first <= load_wordline +", "load_real_first <= load_wordline + 10'd1 +"),
        (fetches, shared_arrays),
    ),
    "nothing-is-cleared": (
        Mutant("xb_wordlines.v", "load_arrays & touched,", "load_arrays,"),
        (clears, shared_arrays),
    ),
    "range-a-step-late": (Mutant("xb_convert.v", "assign gain = step_gain;", LATE), (converts, shared_arrays)),
    "range-not-held": (Mutant("model/xb_array_packed.v", "value * held_gain", "value * {24'd0, gain}"), (samples,)),
    "bias-in-every-term": (Mutant("xb_requant.v", "`XB_OP_ADD ? earlier :", ALWAYS), (adds_terms,)),
    "correction-of-half-the-run": (
        Mutant("xb_drain.v", "- {1'b0, tile_correction}", "- {1'b0, tile_correction >> 1}"),
        (drains, shared_arrays),
    ),
    "runs-go-on-in-the-next-row": (Mutant("xb_fetch.v", "left > run ? behind", "1'b1 ? behind"), (fetches,)),
    "runs-begin-in-the-row-before": (Mutant("xb_fetch.v", "load_bounded ? skipped[9:0]", "1'b0 ? 10'd0"), (fetches,)),
    "rows-above-are-real": (
        Mutant("xb_fetch.v", "row >= {8'd0, step_rows} ||", "(row >= {8'd0, step_rows} && !row[23]) ||"),
        (fetches,),
    ),
    "rows-below-are-real": (Mutant("xb_fetch.v", "row >= {8'd0, step_rows} ||", "row[23] ||"), (fetches,)),
    "rows-behind-are-real": (
        Mutant("xb_fetch.v", "(!column[23] && column >= {8'd0, step_row_length})", "1'b0"),
        (fetches,),
    ),
    "outside-is-left-as-it-was": (
        Mutant("xb_window.v", "all[ROWS-1:0] & real_lines", "all[ROWS-1:0] & m_lines"),
        (turns,),
    ),
    "wait-at-every-instance": (Mutant("xb_fetch.v", READY, READY.replace("!place_first || ", "")), (fetches,)),
    "input-released-an-instance-early": (
        Mutant("xb_fetch.v", "release_0 = step_ends &&", "release_0 = ends &&"),
        (fetches,),
    ),
    "whole-image-not-awaited": (Mutant("xb_fetch.v", "step_whole ? whole :", "step_whole ? 1'b1 :"), (fetches,)),
    "inner-loops-go-on": (Mutant("xb_walk.v", "turn_1 <= ends[1] ? 16'd0 :", "turn_1 <="), (walks, drains)),
    "walks-do-not-return": (Mutant("xb_walk.v", "moved <= !last;", "moved <= 1'b1;"), (walks, fetches, drains)),
    "window-of-a-loop-more": (Mutant("xb_walk.v", "3'b111 << window", "3'b110 << window"), (walks, drains)),
    "one-instance-converted": (Mutant("xb_convert.v", "== step_instances;", "== 24'd0;"), (converts,)),
    "an-instance-too-many": (
        Mutant(
            "xb_convert.v", "instance_number <= last_instance ? 24'd0 :", "instance_number <= last_instance ? 24'd1 :"
        ),
        (converts,),
    ),
    "places-move-with-tiles": (
        Mutant("xb_drain.v", ".advance(issue && step_end)", ".advance(issue && tile_end)"),
        (drains,),
    ),
    "image-ends-an-instance-early": (Mutant("xb_drain.v", "step_end && place_last &&", "step_end &&"), (drains,)),
    "signed-maximum-compared-unsigned": (Mutant("xb_pool.v", "b == BITS - 1 && s_signed", "1'b0"), (pools,)),
    "window-begins-an-instance-late": (
        Mutant("xb_pool.v", "wire             meets = s_valid && !s_first;", FIRST_LATE),
        (pools,),
    ),
    "window-is-written-at-its-start": (Mutant("xb_pool.v", "s_valid && s_last;", "s_valid && s_first;"), (pools,)),
    "groups-counted-on": (Mutant("xb_pool.v", ADVANCES, "index <= index + 1'b1;"), (pools,)),
    "whole-a-beat-early": (
        Mutant("xb_stream_in.v", "assign {whole_1, whole_0} = full;", "assign {whole_1, whole_0} = full | {2{ends}};"),
        (streams,),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "run"), [(name, run) for name, (_, runs) in FAULTS.items() for run in runs])
def test_killed(name: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "right")
    FAULTS[name][0].install(monkeypatch, tmp_path)
    with pytest.raises((ToolError, AssertionError)) as told:
        run(tmp_path / "wrong")
    assert "does not compile" not in str(told.value)
