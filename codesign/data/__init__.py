"""Data sets as uint8 images: embedded digits, MNIST and CIFAR-10 files, the user's own. Loads without torch."""

from codesign.data.base import Bytes, Dataset, Labels, Range, to_inputs
from codesign.data.catalog import digest, load
from codesign.data.cifar import cifar10
from codesign.data.embedded import digits
from codesign.data.folders import folder
from codesign.data.idx_files import idx, mnist
from codesign.data.npz import arrays

__all__ = [
    "Bytes",
    "Dataset",
    "Labels",
    "Range",
    "arrays",
    "cifar10",
    "digest",
    "digits",
    "folder",
    "idx",
    "load",
    "mnist",
    "to_inputs",
]
