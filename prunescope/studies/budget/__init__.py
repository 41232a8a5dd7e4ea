"""The density that a budget of error, time or storage admits."""
