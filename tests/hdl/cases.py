"""What the tests of walking blocks are run with; benches read tests/hdl/walked.py alone."""

import pytest

from tests.hdl.walked import WALKS

# The slow ones take longest by far; tests/hdl/test_random_chips.py has memory words of other widths than arrays, too.
CASES = [pytest.param(name, marks=pytest.mark.slow) if "word" in name else name for name in WALKS]
