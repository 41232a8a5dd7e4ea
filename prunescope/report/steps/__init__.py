"""What a single step returns: a dense network, a pruned one, replicas, readings."""
