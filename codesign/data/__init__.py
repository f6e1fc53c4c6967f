"""Data sets of images or rows of numbers: embedded ones, MNIST, CIFAR-10, the user's own. Loads without torch."""

from codesign.data.base import Dataset, Labels
from codesign.data.catalog import blank, digest, load
from codesign.data.cifar import cifar10
from codesign.data.csv_files import inputs, table
from codesign.data.embedded import breast_cancer, digits, wine
from codesign.data.folders import folder
from codesign.data.idx_files import idx, mnist
from codesign.data.npz import arrays
from codesign.data.own import of
from codesign.data.scaling import Bytes, Range, Scaling, to_inputs

__all__ = [
    "Bytes",
    "Dataset",
    "Labels",
    "Range",
    "Scaling",
    "arrays",
    "blank",
    "breast_cancer",
    "cifar10",
    "digest",
    "digits",
    "folder",
    "idx",
    "inputs",
    "load",
    "mnist",
    "of",
    "table",
    "to_inputs",
    "wine",
]
