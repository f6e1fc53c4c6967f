"""Spaces: every candidate once, told and asked alike; edges where the compiler's count of arrays changes."""

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FixedTrial

from codesign.chip.description import Chip
from codesign.errors import ConfigError
from codesign.mapping.tiles import own_arrays
from codesign.search.axes import Choice, Layers
from codesign.search.describe import Widths
from codesign.search.space import Candidate, Space, edges, space
from tests.search.toy import toy

HIDDEN = "free.network.hidden="


@pytest.fixture
def mixed(tmp_path: Path) -> Space:
    """Layers, numbers in order, numbers out of it, words, lists."""
    return space(
        toy(
            tmp_path,
            HIDDEN + "{depth=[0, 1, 3], widths=[8, 16, 24]}",
            "free.chip.adc.lanes=[4, 2, 8]",
            "free.quantize.scale=['layer', 'column']",
            "free.network.norm=[false]",
        )
    )


class TestCandidates:
    def test_each_once(self, mixed: Space) -> None:
        every = list(mixed)
        assert mixed.size == len(every) == len(set(every)) == (1 + 3 + 27) * 2 * 3 * 2

    def test_what_is_told_is_asked(self, mixed: Space) -> None:
        for candidate in mixed:
            told = mixed.parameters(candidate)
            assert mixed.ask(FixedTrial(told)) == candidate
            assert sum("hidden" in key for key in told) == 1 + len(candidate["network.hidden"])

    def test_made_undoes_plain(self, mixed: Space) -> None:
        for candidate in mixed:
            assert mixed.made(candidate.plain()) == candidate
        with pytest.raises(KeyError):
            mixed.made({"network.hidden": [8]})

    def test_none_of_ours(self, mixed: Space) -> None:
        first = next(iter(mixed))
        with pytest.raises(ValueError):
            mixed.parameters(Candidate((("network.hidden", (9,)), *first.settings[1:])))

    def test_for_people(self) -> None:
        candidate = Candidate((("network.hidden", (128, 64)), ("data.downsample", 2), ("quantize.scale", "layer")))
        assert candidate.label == "hidden 128-64, downsample 2, scale layer"
        assert Candidate((("network.hidden", ()),)).label == "hidden none"
        assert candidate["data.downsample"] == 2
        assert Candidate((("quantize.slices", {"fc1": 2, "fc2": "free"}),)).label == "slices fc1=2 fc2=free"

    def test_tables_are_values(self, tmp_path: Path) -> None:
        found = space(toy(tmp_path, "free.quantize.slices=[1, 'free', {fc1=2}, {fc1=2, fc2=2}]"))
        assert found.size == len(set(found)) == (6 + 36) * 2 * 4
        for candidate in found:
            assert found.ask(FixedTrial(found.parameters(candidate))) == candidate == found.made(candidate.plain())
        one, two = (Candidate((("quantize.slices", t),)) for t in ({"fc1": 2, "fc2": 1}, {"fc2": 1, "fc1": 2}))
        assert one == two and hash(one) == hash(two)

    def test_a_single_candidate_is_told_nothing(self) -> None:
        only = Space((Layers("network.hidden", (1,), (8,)), Choice("data.downsample", (1,))))
        (candidate,) = only
        assert only.parameters(candidate) == {}
        assert only.ask(FixedTrial({})) == candidate
        assert list(only.beside(candidate)) == []


class TestBeside:
    def test_layers(self) -> None:
        axis = Layers("network.hidden", (1, 2), (8, 16, 24))
        assert set(axis.beside((16,))) == {(8,), (24,), (16, 16)}
        assert set(axis.beside((8, 24))) == {(16, 24), (8, 16), (8,)}
        assert set(Layers("network.hidden", (0, 1), (8, 16)).beside(())) == {(8,)}

    def test_numbers_on_a_line_and_other_choices(self) -> None:
        assert list(Choice("k", (1, 2, 4)).beside(2)) == [1, 4]
        assert list(Choice("k", (1, 2, 4)).beside(4)) == [2]
        assert list(Choice("k", (4, 1, 2)).beside(4)) == [1, 2]
        assert list(Choice("k", ("a", "b", "c")).beside("a")) == ["b", "c"]
        assert list(Choice("k", (False, True)).beside(False)) == [True]

    def test_of_values_that_are_not_ours(self) -> None:
        """As those of a scaled baseline."""
        axis = Layers("network.hidden", (1, 2), (8, 16, 24))
        assert list(axis.beside((20,))) == [(16,), (24,), (20, 20)]
        assert list(axis.beside((4, 30))) == [(8, 30), (4, 24), (4,)]
        assert list(axis.beside((1, 2, 3))) == [(8, 2, 3), (1, 8, 3), (1, 2, 8), (1, 2)]
        assert list(Choice("k", (1, 4)).beside(2)) == [1, 4]
        assert list(Choice("k", ("a", "b")).beside("c")) == ["a", "b"]

    def test_one_key_differs_and_neighbours_are_mutual(self, tmp_path: Path) -> None:
        found = space(toy(tmp_path))
        every = set(found)
        for candidate in found:
            for key, near in found.beside(candidate):
                assert near in every
                assert [k for k, v in near.settings if candidate[k] != v] == [key]
                # A layer left out comes back as wide as the one before it, which may be another candidate.
                shorter = len(near["network.hidden"]) < len(candidate["network.hidden"])
                assert shorter or (key, candidate) in set(found.beside(near))


