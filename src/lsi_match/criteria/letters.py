"""Which letters and signs a reader of Dutch can tell apart, and which texts read alike.

Names and titles are made of these only. In the texts of predicates every letter may stand, since registers hold all of them; there
what is not listed here is shown by its number (`wording.quoted`). Two names read alike when they differ in nothing that people see
or hear: in letters that look the same (Unicode UTS 39, section 4; of the letters here only those below), in capitals, in spaces, or in signs
between letters that are not said (U.W.V.).
"""

from __future__ import annotations

import re
import unicodedata

#: Letters of Dutch with the accents that it uses, beside those of ASCII. Each is one character (NFC).
ACCENTED = "àáâäãåçèéêëìíîïñòóôöõøùúûüýÿæœ"
ACCENTED += ACCENTED.upper()
#: Signs that are written in running text, beside those of ASCII.
SIGNS = "€§°²³½¼¾–—…‘’“”"
_ASCII = "".join(map(chr, range(32, 127)))
_IN_NAMES = frozenset(_ASCII + ACCENTED + SIGNS)
#: In a quoted text no sign that could be a quote, or a letter shown by its number.
IN_QUOTES = frozenset(_ASCII + ACCENTED + "€§°²³½¼¾") - frozenset('"`')

#: What looks the same in most letters: UTS 39, confusables.txt, as far as it is about the letters above.
_ALIKE = str.maketrans(
    {"1": "l", "I": "l", "i": "l", "|": "l", "0": "o", "O": "o", "m": "rn", "w": "vv", "æ": "ae", "œ": "oe"}
)
_SIGNS = str.maketrans({"‘": "'", "’": "'", "`": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})
#: Seen as nothing, or as a space, and not of the categories that say so (Default_Ignorable_Code_Point, and the blank Braille cell).
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
#: Signs that are not said: between letters, or a letter and a number (between numbers they are: 1-10), and around a name.
_AROUND = " .,:;'\"()[]"
_UNSAID = re.compile(r"""(?<=[^\W\d])[][ .,:;'"()_/-]+(?=\w)|(?<=\d)[][ .,:;'"()_/-]+(?=[^\W\d])""")


def strange_in_name(text: str) -> str | None:
    """The first character that a name or title may not hold."""
    return next((sign for sign in text if sign not in _IN_NAMES), None)


def strange_in_prose(text: str) -> str | None:
    """The first character that cannot be seen, is a space of another kind, or is a letter and its accent apart."""
    for sign in text:
        category = unicodedata.category(sign)
        if sign in "\n " or (category[0] not in "CZ" and category[0] != "M" and not _BLANK.match(sign)):
            continue
        return sign
    return None


def skeleton(text: str) -> str:
    """The same for two texts that read alike."""
    said = _UNSAID.sub("", " ".join(text.translate(_SIGNS).split()).strip(_AROUND))
    return said.translate(_ALIKE).casefold().translate(_ALIKE)
