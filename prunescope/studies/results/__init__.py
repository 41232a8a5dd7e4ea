"""What a study folder holds, whatever made it."""
