"""What documents point at is there: links, and paths of the checkout."""

import re

import pytest

from tests.docs.documents import ROOT, documents

ROOMS = ("codesign/", "docs/", "flows/", "hdl_templates/", "tests/", ".ci/")
DOCUMENTS = documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links(name: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", DOCUMENTS[name])
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (ROOT / name).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths(name: str) -> None:
    """Inline code that is a path from the top of the checkout; capitals stand for what a reader puts there."""
    paths = [p for p in re.findall(r"`([\w./-]+)`", DOCUMENTS[name]) if p.startswith(ROOMS)]
    assert [p for p in paths if not re.search(r"(?<![A-Za-z])[A-Z]+(?![A-Za-z])", p) and not (ROOT / p).exists()] == []


def test_there_are_some_to_check() -> None:
    assert len(re.findall(r"\]\(", "".join(DOCUMENTS.values()))) > 10
