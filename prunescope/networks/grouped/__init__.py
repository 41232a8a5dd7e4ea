"""Fast paths for tiny networks: many models of one architecture as one grouped network, exact to float32 rounding."""
