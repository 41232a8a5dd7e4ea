"""The answer of the instant map."""
