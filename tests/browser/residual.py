"""A page as large as they get: ResNet-20 with random weights on its chip, 34 arrays of 128 x 128 cells."""

import torch

from codesign.flow import Flow
from codesign.mapping import place
from codesign.page.blocks import Page
from codesign.page.run import run_page
from codesign.program import Program
from codesign.train.build import build
from codesign.train.export import export
from tests.page.pages import run_of

SHAPE = (3, 32, 32)


def resnet_page() -> Page:
    """Its page, with random images."""
    flow = Flow.load("cifar_resnet20")
    torch.manual_seed(0)
    net = build(flow, flow.network.layers(10), SHAPE, flow.chip, torch.Generator().manual_seed(0)).eval()
    page = run_page(run_of(Program(place(export(net, "resnet20"), flow.chip)), 8, SHAPE))
    assert sum(t.name == "layers" and len(t.rows) == 22 for t in page.tables) == 1
    return page
