"""A predicate in words: what it means, worked out from its parse, told and compared in Dutch and English."""
