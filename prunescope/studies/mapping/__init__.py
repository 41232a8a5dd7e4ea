"""The instant map: dense networks pruned to densities, without retraining."""
