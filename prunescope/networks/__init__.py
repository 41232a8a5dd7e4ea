"""A network: by name, under a mask, from a checkpoint, or several as one grouped network."""
