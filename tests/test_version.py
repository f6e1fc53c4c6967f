"""One version: the package's, the citation's, and that of the newest changes."""

import re
from pathlib import Path

import yaml  # type: ignore[import-untyped]

import codesign

ROOT = Path(__file__).parents[1]


def test_one_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+) \(", changes, re.MULTILINE)[0] == codesign.__version__
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == codesign.__version__


def test_the_formats_that_the_changes_name() -> None:
    from codesign.chip.description import IMAGE_FORMAT, RTL_VERSION

    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for what, number in (("| register map | 1.0", RTL_VERSION), ("| images | format 1.0 | format", IMAGE_FORMAT)):
        told = re.search(rf"^{re.escape(what)}[| ]+(\d+)\.(\d+) \|", changes, re.MULTILINE)
        assert told and (int(told[1]), int(told[2])) == (number >> 16, number & 0xFFFF)
