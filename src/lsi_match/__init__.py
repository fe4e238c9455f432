"""Privacy-preserving data matching for casustafels.

The rooms of this house stand in docs/architecture.md. What may import what is checked by import-linter.
"""

__version__ = "0.1.0"
