"""Privacy-preserving data matching for casustafels.

The rooms of this house are the zones of trust (docs/architecture.md): `protocol` is what all parties agree
on, `trust` holds keys, signatures and the log, and `partner`, `matcher`, `monitor` and `oversight` are the
parties themselves. `cli` is a thin door to each of them. What may import what is checked by import-linter.
"""

__version__ = "0.1.0"
