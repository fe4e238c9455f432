"""Documents for people, about manifests, rounds and the log. No keys, no rows of a drop."""
