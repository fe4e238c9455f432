"""Data subjects at the matcher: which subjects a step touched, and answers to access requests."""
