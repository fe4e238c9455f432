"""What the cases of a project are about."""

from __future__ import annotations

from enum import StrEnum


class Unit(StrEnum):
    """What a case is about."""

    PERSON = "person"
    ADDRESS = "address"
    ENTERPRISE = "enterprise"
