"""Data-parallel training under torch's launcher (`torchrun`): every process takes its share of each batch.

All processes draw the same order from the same seed and sum their gradients, so a batch counts as in one process.
The first process reads, writes and reports; the others only help to train.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn

from codesign.errors import ToolError
from codesign.train.ranks import rank, world


class Excused(Exception):
    """The first process has nothing to train."""


@contextmanager
def together(device: str) -> Iterator[None]:
    """The process group for the duration of training; nothing for a single process.

    Raises ToolError when the group cannot form.
    """
    if world() == 1 or distributed.is_initialized():
        yield
        return
    try:
        distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    except (RuntimeError, ValueError) as e:
        first = next(iter(str(e).splitlines()), type(e).__name__)
        raise ToolError(
            f"torchrun: {world()} processes cannot form a group ({first}); start all with `torchrun --nproc-per-node N`"
        ) from None
    try:
        yield
    finally:
        distributed.destroy_process_group()


def start(device: str, needed: bool = True) -> None:
    """Wait until the first process is ready. Raises Excused in the others when the first one needs no training."""
    if world() > 1:
        flag = torch.tensor([int(needed)], device=device)
        distributed.broadcast(flag, 0)
        if not flag.item() and rank():
            raise Excused


def excuse(device: str) -> None:
    """Release the processes that wait in `fit`: there is nothing to train."""
    with together(device):
        start(device, needed=False)


def add_gradients(model: nn.Module) -> None:
    """Sum the gradients of all processes."""
    if world() == 1:
        return
    found = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in found])
    distributed.all_reduce(flat)
    for g, part in zip(found, torch.split(flat, [g.numel() for g in found]), strict=True):
        g.copy_(part.view_as(g))


def share_buffers(model: nn.Module) -> None:
    """Copy the running statistics of the first process to every process."""
    for buffer in model.buffers() if world() > 1 else ():
        distributed.broadcast(buffer, 0)


def total(value: float, device: str) -> float:
    """Sum over all processes."""
    if world() == 1:
        return value
    summed = torch.tensor([value], dtype=torch.float64, device=device)
    distributed.all_reduce(summed)
    return summed.item()
