"""Files made from code are up to date."""

from pathlib import Path

import pytest

from codesign.image.generated import BRINGUP, FORMAT, SHOWN, tables, texts, with_tables

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(texts(ROOT)))
def test_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text() == texts(ROOT)[name], "run: python -m codesign.image.generated"


def test_every_table_stands_in_a_document_once() -> None:
    text = (ROOT / FORMAT).read_text() + (ROOT / BRINGUP).read_text()
    for name, table in tables().items():
        source = f"flows/chips/{SHOWN}.toml" if name == "memory_map" else "codesign/chip/layout.py"
        assert text.count(f"<!-- made from {source}: {name} -->\n\n{table}\n<!-- end -->\n") == 1, name
    assert text.count("<!-- end -->") == len(tables())


def test_a_table_changed_by_hand_is_put_right() -> None:
    text = (ROOT / FORMAT).read_text()
    changed = text.replace("| 0 | 20:16 | `shift` |", "| 0 | 21:17 | `shift` |")
    assert changed != text and with_tables(changed) == text
