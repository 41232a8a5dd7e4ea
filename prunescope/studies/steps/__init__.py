"""The single steps: one dense training, one pruning, the replicas of one retraining, one measurement."""
