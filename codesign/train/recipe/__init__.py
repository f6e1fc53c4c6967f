"""The recipe of a training: frozen, validated tables. Loads without torch."""

from codesign.train.recipe.data import Data
from codesign.train.recipe.layout import Compile
from codesign.train.recipe.machine import Machine
from codesign.train.recipe.net import Net
from codesign.train.recipe.quantization import Quantization
from codesign.train.recipe.recipe import Recipe
from codesign.train.recipe.training import Training

__all__ = ["Compile", "Data", "Machine", "Net", "Quantization", "Recipe", "Training"]
