"""The public pages of a matching environment: static files, made from what was signed and from what the log says."""
