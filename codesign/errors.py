"""Everything codesign raises on purpose.

    CodesignError                 a mistake the user can fix, reported in one line
    ├── ConfigError               a chip or flow file says something impossible
    ├── InputError                inputs, weights or a data set have the wrong shape, type, range or value
    ├── UnsupportedError          the compiler does not know this layer or option
    ├── CapacityError             the network does not fit the chip
    ├── ImageError                a programming image is damaged, or meant for another chip
    ├── ToolError                 an external program is missing or failed
    └── OutputError               an output folder cannot be used

    CodesignWarning               the work is done, but the result may not be what was intended

Each message says where the problem is, what was found, what is required and what to do next. Any
other exception that escapes is a bug in codesign.
"""

import re
import sys
import warnings

# C0 and C1 controls, line and paragraph separators, marks that change the direction of text, lone surrogates.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """Untrusted text made safe for one terminal line: control characters become escapes such as \\x1b and \\n.

    Bytes of a file name that are not UTF-8 are escaped too. A name that this leaves unchanged is safe to print.
    """
    return _CONTROL.sub(lambda c: c[0].encode("unicode_escape").decode(), text)


class CodesignError(Exception):
    """A mistake the user can fix; the message is one complete line."""


class ConfigError(CodesignError):
    """A chip or flow description is impossible or misspelt."""


class InputError(CodesignError):
    """Inputs, weights or a data set have the wrong shape, type, range or value."""


class UnsupportedError(CodesignError):
    """The compiler does not know a layer, option or file kind."""


class CapacityError(CodesignError):
    """The network needs more of something than the chip has."""


class ImageError(CodesignError):
    """A programming image is damaged, incomplete, or meant for another chip."""


class ToolError(CodesignError):
    """An external program is missing or failed."""


class OutputError(CodesignError):
    """An output folder holds files that codesign did not write, or cannot be written."""


class CodesignWarning(UserWarning):
    """The work is done, but the result may not be what was intended; the message is one complete line."""


def warn(message: str) -> None:
    """Issue a CodesignWarning at the line outside codesign that led here."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "codesign":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, CodesignWarning, stacklevel=level + 1)
