"""Measurements as pure functions of models and tensors; one estimator per file, named for what it estimates."""
