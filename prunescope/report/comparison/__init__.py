"""A comparison of pruners to a person and to a program: one-file HTML with its pictures, a table, JSON."""
