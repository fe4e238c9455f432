"""The processing log: typed entries, Merkle tree, store, proofs, verification, and the state that follows from it.

One writer and one reader. Nothing here believes the matcher: what it states is recomputed, or verified with keys that
the reader brings. No code of a party belongs here.
"""
