"""`python -m prunescope` is the same program as `prunescope`."""

import os
import sys

if __name__ == "__main__":  # worker processes import this module again
    if not sys.flags.safe_path and sys.path[0] == os.getcwd():  # noqa: PTH109 - pathlib would be looked for there first
        del sys.path[0]  # `python -m` searches the working directory first: what lies there is not the program's

    from prunescope.cli import main

    main()
