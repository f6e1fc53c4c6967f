"""Files made from code are up to date."""

from pathlib import Path

import pytest

from codesign.image.generated import texts

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(texts()))
def test_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text() == texts()[name], "run: python -m codesign.image.generated"
