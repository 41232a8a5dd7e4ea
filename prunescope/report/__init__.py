"""A finding for a person or a program: terminal, one-file HTML, JSON, figures."""
