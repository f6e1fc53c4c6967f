"""Where trainings are kept: those with equal results are one."""

from pathlib import Path

import pytest

from codesign.jobs import training
from codesign.search import site
from tests.search.toy import opened, toy

DIES = ("evaluate.cells={variation=0.1}", "set.chip.device.code_bits=5", "set.chip.device.headroom=1.0")


def home(out: Path, hidden: list[int], *sets: str, arrays: int = 12) -> str:
    """The folder of a candidate's training, of full images."""
    context, here = opened(toy(out, f"free.network.hidden=[{hidden}]", "free.data.downsample=[1]", *sets), out / "out")
    context = context.under(context.limits.model_copy(update={"arrays": arrays}))
    (candidate,) = context.space
    return here.task(context, candidate, 1, 1, held_out=True).home.name


def test_budgets_share_trainings_unless_layers_lie_elsewhere(tmp_path: Path) -> None:
    """64-12-10 takes ten arrays of its own, fewer only if packed."""
    for sets in ((), DIES):
        assert home(tmp_path, [8], *sets) == home(tmp_path, [8], *sets, arrays=30)
    assert home(tmp_path, [12], *DIES, arrays=10) == home(tmp_path, [12], *DIES, arrays=13)
    packed = home(tmp_path, [12], *DIES, arrays=9)
    assert packed != home(tmp_path, [12], *DIES, arrays=12)
    assert home(tmp_path, [12], arrays=9) == home(tmp_path, [12], arrays=12), "ideal cells are alike anywhere"


def test_the_objective_counts_where_dies_are_drawn(tmp_path: Path) -> None:
    arrays = ("compile.objective=arrays",)
    assert home(tmp_path, [12], *DIES) != home(tmp_path, [12], *DIES, *arrays)
    assert home(tmp_path, [12]) == home(tmp_path, [12], *arrays)


def test_scores_of_another_rule_are_not_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def known(*sets: str) -> tuple[str, str]:
        context, here = opened(toy(tmp_path, *sets), tmp_path / "out")
        return here.identity(context), home(tmp_path, [8], *sets)

    ideal, drawn = known(), known(*DIES)
    packed = known(*DIES, "compile.objective=arrays")
    assert packed[0] != drawn[0]
    for module in (site, training):
        monkeypatch.setattr(module, "DRAWS", 1)
    assert known() == ideal
    assert all(a != b for a, b in zip(known(*DIES), drawn, strict=True))
