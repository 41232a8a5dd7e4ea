"""What a sweep returns: how it ended, how far its steps are, or what they would cost."""
