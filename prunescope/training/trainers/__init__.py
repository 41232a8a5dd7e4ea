"""The trainers that come with prunescope, one per file: thin shells around `prunescope.training`, which trains."""
