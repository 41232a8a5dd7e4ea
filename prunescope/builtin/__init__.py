"""The plugins that come with prunescope, reached only through entry points."""
