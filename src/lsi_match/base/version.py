"""The version of this program, which stands in what it makes."""

from __future__ import annotations

VERSION = "0.1.0"
