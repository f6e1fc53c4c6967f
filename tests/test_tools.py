"""Missing tools: a skip for a person, a failure in continuous integration."""

import re
from pathlib import Path

import pytest

from tests.tools import needs

HERE = Path(__file__).parent


@pytest.mark.parametrize(("ci", "skipped"), [("", True), ("true", False), ("1", False)])
def test_a_missing_tool(ci: str, skipped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", ci)
    mark = needs("no-such-tool").mark
    assert (mark.args[0], mark.kwargs["reason"]) == (skipped, "no-such-tool is not installed")
    assert needs("sh").mark.args[0] is False


def test_nobody_skips_for_a_tool_in_another_way() -> None:
    found = [
        path.name
        for path in HERE.rglob("*.py")
        if path.name != "tools.py" and re.search(r"(skip|skipif)\(.*which\(", path.read_text())
    ]
    assert found == []
