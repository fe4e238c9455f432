"""Person keys: named combinations of name, birth date and address, each a kind of pseudonym of its own.

A part that is missing makes the key missing, never an empty match. What it says that two records agree on keys is worked
out in the round (`lsi_match.matcher.engine.linking`); what that reaches is in docs/person-keys.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lsi_match.base.catalogue import catalogue


@dataclass(frozen=True)
class PersonKey:
    """A combination of parts (`lsi_match.partner.normalise` makes them) and in spite of what it links two records.

    Attributes:
        sure: nobody else has the same value: who knows the parts may ask for what is kept under it.
    """

    parts: tuple[str, ...]
    reason: str
    sure: bool = False


#: A value of a key that more records than this share links nothing: it is somebody's placeholder or a crowd.
CROWD: Final = 50
#: No pattern of agreement links of whose links a larger share is estimated to be false.
FALSE_LINKS: Final = 0.02
#: No key is used whose commonest value more than this share of a population has (docs/person-keys.md).
COMMONEST: Final = 1 / 10_000

_WRITTEN = catalogue(Path(__file__).with_suffix(".toml"))
#: Part → the fields it is made from.
FIELDS_OF: Final[dict[str, tuple[str, ...]]] = {name: tuple(of) for name, of in _WRITTEN["parts"].items()}
PERSON_KEYS: Final[dict[str, PersonKey]] = {
    name: PersonKey(tuple(key["parts"]), key["reason"], key.get("sure", False))
    for name, key in _WRITTEN["keys"].items()
}
