"""One step: its recipe, performing it, its file; and many steps in order."""
