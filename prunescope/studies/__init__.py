"""A question of many steps: the steps that answer it, and what they say."""
