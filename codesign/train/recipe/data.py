"""[data]: the images or rows of numbers for training and testing."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from codesign.data import Dataset, blank, digest, load
from codesign.train.recipe.table import Table


class Data(Table):
    """The images."""

    dataset: Annotated[str, Field(min_length=1)] = Field(
        "digits",
        description="digits, wine, breast_cancer, mnist, cifar10, or the path of a .csv or .npz file or of an image "
        "folder",
    )
    label: str | None = Field(None, description=".csv: name of the column of labels; absent: the last column")
    test: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.2, description=".csv, wine, breast_cancer: share of each class held out as the test set"
    )
    scale: Literal["set", "feature"] = Field(
        "set", description="inputs span the range of the whole data set, or each feature its own"
    )
    downsample: Annotated[int, Field(ge=1, le=16)] = Field(
        1, description="average N x N pixels into one input; the host sends these means to the chip"
    )
    validation: Annotated[int, Field(ge=0)] = Field(
        0,
        description="hold out the last N training images and test on them, to choose recipes without the test set",
    )

    def load(self, folder: Path | None = None) -> Dataset:
        """The data set to train and test with; see `codesign.data.load` for `folder`."""
        dataset = load(self.dataset, folder, self.label, self.test).downsampled(self.downsample).scaled(self.scale)
        return dataset.split(self.validation) if self.validation else dataset

    def sized(self, folder: Path | None = None) -> Dataset:
        """A data set with the size of these images: themselves, or black ones where a known data set is absent."""
        empty = blank(self.dataset, folder)
        return self.load(folder) if empty is None else empty.downsampled(self.downsample)

    def digest(self, folder: Path | None = None) -> str:
        """Digest of the files that `load` reads, without decoding them; see `codesign.data.digest`."""
        return digest(self.dataset, folder)
