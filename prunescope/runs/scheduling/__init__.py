"""Many steps in order: what waits for what, which trainings share a call, what they cost, and who performs them."""
