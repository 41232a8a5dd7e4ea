"""What the reports share: the page, figures, numbers and words."""
