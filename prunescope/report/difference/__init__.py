"""What changed between two diagnoses or studies, for a person, a pull request and a program."""
