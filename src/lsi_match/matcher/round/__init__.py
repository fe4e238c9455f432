"""One round: from its opening, by intake, match, count, hold and release, to its destruction."""
