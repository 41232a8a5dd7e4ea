"""Pruning step by step, and what becomes of it: schedules of density, lottery tickets, stability to SGD noise."""
