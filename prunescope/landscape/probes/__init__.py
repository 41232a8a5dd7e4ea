"""The probes that come with prunescope, one per file: thin shells around `prunescope.landscape`, which defines them."""
