"""The command line: one thin module per actor. What it does stands in the other rooms."""