class TestEdges:
    @pytest.mark.parametrize(
        ("rows", "columns", "lanes"), [(16, 16, 4), (16, 16, 1), (32, 16, 8), (8, 48, 8), (8, 40, 8), (128, 128, 16)]
    )
    @pytest.mark.parametrize("slices", [1, 2, 3])
    def test_where_the_number_of_arrays_changes(self, rows: int, columns: int, lanes: int, slices: int) -> None:
        data: dict[str, Any] = Chip.load("tiny").model_dump()
        data |= {"arrays": {"count": 1, "rows": rows, "columns": columns}, "adc": {"bits": 6, "lanes": lanes}}
        chip = Chip.model_validate(data)
        most, tall, wide = 150, 1 << 8, 1 << 8

        def arrays(width: int) -> tuple[int, int]:
            return own_arrays(tall, width, slices, chip), own_arrays(width, wide, 1, chip)

        expected = [w for w in range(1, most) if arrays(w) != arrays(w + 1)]
        assert edges([(chip, slices, 1)], Widths(most=most)) == (*expected, most)
        least = expected[len(expected) // 2]
        assert edges([(chip, slices, 1)], Widths(least=least, most=most)) == (
            *(w for w in expected if w >= least),
            most,
        )

    def test_of_every_size_of_array(self, tmp_path: Path) -> None:
        found = space(toy(tmp_path, "free.chip.arrays.columns=[8, 16]", HIDDEN + "{most=20}"))
        assert found.axes[0] == Layers("network.hidden", (1,), (4, 8, 12, 16, 20))

    @pytest.mark.parametrize(
        ("sets", "widths"),
        [
            (("quantize.slices=2",), (4, 8, 12, 16, 20)),
            (("quantize.slices='free'",), (8, 16, 20)),  # these take no array
            (("quantize.slices={fc1=2}",), (4, 8, 12, 16, 20)),
            (("free.quantize.slices=['free', 1]",), (8, 16, 20)),
            (("free.quantize.slices=['free', 1, 2]",), (4, 8, 12, 16, 20)),
            (("free.quantize.slices.fc1=[1, 2]",), (4, 8, 12, 16, 20)),
            (("quantize.slices=2", "set.chip.arrays.columns=20"), (4, 8, 12, 16, 20)),
            (("quantize.slices={fc1=2}", "set.chip.arrays.columns=20"), (4, 8, 10, 12, 16, 20)),  # 10: fc2
        ],
    )
    def test_of_every_number_of_slices(self, tmp_path: Path, sets: tuple[str, ...], widths: tuple[int, ...]) -> None:
        found = space(toy(tmp_path, HIDDEN + "{most=20}", *sets))
        assert found.axes[0] == Layers("network.hidden", (1,), widths)

    def test_one_width_is_enough(self, tmp_path: Path) -> None:
        assert space(toy(tmp_path, HIDDEN + "{least=20, most=20}")).axes[0] == Layers("network.hidden", (1,), (20,))

    def test_every_impossible_value_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            space(toy(tmp_path, "free.train.batch=[1, 0, -1]", "free.chip.adc.bits=[6, 99]"))
        assert str(caught.value).replace(f"{tmp_path}/toy.toml: ", "").splitlines() == [
            "train.batch: must be at least 1, got 0",
            "train.batch: must be at least 1, got -1",
            "chip.adc.bits: must be at most 12, got 99",
        ]
