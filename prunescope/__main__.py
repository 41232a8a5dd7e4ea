"""`python -m prunescope` is the same program as `prunescope`."""

from prunescope.cli import main

if __name__ == "__main__":  # worker processes import this module again
    main()
