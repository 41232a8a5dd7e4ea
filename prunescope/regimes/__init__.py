"""The decision rules as pure functions: readings in, verdict and its probability out; no torch."""
