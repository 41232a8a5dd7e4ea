"""A data set: by name, in memory or streamed."""
