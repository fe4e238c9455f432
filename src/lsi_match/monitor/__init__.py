"""Statistics of (in)equality, over aggregates only: counts in, counts and words out, no record and no key."""
