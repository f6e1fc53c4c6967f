"""Known answers of a program: what to send to a chip, what must come back, and programs that compare the two.

`characterize` and `recover` measure what the cells of a chip hold. Needs neither a simulator nor torch.
"""

from codesign.vectors.answers import Answers, Place, answers, sample_inputs
from codesign.vectors.pack import render, write
from codesign.vectors.transcript import read

__all__ = ["Answers", "Place", "answers", "read", "render", "sample_inputs", "write"]
