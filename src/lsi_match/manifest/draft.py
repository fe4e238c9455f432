"""What makes a manifest of a draft: the keys that parties make later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What a party has public keys for.
KEYS = ("signing_key", "encryption_key", "log_key")


def complete_draft(draft: Any, cards: Mapping[str, Mapping[str, str]], key_check: str) -> Any:
    """A draft with what only exists once parties have made their keys.

    Args:
        draft: the plain value of a manifest without public keys and key check value.
        cards: party name (`matcher` for the matcher) → its keys (`KEYS`).
        key_check: of the project key.
    """

    def keyed(name: str, party: Any) -> Any:
        keys = {k: v for k, v in cards.get(name, {}).items() if k in KEYS}
        return {**party, **keys} if isinstance(party, Mapping) else party

    # What is absent or of the wrong kind stays so, for the model to complain about in its place.
    if not isinstance(draft, Mapping):
        return draft
    complete = dict(draft)
    if isinstance(draft.get("controllers"), Mapping):
        complete["controllers"] = {name: keyed(name, party) for name, party in draft["controllers"].items()}
    if isinstance(draft.get("pseudonyms"), Mapping):
        complete["pseudonyms"] = {**draft["pseudonyms"], "key_check": key_check}
    return complete | ({"matcher": keyed("matcher", draft["matcher"])} if "matcher" in draft else {})


def blank_keys(draft: Any) -> tuple[dict[str, dict[str, str]], str]:
    """Keys that are nobody's, for `complete_draft`: a draft can be read and explained before anybody made keys."""
    controllers = draft.get("controllers") if isinstance(draft, Mapping) else None
    names = [*(controllers if isinstance(controllers, Mapping) else ()), "matcher"]
    return {
        str(name): {"signing_key": f"{i:064x}", "encryption_key": f"age1{i:058d}"}
        for i, name in enumerate(names, start=1)
    }, "0" * 32
