"""The steps: each a function of its recipe and of finished runs."""
