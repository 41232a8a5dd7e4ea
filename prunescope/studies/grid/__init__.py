"""A study: temperature x density x seeds, laid out as recipes, and its folder."""
