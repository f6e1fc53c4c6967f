"""What the tests of walking blocks are run with; benches read tests/hdl/walked.py alone."""

import pytest

from tests.hdl.walked import WALKS

# The slow one takes longest by far; tests/hdl/test_random_chips.py has memory words narrower than arrays, too.
CASES = [pytest.param(name, marks=pytest.mark.slow) if name == "narrow-word" else name for name in WALKS]
