"""The programs of tests.hdl.walked hold what the benches of fetch, convert and drain are to meet."""

from codesign.fixed import IntType
from tests.hdl.walked import WALKS


def test_walks_meet_every_case() -> None:
    walks = [w.mapping(IntType(3, True), IntType(5)) for w in WALKS.values()]
    steps = [s for m in walks for s in m.steps]
    loads = [load for s in steps for load in s.loads]
    assert {(m.chip.word > m.chip.arrays.rows) - (m.chip.word < m.chip.arrays.rows) for m in walks} == {-1, 0, 1}
    assert any(load.wordline and load.offset for load in loads), "a run in the middle of both"
    assert any(load.from_memory and step.source and load.offset for step in steps for load in step.loads)
    assert any(
        len({a for load in s.loads for a in load.arrays}) < sum(len(load.arrays) for load in s.loads) for s in steps
    )
    assert any(s.first_group for s in steps) and any(s.column_groups > 1 for s in steps)
    assert any(s.write for s in steps) and any(t.column for s in steps for t in s.tiles)
    chains = [t.terms for s in steps for t in s.tiles if len(t.terms) > 1]
    assert any(term.group for terms in chains for term in terms), "a slice in the columns beside another"
    assert any(len({term.correction for term in terms}) > 1 for terms in chains), "runs of different length"
    assert any(t.columns > m.chip.adc.lanes for m in walks for s in m.steps for t in s.tiles if len(t.terms) > 1)
    assert any(len(t.terms) > 1 for m in walks for s in m.steps[:-1] for t in s.tiles), "a hidden layer in slices"
