"""Pages for tests: a small run of random weights, and what a reader finds in a page's HTML."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np

from codesign.page.folder import Run, Tested
from codesign.program import Program
from codesign.report import Accuracies, Accuracy, Data, Metrics
from tests.report.example import example

VOID = {"meta", "link", "img", "br", "hr", "input"}


@dataclass
class Found(HTMLParser):
    """What a page holds; `wrong` lists tags that do not match."""

    open: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    headings: list[int] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)  # images without a description
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = dict(attributes)
        if len(told) < len(attributes):
            self.wrong.append(f"<{tag}> has an attribute twice")
        if tag not in VOID:
            self.open.append(tag)
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(int(tag[1]))
        self.ids += [told["id"] or ""] if "id" in told else []
        self.links += [v for k in ("href", "src", "action", "data", "srcset") if (v := told.get(k))]
        if (told.get("role") == "img" and not told.get("aria-label")) or (tag == "img" and not told.get("alt")):
            self.unnamed.append(str(self.get_starttag_text()))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.wrong.append(f"</{tag}> closes {self.open[-3:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data


def found(html: str) -> Found:
    """What a page holds."""
    reader = Found()
    reader.feed(html)
    reader.close()
    assert not reader.open, reader.open
    return reader


def run_of(program: Program, images: int = 12, shape: tuple[int, ...] | None = None, seed: int = 0) -> Run:
    """A finished run of a program, on random inputs and labels."""
    rng, network = np.random.default_rng(seed), program.network
    size = int(np.prod(network.shape_of("input")))
    x = rng.integers(network.input.lo, network.input.hi + 1, (images, size))
    labels = rng.integers(0, network.outputs, images)
    same = Accuracy(percent=50, images=images)
    few = Accuracy(percent=75, images=4)
    accuracies = Accuracies(float=same, quantized=same, network=same, reference=same, reference_simulated=few, rtl=few)
    data = Data(name="noise", train=100, test=images, features=size, classes=network.outputs, shape=shape)
    m: Metrics = example(name=network.name, chip=program.chip.name, accuracy=accuracies, data=data)
    return Run(
        m,
        'name = "noise"\n',
        program,
        Tested(x, labels, program.run(x)),
        versions={"codesign": "0"},
        data_crc="0x00000000",
    )
