"""What a partner does with a release: open it, show its cases, say that it was opened and what came of it."""
