"""Recorders for the tools in which teams look at trainings: TensorBoard and MLflow."""
