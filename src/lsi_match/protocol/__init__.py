"""What is exchanged: documents that know their payload type, columns of drops and releases, and the rules of counts.

Pure: no files, no clock, no network, no keys. Whoever implements the other end in another language
implements this folder.
"""
