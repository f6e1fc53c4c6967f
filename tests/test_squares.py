"""Arrays as pictures for notebooks: every part with its colour and its words, everything escaped."""

from codesign.chip.description import Chip
from codesign.sim.result import Mismatch, Result
from codesign.squares import COLOURS, MOST, Rectangle, Square, html_squares
from tests.page.pages import found
from tests.program.builds import built


def test_every_part_is_drawn_in_the_colour_of_its_name() -> None:
    squares = [
        Square("array 0", (Rectangle(0, 0, 4, 2, "a", "a here"), Rectangle(4, 0, 2, 2, "b", "b here"))),
        Square("array 1", (Rectangle(0, 0, 6, 8, "a", "a <again>"),)),
    ]
    text = html_squares(squares, 8, 8)
    assert text.count(f'fill="{COLOURS[0]}"') == 2 and text.count(f'fill="{COLOURS[1]}"') == 1
    assert '<rect x="4" y="0" width="2" height="2"' in text
    assert "<title>a &lt;again&gt;</title>" in text and "<again>" not in text
    assert found(text).wrong == []


def test_many_arrays_are_counted_not_drawn() -> None:
    text = html_squares([Square(f"array {k}", ()) for k in range(MOST + 3)], 4, 4)
    assert text.count("<svg") == MOST and "3 more arrays" in text


def test_programs_mappings_and_chips_show_their_arrays() -> None:
    program = built()
    pieces = sum(len(u.pieces) for u in program.mapping.arrays)
    for text in (program._repr_html_(), program.mapping._repr_html_()):
        reader = found(text)
        assert reader.wrong == [] and text.count("<rect") == pieces
        assert "fc1: inputs 0 to " in reader.text
    assert "20 x 11" in program._repr_html_()
    chip = Chip.load("tiny")
    assert chip._repr_html_().count("<svg") == chip.arrays.count == 6


def test_a_wrong_result_lists_its_words() -> None:
    outputs = built().run([[1] * 20])
    wrong = tuple(Mismatch(k, "fc2", 1, 4, 2, 7, 8) for k in range(12))
    text = Result(outputs, [42], 0, wrong, 0, 1.0)._repr_html_()
    assert "NOT as predicted" in text and text.count("array 4, column 2") == 10
    right = Result(outputs, [42], 0, (), 0, 1.0)._repr_html_()
    assert "every word and cycle as predicted" in right and right.count("<table>") == 1
