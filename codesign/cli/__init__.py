"""The command line: parse, call, print. Heavy parts are imported by the command that needs them.

Exit status: 0 done, 1 an error reported on stderr (or a chip that computes something else), 2 wrong usage,
128 + n ended by signal n (130 interrupted, 143 by SIGTERM, 129 by SIGHUP).
"""

from codesign.cli.entry import app, main

__all__ = ["app", "main"]
