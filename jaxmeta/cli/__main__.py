"""`python -m jaxmeta.cli` is `jaxmeta`."""

import sys

from jaxmeta.cli import main

if __name__ == "__main__":
    sys.exit(main())
