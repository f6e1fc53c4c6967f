"""Imperfect cells during training: what `codesign.devices` does to a die happens in every forward pass.

Every pass draws a new die, so that the network learns to tolerate any of them. A map of stuck cells is the same in
every pass, so that the network learns to tolerate that die. Gradients flow as if the cells were ideal. The effects
have the order of `devices.draw`, without its rounding to codes. Noise in training makes networks robust to noisy cells:
Joshi et al., Nature Communications 11, 2473 (2020).
"""

import torch
from torch import Tensor
from torch.nn import functional

from codesign.chip.device import Device
from codesign.devices import Cells
from codesign.errors import InputError
from codesign.fixed import IntType, plane_weights
from codesign.train.layers.grid import Grid

HEALTHY = -1  # in a map of stuck cells; any other value is the level at which a cell is stuck


class CellNoise:
    """Deviations of the two cells of every pair of one layer, drawn from `generator`.

    `rows` and (signed) `columns` of an array determine its wires. `stuck` is an optional map (outputs, inputs, 2) of
    int8: -1 for a healthy cell, else the level at which the + or - cell is stuck; all slices share it.
    """

    def __init__(
        self,
        cells: Cells,
        device: Device,
        rows: int,
        columns: int,
        generator: torch.Generator,
        stuck: Tensor | None = None,
    ) -> None:
        self.cells, self.generator, self.rows, self.columns, self.stuck = cells, generator, rows, columns, stuck
        self.off, self.top = float(device.codes[0]), float(device.codes[-1])
        self.ceiling = float((1 << device.code_bits) - 1)  # no cell holds a larger code
        self._codes = torch.tensor(device.codes, dtype=torch.float32)  # of each level
        weights = torch.tensor(list(device.pairs), dtype=torch.float32)
        self._edges = (weights[1:] + weights[:-1]) / 2
        self._pairs = self._codes[torch.tensor(list(device.pairs.values()))]  # (weights, 2): codes of + and -

    def __call__(self, digits: Tensor) -> Tensor:
        """What pairs hold that were programmed to `digits` (any shape, outputs first); gradients flow unchanged.

        Weights that are not rounded deviate as the nearest pair would.
        """
        return digits + self._deviation(digits.detach())

    @torch.no_grad()
    def _deviation(self, digits: Tensor) -> Tensor:
        index = torch.bucketize(digits.flatten(1).contiguous(), self._edges.to(digits))
        ideal = self._pairs.to(digits)[index]  # (outputs, inputs, 2)
        moved = self._held(ideal) - ideal
        return (moved[..., 0] - moved[..., 1]).reshape(digits.shape)

    def _held(self, pair: Tensor) -> Tensor:
        """Unrounded codes of cells (outputs, inputs, 2) on a new die."""
        c = self.cells
        if c.variation:
            deviation = torch.empty_like(pair).normal_(generator=self._on(pair)) * c.variation
            normal = c.distribution == "normal"
            pair = (pair + deviation * self.top).clamp_(min=0) if normal else pair * deviation.exp_()
        if c.stuck_on or c.stuck_off:
            u = torch.empty_like(pair).uniform_(generator=self._on(pair))
            pair = torch.where(u < c.stuck_on, self.top, torch.where(u >= 1 - c.stuck_off, self.off, pair))
        if self.stuck is not None:
            level = self.stuck.to(pair.device).long()
            pair = torch.where(level == HEALTHY, pair, self._codes.to(pair)[level.clamp(min=0)])
        if c.wire:
            pair = self._seen_through_wires(pair)
        return pair.clamp(max=self.ceiling)

    def _seen_through_wires(self, pair: Tensor) -> Tensor:
        """The same as `devices.cells.seen_through_wires`, for cells (outputs, inputs, 2) cut into arrays."""
        outputs, inputs = pair.shape[:2]
        bitlines = 2 * self.columns
        g = pair.transpose(0, 1).reshape(inputs, 2 * outputs)
        whole = functional.pad(g, (0, -2 * outputs % bitlines, 0, -inputs % self.rows), value=self.off)
        tiles = whole.reshape(-1, self.rows, whole.shape[1] // bitlines, bitlines)  # (T, R, U, C)
        drop = _onwards(tiles, 3).cumsum(3) + _onwards(tiles.cumsum(1), 1)
        seen = (tiles / (1 + self.cells.wire / self.top * drop)).reshape(whole.shape)[:inputs, : 2 * outputs]
        return seen.reshape(inputs, outputs, 2).transpose(0, 1)

    def _on(self, t: Tensor) -> torch.Generator:
        """The generator, on the device of `t`: a layer that moved draws the seed of one of its own."""
        if self.generator.device != t.device:
            seed = int(torch.randint(2**62, (), generator=self.generator, device=self.generator.device))
            self.generator = torch.Generator(t.device).manual_seed(seed)
        return self.generator

    def convert(self, current: Tensor, alpha: float) -> Tensor:
        """Add read noise to currents of single conversions, counted in 1 / `alpha` codes."""
        sd = self.cells.read_noise * self.top * alpha
        return current.add_(torch.empty_like(current).normal_(std=sd, generator=self._on(current))) if sd else current

    def read(self, acc: Tensor, kind: IntType, inputs: int, grid: Grid) -> Tensor:
        """Accumulators with the read noise of all their conversions: every bit, array and slice."""
        if not self.cells.read_noise:
            return acc
        arrays = -(-inputs // self.rows)
        slices = sum(float(grid.base) ** (2 * s) for s in range(grid.slices))
        power = float((plane_weights(kind) ** 2).sum()) * arrays * slices
        sd = self.cells.read_noise * self.top * power**0.5
        return acc + torch.empty_like(acc).normal_(std=sd, generator=self._on(acc))


def _onwards(t: Tensor, dim: int) -> Tensor:
    """Sum from each element to the end."""
    return t.flip(dim).cumsum(dim).flip(dim)


def check_stuck(stuck: Tensor, name: str, shape: tuple[int, ...], device: Device) -> Tensor:
    """The map of a layer whose weight has `shape`. Raises InputError when it does not fit."""
    inputs = 1
    for n in shape[1:]:
        inputs *= n
    wanted = (shape[0], inputs, 2)
    if tuple(stuck.shape) != wanted or stuck.dtype != torch.int8:
        raise InputError(
            f"stuck map: layer {name} needs int8 of shape {wanted} (outputs, inputs, + and -), "
            f"got {str(stuck.dtype).removeprefix('torch.')} {tuple(stuck.shape)}; map every cell of the layer"
        )
    if int(stuck.min()) < HEALTHY or int(stuck.max()) >= device.levels:
        raise InputError(
            f"stuck map: layer {name} must hold {HEALTHY} (healthy) or a level 0..{device.levels - 1}, "
            f"got {int(stuck.min())}..{int(stuck.max())}; give the level nearest to what the cell conducts"
        )
    return stuck
