"""The commands of docs/bringup.md are those that tests/packaging/test_walk.py runs."""

import re

from tests.docs.documents import ROOT

PAGE = (ROOT / "docs" / "bringup.md").read_text()


def fences(kind: str) -> list[str]:
    """Lines of the page's blocks of a kind."""
    return [line for block in re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S) for line in block.splitlines()]


def test_the_page_says_what_is_run_here() -> None:
    assert [line.split("  ")[0].split(" #")[0] for line in fences("sh")] == [
        "codesign chip new mychip.toml",
        "codesign chip check mychip.toml",
        "codesign compile model.onnx --chip mychip.toml --calibration x.npy --out PROGRAM",
        "codesign vectors PROGRAM --images 4 --each-layer --out PACK",
        "codesign compile NETWORK --chip mychip.toml --out PART --until conv2",
    ]
    assert [line.split("  ")[0] for line in fences("text")] == [
        "make -C PACK/tb",
        "make -C PACK/tb player",
        "python PACK/find_layer.py",
        "python PACK/find_layer.py ./on_my_board {}",
    ]
