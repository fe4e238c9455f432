"""A site that runs by itself: agenda, transfers, retention, alarms, and the processes that do the work."""
