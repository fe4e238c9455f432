"""What all parties agree on: manifest, criteria language, pseudonym scheme, drop, release, log entry.

Pure: no files, no clock, no network, no keys. Whoever implements the other end in another language
implements this folder.
"""
