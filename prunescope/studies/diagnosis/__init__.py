"""The diagnosis of one network: its question, its steps, its evidence."""
