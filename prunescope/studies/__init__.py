"""A question of many steps: the steps that answer it, and their answer."""
