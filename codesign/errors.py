"""Everything codesign raises on purpose.

    CodesignError                 a mistake the user can mend, told in one line
    ├── ConfigError               a chip or flow file says something impossible
    ├── InputError                inputs, weights or a data set are not what was asked for
    ├── UnsupportedError          the compiler does not know this layer or option
    ├── CapacityError             the network does not fit the chip
    ├── ImageError                a programming image is damaged, or meant for another chip
    ├── ToolError                 an external program is missing or failed
    └── OutputError               an output folder cannot be used

The message says where, what came, what is required and what to do next. Anything else that
escapes is a bug in codesign.
"""


class CodesignError(Exception):
    """A mistake the user can mend; the message is one complete line."""


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
    """An output folder holds someone else's files or cannot be written."""


class CodesignWarning(UserWarning):
    """Nothing is wrong, but something may not be meant; the message is one complete line."""
