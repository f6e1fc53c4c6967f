"""The data set record, and its images as integers of a chip's input type."""

import math
import warnings
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief, times
from codesign.errors import CodesignWarning, InputError
from codesign.fixed import IntType

Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Range:
    """Smallest and largest value of the images, both included."""

    lo: int = 0
    hi: int = 255

    def __str__(self) -> str:
        return f"{self.lo}..{self.hi}"

    @property
    def bits(self) -> int:
        """Bits needed to distinguish all its values."""
        return max(1, (self.hi - self.lo).bit_length())


FULL = Range()


@dataclass(frozen=True, eq=False)
class Dataset(Brief):
    """Images as rows of uint8, labels 0..classes-1. Construction refuses anything else with InputError.

    shape: (channels, height, width) of an image whose row is stored in that order, or () for plain features.
    spread: the value of `range`; absent: measured on the training images.
    """

    name: str
    x_train: Bytes  # (images, features)
    y_train: Labels  # (images,)
    x_test: Bytes
    y_test: Labels
    classes: int
    shape: tuple[int, ...] = ()
    spread: Range | None = None

    def __post_init__(self) -> None:
        for part, x, y in (("train", self.x_train, self.y_train), ("test", self.x_test, self.y_test)):
            where = f"data set {self.name}: {part}"
            if x.ndim != 2 or x.size == 0 or x.dtype != np.uint8:
                raise InputError(
                    f"{where} images must be a non-empty uint8 (images, features), got {x.dtype} {x.shape}; "
                    "flatten them, one row each, of values 0..255"
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
        """A data set by name (digits, mnist, cifar10) or path (an .npz file, an image folder).

        folder: where its files lie. Raises InputError when it is unknown, absent or damaged.

        Usage:

        >>> import codesign
        >>> codesign.Dataset.load("digits")
        Dataset(digits: 1437 training and 360 test images of 1x8x8, 10 classes)
        """
        from codesign import data

        return data.load(name, None if folder is None else Path(folder))

    def _brief(self) -> str:
        size = times(self.shape or (self.features,))
        images = f"{len(self.y_train)} training and {len(self.y_test)} test images"
        return f"{self.name}: {images} of {size}, {self.classes} classes"

    @property
    def features(self) -> int:
        """Inputs of a network for this data."""
        return int(self.x_train.shape[1])

    @cached_property
    def range(self) -> Range:
        """Range of the training images, before downsampling or holding out: the range that chip inputs span."""
        return self.spread or Range(int(self.x_train.min()), int(self.x_train.max()))

    def train_inputs(self, kind: IntType, most: int | None = None) -> NDArray[np.int16]:
        """Training images, at most the first `most`, as inputs of a chip."""
        return to_inputs(self.x_train[:most], kind, self.range)

    def test_inputs(self, kind: IntType) -> NDArray[np.int16]:
        """Test images as inputs of a chip."""
        return to_inputs(self.x_test, kind, self.range)

    def warn_of_range(self, kind: IntType) -> None:
        """Issue a CodesignWarning when fewer bits would distinguish all values of the training images, and one when
        more than 1 % of the test images leave their range, where inputs saturate."""
        outside = int(((self.x_test < self.range.lo) | (self.x_test > self.range.hi)).any(axis=1).sum())
        if outside > len(self.x_test) / 100:
            warnings.warn(
                f"data set {self.name}: {outside:,} of {len(self.x_test):,} test images have values outside "
                f"{self.range}, the range of the training images, and saturate there; scale both sets alike",
                CodesignWarning,
                stacklevel=2,
            )
        need = self.range.bits
        if need < kind.bits:
            warnings.warn(
                f"data set {self.name}: its values {self.range} need {need} bit{'s' * (need > 1)}, "
                f"inputs have {kind.bits}; set quantize.input_bits = {need} to spend fewer cycles",
                CodesignWarning,
                stacklevel=2,
            )

    @property
    def digest(self) -> int:
        """CRC-32 of every image and label."""
        value = self.classes
        for array in (self.x_train, self.y_train, self.x_test, self.y_test):
            value = zlib.crc32(np.ascontiguousarray(array).data, value)
        return value

    @property
    def identity(self) -> str:
        """Everything that training depends on: every image and label, the images' shape, the range of inputs."""
        lie = "x".join(map(str, self.shape or (self.features,)))
        return f"0x{self.digest:08x}, {len(self.y_train)} and {len(self.y_test)} of {lie}, {self.range}"

    def downsampled(self, factor: int) -> "Dataset":
        """Means of factor x factor pixels, rounded to the nearest integer, halves up: what a host sends a smaller chip.

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

        def mean(x: Bytes) -> Bytes:
            cut = x.reshape(len(x), channels, size[1], factor, size[2], factor)
            total = cut.sum(axis=(3, 5), dtype=np.uint32)
            small: Bytes = ((total + factor * factor // 2) // (factor * factor)).astype(np.uint8).reshape(len(x), -1)
            return small

        return replace(self, x_train=mean(self.x_train), x_test=mean(self.x_test), shape=size, spread=self.range)

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
        return Dataset(
            f"{self.name}-validation",
            self.x_train[:-last],
            kept,
            self.x_train[-last:],
            held,
            self.classes,
            self.shape,
            self.range,
        )


def to_inputs(x: NDArray[np.generic], kind: IntType, span: Range = FULL) -> NDArray[np.int16]:
    """uint8 images as integers of `kind` (1..8 bits): floor((x - lo) * 2^bits / values in `span`), clamped.

    For the full range these are the top bits. If signed, the midpoint is subtracted.
    """
    images = np.asarray(x)
    if images.dtype != np.uint8 or not 1 <= kind.bits <= 8:
        raise InputError(
            f"inputs: must be uint8 images for 1..8 bits, got {images.dtype} for {kind}; rescale to 0..255 first"
        )
    scaled = ((np.arange(256) - span.lo) << kind.bits) // (span.hi - span.lo + 1)
    table = np.clip(scaled, 0, (1 << kind.bits) - 1) + kind.lo  # of every value
    values: NDArray[np.int16] = table.astype(np.int16)[images]
    return values
