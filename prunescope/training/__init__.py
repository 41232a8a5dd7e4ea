"""Training and retraining as pure functions: the loop, learning-rate schedules, optimisers, SAM, MixUp."""
