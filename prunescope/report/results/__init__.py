"""What a study holds: the list of its runs, and each of them."""
