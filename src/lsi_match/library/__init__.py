"""What `import lsi_match` offers: thin classes over the rooms. No rule stands here.

A module holds what one extra makes possible, so that what is missing is told when a name is asked for.
"""
