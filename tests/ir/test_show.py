"""The printed network is stable: goldens and bug reports rely on it."""

from dataclasses import replace

from codesign.fixed import IntType, Trim
from codesign.ir import show
from tests.ir.networks import residual, toy


def test_golden() -> None:
    assert show(toy()) == (
        "network toy: 5 x i4\n"
        "  fc1 = linear(input) 5x4 weights -3..3 shift 1 -> u4 #ef793304\n"
        "  fc2 = linear(fc1) 4x3 weights -3..3 shift 0 -> i32 #b92589fb\n"
    )


def test_golden_of_every_kind() -> None:
    assert show(residual()) == (
        "network residual: 32 (2x4x4) x u4\n"
        "  conv1 = conv(input) 4x2x3x3 stride 1 padding 1 groups 1 weights -3..3 shift 5 -> u4 #1ace2d75\n"
        "  conv2 = conv(conv1) 4x1x3x3 stride 1 padding 1 groups 4 weights -3..3 shift 4 -> i5 #6366ec7a\n"
        "  add = add(conv1, conv2) shift 2 -> u4 #1dfe36ff\n"
        "  pool = maxpool(add) 2x2 stride 2 -> u4\n"
        "  conv3 = conv(pool) 6x4x1x1 stride 1 padding 0 groups 1 weights -3..3 shift 4 -> u4 #33d68d84\n"
        "  avg = avgpool(conv3) 2x2 stride 2 shift 3 -> u4 #f28afa68\n"
        "  fc = linear(avg) 6x3 weights -3..3 shift 0 -> i32 #afd106b4\n"
    )


def test_golden_of_trims() -> None:
    fc1, fc2 = toy().nodes
    text = show(toy(nodes=(replace(fc1, trim=Trim(3, 2)), replace(fc2, trim=Trim(1, 0)))))
    assert text == (
        "network toy: 5 x i4\n"
        "  fc1 = linear(input) 5x4 weights -3..3 shift 1 trim 3>>2 -> u4 #ef793304\n"
        "  fc2 = linear(fc1) 4x3 weights -3..3 shift 0 trim 1>>0 -> i32 #b92589fb\n"
    )


def test_golden_of_slices_cuts_and_padding() -> None:
    fc1, fc2 = toy().nodes
    text = show(toy(nodes=(replace(fc1, trim=Trim(3, 2), slices=3, cut=6), replace(fc2, slices=2))))
    assert text == (
        "network toy: 5 x i4\n"
        "  fc1 = linear(input) 5x4 weights -3..3 shift 1 trim 3>>2 slices 3 cut 6 -> u4 #ef793304\n"
        "  fc2 = linear(fc1) 4x3 weights -3..3 shift 0 slices 2 -> i32 #b92589fb\n"
    )
    assert "pool = maxpool(add) 2x2 stride 2 padding 1x0 -> u4\n" in changed(3, padding=(1, 0))


def test_golden_of_ranges() -> None:
    fc1, fc2 = toy().nodes
    narrow = replace(fc1, requant=replace(fc1.requant, out=IntType(4, True, (-7, 7))))
    assert show(toy(input=IntType(4, True, (-3, 7)), nodes=(narrow, fc2))) == (
        "network toy: 5 x i4[-3..7]\n"
        "  fc1 = linear(input) 5x4 weights -3..3 shift 1 -> i4[-7..7] #ef793304\n"
        "  fc2 = linear(fc1) 4x3 weights -3..3 shift 0 -> i32 #b92589fb\n"
    )
    add = residual().nodes[2]
    text = changed(2, requant=replace(add.requant, out=IntType(4, within=(0, 6))))
    assert "add = add(conv1, conv2) shift 2 -> u4[0..6] #1dfe36ff\n" in text
    assert "pool = maxpool(add) 2x2 stride 2 -> u4[0..6]\n" in text, "a pool keeps the range"


def changed(at: int, **changes: object) -> str:
    nodes = list(residual().nodes)
    nodes[at] = replace(nodes[at], **changes)  # type: ignore[arg-type]
    return show(residual(nodes=tuple(nodes)))


def test_every_field_shows() -> None:
    conv1, _, add, _, _, avg, _ = residual().nodes
    other_bias = replace(avg.requant, bias=avg.requant.bias + 1)
    texts = [
        show(residual()),
        show(residual(shape=(2, 2, 8))),
        changed(0, stride=2),
        changed(0, padding=2),
        changed(0, groups=2),
        changed(0, weight=conv1.weight[::-1]),
        changed(0, trim=Trim(1, 0)),
        changed(2, source="pool"),
        changed(2, other="pool"),
        changed(2, other_mult=add.other_mult + 1),
        changed(3, size=1),
        changed(3, stride=1),
        changed(5, size=1),
        changed(5, stride=1),
        changed(5, requant=other_bias),
    ]
    assert len(set(texts)) == len(texts)


def test_a_changed_weight_or_bias_shows() -> None:
    fc1, fc2 = toy().nodes
    weight, bias = fc2.weight.copy(), fc2.requant.bias.copy()
    weight[0, 0] += 1
    bias[0] += 1
    texts = {
        show(toy(nodes=(fc1, last)))
        for last in (fc2, replace(fc2, weight=weight), replace(fc2, requant=replace(fc2.requant, bias=bias)))
    }
    assert len(texts) == 3
