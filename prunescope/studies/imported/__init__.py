"""Results of other programs as studies: what each program writes, and the runs that are made of it."""
