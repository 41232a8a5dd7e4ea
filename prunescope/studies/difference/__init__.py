"""What changed between two diagnoses, or between two studies."""
