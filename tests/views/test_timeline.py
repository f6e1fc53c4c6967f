"""Layers one after another, up to the end of the image."""

from codesign.mapping.timing import stream
from codesign.views.timeline import timeline
from tests.program.builds import built


def test_turns_follow_each_other_to_the_last_word() -> None:
    p = built()
    line = timeline(p.mapping)
    assert [t.cycles.layer for t in line.turns] == ["fc1", "fc2"]
    assert line.turns[0].start == 0 and line.turns[1].start == line.turns[0].end
    _, leaves = stream(p.mapping, 1)
    assert line.end == leaves[0] + 1, "cycles from the first input word to the last output word, both counted"
    assert line.bound == p.cycles.bound < line.end
