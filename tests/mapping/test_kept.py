"""Activations that stay until an image is done, against a memory in which every step writes its own name."""

import numpy as np

from codesign.mapping import in_memory, kept
from codesign.mapping.mapping import Mapping
from tests.hdl.random_pictures import random_picture_chip, random_pictures


def owners(mapping: Mapping) -> list[int]:
    """The step that wrote each activation last; -1: none."""
    memory = [-1] * (mapping.chip.memory.activation_words * mapping.chip.word)
    for k, (step, layer) in enumerate(zip(mapping.steps, mapping.layers, strict=True)):
        if not step.raw:
            for at in range(layer.size.values):
                memory[step.write + at] = k
    return memory


def test_only_what_no_later_step_writes_over() -> None:
    stay = go = 0
    for seed in range(12):
        rng = np.random.default_rng(900 + seed)
        mapping = random_pictures(rng, random_picture_chip(rng), 2)[0].mapping
        memory, found = owners(mapping), {k.step: k for k in kept(mapping)}
        for k, (step, layer) in enumerate(zip(mapping.steps, mapping.layers, strict=True)):
            whole = not step.raw and memory.count(k) == layer.size.values
            assert (k in found) is whole
            if whole:
                one = found[k]
                assert (one.first, one.values, one.channels) == (memory.index(k), layer.size.values, layer.size.outputs)
                assert (one.layer, one.edge, one.signed) == (layer.name, layer.size.gives, step.out.signed)
            stay, go = stay + whole, go + (not whole and not step.raw)
    assert stay > 9 and go > 2


def test_pixel_by_pixel() -> None:
    edge = np.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2)
    assert in_memory(edge)[0].tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    assert in_memory(edge[:, :, 0, 0]).tolist() == [[0, 4, 8], [12, 16, 20]]
