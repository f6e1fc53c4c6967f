"""What documents point at is there: links, headings, pictures, and paths of the checkout."""

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


def anchors(text: str) -> set[str]:
    """What a link may name of a page: its headings as forges write them, a number behind those that come again."""
    prose = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+?) *$", prose, re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w -]", "", plain.lower()).replace(" ", "-")
        found.append(f"{name}-{found.count(name)}" if name in found else name)
    return set(found)


def lost(name: str, text: str) -> list[str]:
    """Links of a page to a heading that is not there."""
    found = []
    for path, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", text):
        page = (ROOT / name).parent / path if path else ROOT / name
        if "://" not in path and anchor not in anchors(page.read_text(encoding="utf-8") if path else text):
            found.append(f"{path}#{anchor}")
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_anchors(name: str) -> None:
    assert lost(name, DOCUMENTS[name]) == []


def test_lost_anchors_are_seen() -> None:
    text = "# A `b.c`, d\n## e\n## e\n```sh\n# f\n```\n[1](#a-bc-d) [2](#e) [3](#e-1) [4](#f) [5](training.md#choice)"
    assert lost("docs/new.md", text) == ["#f", "training.md#choice"]
    assert sum(len(re.findall(r"\]\([^)\s]*#", text)) for text in DOCUMENTS.values()) > 20


@pytest.mark.parametrize("name", DOCUMENTS)
def test_pictures_say_what_they_show(name: str) -> None:
    assert all(len(told) > 20 for told in re.findall(r"!\[([^]]*)\]", DOCUMENTS[name]))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths(name: str) -> None:
    """Inline code that is a path from the top of the checkout; capitals stand for what a reader puts there."""
    paths = [p for p in re.findall(r"`([\w./-]+)`", DOCUMENTS[name]) if p.startswith(ROOMS)]
    assert [p for p in paths if not re.search(r"(?<![A-Za-z])[A-Z]+(?![A-Za-z])", p) and not (ROOT / p).exists()] == []


def test_there_are_some_to_check() -> None:
    assert len(re.findall(r"\]\(", "".join(DOCUMENTS.values()))) > 10
