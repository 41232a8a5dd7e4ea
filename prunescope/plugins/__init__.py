"""Find, configure, check, cite, write and test a plugin."""
