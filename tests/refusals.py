"""Errors by their name, for tests: most are a name in a catalogue and no class of their own."""

from __future__ import annotations

from typing import Any

import pytest

from lsi_match.base.errors import LsiError


def raises(*names: str, match: str | None = None) -> Any:
    """`pytest.raises` for errors of these names, or of kinds that are called so."""

    def fits(error: LsiError) -> bool:
        return bool({error.reason, *(kind.__name__ for kind in type(error).__mro__)} & set(names))

    return pytest.raises(LsiError, match=match, check=fits)
