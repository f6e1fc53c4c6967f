"""Shifts and mirrors: what moves where, and what comes in."""

import torch

from codesign.train.augment import mirrored, shifted


def test_shifts_cover_every_move_and_fill_the_edges() -> None:
    image = torch.arange(1, 10).reshape(1, 9).repeat(400, 1)
    moved = shifted(image, (1, 3, 3), 1, -7, torch.Generator().manual_seed(0)).view(-1, 3, 3)
    kinds = {tuple(m.flatten().tolist()) for m in moved}
    assert len(kinds) == 9  # all moves by -1, 0, 1 each way
    assert (1, 2, 3, 4, 5, 6, 7, 8, 9) in kinds
    assert (-7, -7, -7, -7, 1, 2, -7, 4, 5) in kinds  # down and to the right


def test_channels_move_together_and_images_apart() -> None:
    x = torch.randint(0, 255, (50, 2 * 4 * 4), generator=torch.Generator().manual_seed(1))
    x = torch.cat([x[:, :16], x[:, :16]], 1)
    moved = shifted(x, (2, 4, 4), 2, 0, torch.Generator().manual_seed(2))
    assert torch.equal(moved[:, :16], moved[:, 16:]) and not torch.equal(moved, x)
    again = shifted(x, (2, 4, 4), 2, 0, torch.Generator().manual_seed(2))
    assert torch.equal(moved, again)


def test_about_half_are_mirrored() -> None:
    x = torch.arange(6).reshape(1, 6).repeat(2000, 1)
    out = mirrored(x, (1, 2, 3), torch.Generator().manual_seed(0))
    turned = (out == torch.tensor([2, 1, 0, 5, 4, 3])).all(1)
    assert (turned | (out == x).all(1)).all()
    assert 900 < int(turned.sum()) < 1100
