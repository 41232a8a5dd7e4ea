"""The terminal: console, progress, errors and interrupts."""
