"""The folder of a site and what is kept in it: projects, manifests, signed statements, checkpoints, proofs."""
