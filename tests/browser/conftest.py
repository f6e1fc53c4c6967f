"""Chromium without a window, and a page of each kind from real runs, made once."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from codesign import flow, page, search, study
from codesign.page.render import html
from tests.browser.residual import resnet_page
from tests.browser.screen import Screen

SHOTS = Path(os.environ.get("CODESIGN_SHOTS", "build/browser"))  # test artefacts, to be looked at
KINDS = (
    "run",
    "pictures",
    "die",
    "study",
    "search",
    "front",
    "screen",
    "reach",
    "comparison",
    "chips",
    "program",
    "resnet",
)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind by name: the embedded flows shortened, a quick study, quick searches, comparisons."""
    home = tmp_path_factory.mktemp("pages")
    short = ["train.epochs=3", "simulate.images=4"]
    flow.run(flow.Flow.load("digits_mlp", short), home / "run")
    flow.run(flow.Flow.load("digits_cnn", [*short, "train.baseline=false"]), home / "pictures")
    flow.run(flow.Flow.load("flows/my_die.toml", short), home / "die")
    for one in study.load(Path("flows/iscas2018/drop.toml")):
        study.run(one.quickly(), home / "study")
    small = ["search.trials=12", "train.epochs=2", "search.rungs=[1]", "simulate.images=2"]
    question = search.load("digits", small, quick=True)
    search.optimize(question, home / "search", budgets=[4, 12])
    search.front(question, home / "front", "energy_nj")
    search.screen(question, home / "screen")
    search.reach(question, home / "reach", 12.0)
    found = {kind: home / kind / page.NAME for kind in KINDS[:8]}
    found["comparison"] = page.write_comparison([home / "run", home / "pictures"], home / "comparison.html")
    found["chips"] = page.write_comparison(["reference-128", "tiny"], home / "chips.html")
    found["program"] = page.write(home / "run" / "02_compile" / "program", home / "program.html")
    found["resnet"] = home / "resnet.html"
    found["resnet"].write_text(html(resnet_page()), encoding="utf-8")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Screen]:
    """Chromium; skipped where it is not installed, a failure with $CI set."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program, driver = next(filter(None, map(shutil.which, names)), None), shutil.which("chromedriver")
    if program is None or driver is None:
        assert not os.environ.get("CI"), "Chromium and chromedriver are missing"
        pytest.skip("needs Chromium and chromedriver; ./dev browser installs them")
    screen = Screen(program, driver, SHOTS)
    yield screen
    screen.close()
