"""What a refused data set is told."""

from collections.abc import Callable
from typing import Any

import pytest

from codesign.errors import InputError


def told(call: Callable[..., Any], *args: Any) -> str:
    """The message of the InputError that `call` raises: one line with a remedy at its end."""
    with pytest.raises(InputError) as caught:
        call(*args)
    text = str(caught.value)
    assert "\n" not in text
    assert "; " in text or text.endswith("?")
    return text
