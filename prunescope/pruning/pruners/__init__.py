"""The pruners that come with prunescope, one per file: thin shells around `prunescope.pruning`."""
