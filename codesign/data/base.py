"""The data set record, and its images or rows of numbers as integers of a chip's input type."""

import math
import warnings
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.brief import Brief, times
from codesign.data import watch
from codesign.data.scaling import Bytes, Inputs, Numbers, Range, Scaling, of_bytes, of_reals, to_inputs
from codesign.errors import CodesignWarning, InputError
from codesign.fixed import IntType

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dataset(Brief):
    """Images as rows of uint8, or rows of real numbers; labels 0..classes-1.

    Construction refuses anything else with InputError.

    shape: (channels, height, width) of an image whose row is stored in that order, or () for plain features.
    spread: the value of `ranges`; absent: measured on the training images. scale: whether inputs span one range of the
    whole set, or each feature its own. names: what the classes are called, if known.
    """

    name: str
    x_train: Numbers  # (images, features), uint8 or finite floats
    y_train: Labels  # (images,)
    x_test: Numbers
    y_test: Labels
    classes: int
    shape: tuple[int, ...] = ()
    spread: Range | tuple[Range, ...] | None = None
    scale: str = "set"  # or "feature"
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part, x, y in (("train", self.x_train, self.y_train), ("test", self.x_test, self.y_test)):
            where = f"data set {self.name}: {part}"
            if x.ndim != 2 or x.size == 0 or x.dtype not in (np.uint8, np.float32, np.float64):
                raise InputError(
                    f"{where} images must be non-empty (images, features), uint8 or float, got {x.dtype} {x.shape}; "
                    "flatten them, one row each; Dataset.of does so"
                )
            if x.dtype != np.uint8 and not np.isfinite(x).all():
                image, feature = np.argwhere(~np.isfinite(x))[0]
                raise InputError(
                    f"{where} image {image} value {feature} is {x[image, feature]}; remove NaN and infinity"
                )
            if y.shape != (len(x),):
                raise InputError(
                    f"{where} labels must be one per image ({len(x)}), got shape {y.shape}; "
                    "give the class number of each image"
                )
            if y.min() < 0 or y.max() >= self.classes:
                raise InputError(
                    f"{where} labels must lie in 0..{self.classes - 1}, got {y.min()}..{y.max()}; "
                    "number the classes from 0, each with training images"
                )
        if (self.x_train.dtype == np.uint8) != (self.x_test.dtype == np.uint8):
            raise InputError(
                f"data set {self.name}: train and test images must both be uint8 or both floats, "
                f"got {self.x_train.dtype} and {self.x_test.dtype}; convert them alike"
            )
        if self.x_train.shape[1] != self.x_test.shape[1]:
            raise InputError(
                f"data set {self.name}: train and test images must have the same size, "
                f"got {self.x_train.shape[1]} and {self.x_test.shape[1]} features; bring them to one size"
            )
        if self.classes < 2:
            raise InputError(
                f"data set {self.name}: needs at least 2 classes, got {self.classes}; add images of another class"
            )
        if self.shape and (
            len(self.shape) != 3 or min(self.shape) < 1 or math.prod(self.shape) != self.x_train.shape[1]
        ):
            raise InputError(
                f"data set {self.name}: shape must be (channels, height, width) with a product of "
                f"{self.x_train.shape[1]}, the features of an image, got {self.shape}; correct it or leave it out"
            )

    @classmethod
    def load(cls, name: str, folder: str | Path | None = None) -> "Dataset":
        """A data set by name (digits, wine, breast_cancer, mnist, cifar10) or path (.csv, .npz, an image folder).

        folder: where its files lie. Raises InputError when it is unknown, absent or damaged.

        Usage:

        >>> import codesign
        >>> codesign.Dataset.load("digits")
        Dataset(digits: 1437 training and 360 test images of 1x8x8, 10 classes)
        """
        from codesign import data

        return data.load(name, None if folder is None else Path(folder))

    @classmethod
    def of(
        cls, x: ArrayLike, y: ArrayLike, test: float = 0.2, seed: int = 0, name: str = "mine", scale: str = "set"
    ) -> "Dataset":
        """Your own arrays: x (images, ...) of numbers, y a label for each, numbers or text.

        Whole numbers 0..255 are kept as bytes, any others as floats. The classes are numbered in sorted order of the
        labels. A share `test` of each class, drawn by `seed`, becomes the test set. scale: see `scaled`. Raises
        InputError on NaN and infinity, on labels that do not fit, on fewer than two classes.

        >>> import codesign
        >>> x = [[0.5, -1.0], [0.2, -2.0], [3.5, 4.0], [3.0, 4.5], [2.5, 4.4]]
        >>> codesign.Dataset.of(x, ["low", "low", "high", "high", "high"], test=0.4)
        Dataset(mine: 3 training and 2 test images of 2, 2 classes)
        """
        from codesign import data

        return data.of(x, y, test, seed, name).scaled(scale)

    def _brief(self) -> str:
        size = times(self.shape or (self.features,))
        images = f"{len(self.y_train)} training and {len(self.y_test)} test images"
        return f"{self.name}: {images} of {size}, {self.classes} classes"

    @property
    def features(self) -> int:
        """Inputs of a network for this data."""
        return int(self.x_train.shape[1])

    @property
    def is_real(self) -> bool:
        """Whether rows hold real numbers, not bytes."""
        return self.x_train.dtype != np.uint8

    @cached_property
    def ranges(self) -> tuple[Range, ...]:
        """The ranges that inputs span, of the training images before downsampling or holding out: one, or one for each
        feature."""
        if self.spread is not None:
            return self.spread if isinstance(self.spread, tuple) else (self.spread,)
        axis = 0 if self.scale == "feature" else None
        lo, hi = (np.atleast_1d(end(self.x_train, axis=axis)).tolist() for end in (np.min, np.max))
        return tuple(map(Range, lo, hi))

    @property
    def range(self) -> Range:
        """The smallest range that contains all `ranges`."""
        return Range(min(r.lo for r in self.ranges), max(r.hi for r in self.ranges))

    def scaled(self, scale: str) -> "Dataset":
        """The same data whose inputs span one range of the whole "set", or for each "feature" its own.

        Raises InputError for other words.
        """
        if scale == self.scale:
            return self
        if scale not in ("set", "feature"):
            raise InputError(f'data set {self.name}: scale must be "set" or "feature", got {scale!r}; choose one')
        return replace(self, scale=scale, spread=None)

    def input_type(self, kind: IntType) -> IntType:
        """The type of this data's inputs: `kind`, but signed if numbers below 0 occur."""
        return IntType(kind.bits, True) if self.is_real and self.range.lo < 0 and not kind.signed else kind

    def scaling(self, kind: IntType) -> Scaling:
        """What inputs of `input_type(kind)` are worth in the units of the data: for `codesign.ir.Network`."""
        kind = self.input_type(kind)
        if self.is_real or self.scale == "feature":
            return of_reals(kind, self.ranges, f"data set {self.name}")
        return of_bytes(kind, self.range)

    def train_inputs(self, kind: IntType, most: int | None = None) -> Inputs:
        """Training images, at most the first `most`, as inputs of a chip, integers of `input_type(kind)`."""
        return self._inputs(self.x_train[:most], kind)

    def test_inputs(self, kind: IntType) -> Inputs:
        """Test images as inputs of a chip, integers of `input_type(kind)`."""
        return self._inputs(self.x_test, kind)

    def _inputs(self, x: Numbers, kind: IntType) -> Inputs:
        if self.is_real or self.scale == "feature":
            return self.scaling(kind).integers(x, self.input_type(kind))
        return to_inputs(x, kind, self.range)

    def warn_of_range(self, kind: IntType) -> None:
        """Issue a CodesignWarning for each way in which inputs lose information, or spend bits on nothing."""
        if self.is_real or self.scale == "feature":
            lines = watch.of_reals(self.x_train, self.x_test, self.ranges, self.scaling(kind))
        else:
            lines = watch.of_bytes(self.x_test, self.range, kind)
        for line in lines:
            warnings.warn(f"data set {self.name}: {line}", CodesignWarning, stacklevel=2)

    @property
    def digest(self) -> int:
        """CRC-32 of every image and label."""
        value = self.classes
        for array in (self.x_train, self.y_train, self.x_test, self.y_test):
            value = zlib.crc32(np.ascontiguousarray(array).data, value)
        return value

    @property
    def identity(self) -> str:
        """Everything that training depends on: every image and label, the images' shape, the ranges of inputs."""
        lie = "x".join(map(str, self.shape or (self.features,)))
        ends = ", ".join(f"{r.lo!r}..{r.hi!r}" for r in self.ranges)
        if len(self.ranges) > 1:
            ends = f"0x{zlib.crc32(ends.encode()):08x}"
        return f"0x{self.digest:08x}, {len(self.y_train)} and {len(self.y_test)} of {lie}, {ends}"

    def downsampled(self, factor: int) -> "Dataset":
        """Means of factor x factor pixels: what a host sends a smaller chip. Bytes are rounded, halves up.

        Raises InputError for data without an image shape, and for sides that `factor` does not divide.
        """
        if factor == 1:
            return self
        if len(self.shape) != 3 or self.shape[1] % factor or self.shape[2] % factor:
            sides = "x".join(map(str, self.shape[1:])) if self.shape else "no images"
            raise InputError(
                f"data set {self.name}: downsample = {factor} needs images with sides that it divides, got {sides}; "
                "choose a divisor of both sides, or 1"
            )
        channels, height, width = self.shape
        size = (channels, height // factor, width // factor)

        def mean(x: Numbers) -> Numbers:
            cut = x.reshape(len(x), channels, size[1], factor, size[2], factor)
            if x.dtype != np.uint8:
                means: Numbers = cut.mean(axis=(3, 5)).reshape(len(x), -1)
                return means
            total = cut.sum(axis=(3, 5), dtype=np.uint32)
            small: Bytes = ((total + factor * factor // 2) // (factor * factor)).astype(np.uint8).reshape(len(x), -1)
            return small

        spread = None if self.scale == "feature" else self.range
        return replace(self, x_train=mean(self.x_train), x_test=mean(self.x_test), shape=size, spread=spread)

    def split(self, last: int) -> "Dataset":
        """Hold out the last `last` (1..train-1) training images: they replace the test set, for choosing recipes.

        The test set itself is not in the result; images are shared with this one, not copied. Raises InputError
        for another `last`, for images sorted by class, and if no image of a class is left to train on.
        """
        count = len(self.y_train)
        if not 1 <= last < count:
            raise InputError(
                f"data set {self.name}: can hold out 1..{count - 1} of its {count} training images, got {last}; "
                "choose a number in that range"
            )
        kept, held = self.y_train[:-last], self.y_train[-last:]
        present = np.unique(self.y_train)
        if len(present) > 1 and np.count_nonzero(np.diff(self.y_train)) == len(present) - 1:
            raise InputError(
                f"data set {self.name}: its training images are sorted by class, so the last {last} are not a fair "
                "sample; shuffle images and labels together first"
            )
        gone = np.setdiff1d(present, kept)
        if gone.size:
            raise InputError(
                f"data set {self.name}: holding out the last {last} training images leaves none of class {gone[0]}; "
                "hold out fewer, or shuffle images and labels together first"
            )
        return replace(
            self,
            name=f"{self.name}-validation",
            x_train=self.x_train[:-last],
            y_train=kept,
            x_test=self.x_train[-last:],
            y_test=held,
            spread=self.ranges,
        )
