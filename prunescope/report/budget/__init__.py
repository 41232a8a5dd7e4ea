"""The density that a budget admits, for a person and a program."""
