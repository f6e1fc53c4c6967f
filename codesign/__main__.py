"""`python -m codesign` is the command line."""

import sys

from codesign.cli import main

if __name__ == "__main__":
    sys.exit(main())
