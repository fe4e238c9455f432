"""Scheme v1 a second time, from the text of docs/protocol.md and docs/person-keys.md, with nothing but the standard library.

It shares no code with the program and is written for reading, not for speed. AES and Ed25519, which the standard
library does not have, are written out from their specifications (FIPS 197, RFC 8032): for tests only, since they take
a time that depends on the key.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import re
import unicodedata
from pathlib import Path
from typing import Any

# The lists of section 2: which lines there are is part of the protocol.
LISTS = Path(__file__).parents[2] / "src/lsi_match/partner/normalise/data"


def lines_of(name: str) -> list[list[str]]:
    with (LISTS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def forms_of(name: str, kind: str) -> dict[str, str]:
    return {written: form for written, one, form, _ in lines_of(name) if one == kind}


PLACEHOLDERS: dict[str, list[str]] = {}
for _field, _value, _ in lines_of("placeholders"):
    PLACEHOLDERS.setdefault(_field, []).append(_value)

# Identifiers (2.1 and 2.2). White space is what Unicode calls so; Python's \s has four more.
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
LENGTHS = {"bsn": 9, "rsin": 9, "v_number": 10, "kvk": 8, "vestiging": 12, "bag": 16}
GROUPS = {
    "bsn": "3-3-3 4-2-3 2-2-2-3 2-3-3 4-4",
    "v_number": "1-3-3-3 3-3-4 4-3-3 2-3-3-2",
    "kvk": "2-3-3 4-4 2-2-2-2",
    "vestiging": "3-3-3-3 4-4-4 4-8",
    "bag": "4-4-4-4 4-2-10 4-12 1-3-3-3-3-3",
}
GROUPS["rsin"] = GROUPS["loonheffing"] = GROUPS["bsn"]
Result = dict[str, str]


def identifier(kind: str, form: str, fields: list[str | None]) -> Result:
    """`{"identifier": …}` or `{"invalid": reason}`."""
    return address(*fields) if kind == "address" else number(kind, form, fields[0])


def trimmed(text: str | None) -> str:
    return re.sub(f"^[{SPACE}]+|[{SPACE}]+$", "", text or "")


def written(text: str | None) -> str:
    """In upper case, without white space around it; empty when there is no letter or number in it."""
    text = trimmed(text).upper()
    return text if any(unicodedata.category(sign)[0] in "LN" for sign in text) else ""


def says_unknown(text: str) -> bool:
    return re.sub(rf"[{SPACE}./-]", "", text) in PLACEHOLDERS["word"]


def digits_in(kind: str, text: str) -> str | None:
    """The digits of a text that has the groups of a kind, with the same separator throughout."""
    if re.fullmatch("[0-9]+", text):
        return text
    for separator in (f"[{SPACE}]+", "-", r"\."):
        groups = re.split(separator, text)
        lengths = "-".join(str(len(group)) for group in groups)
        decimal = separator == r"\." and len(groups) == 2
        if lengths in GROUPS[kind].split() and re.fullmatch("[0-9]+", "".join(groups)) and not decimal:
            return "".join(groups)
    return None


def wage_number(text: str) -> tuple[str, str] | None:
    """The nine digits and the two behind the L."""
    found = re.fullmatch(rf"(.*?)[{SPACE}.-]?L[{SPACE}.-]?([0-9]{{2}})", text, re.DOTALL)
    nine = digits_in("loonheffing", found[1]) if found else None
    return (
        (nine, found[2])
        if found and nine and len(nine) in (8, 9) and (len(nine) == 9 or nine != found[1])
        else None
    )


def number(kind: str, form: str, field: str | None) -> Result:
    text = written(field)
    if not text:
        return {"invalid": "missing"}
    if says_unknown(text):
        return {"invalid": "unknown_value"}
    if kind == "loonheffing":
        found = wage_number(text)
        if not found or len(found[0]) != 9:
            return {"invalid": "wrong_shape"}
        return fiscal(found[0]) or {"identifier": f"{found[0]}L{found[1]}"}
    if form == "loonheffing":
        if not (found := wage_number(text)):
            return {"invalid": "not_digits"}
        digits: str | None = found[0]
    else:
        digits = digits_in(kind, text)
    if digits is None:
        decimal = rf"[+-]?[0-9.,{SPACE}]*[0-9][.,][0-9]+(E[+-]?[0-9]+)?|[+-]?[0-9]+E[+-]?[0-9]+"
        if re.fullmatch(decimal, text):
            return {"invalid": "decimal_number"}
        return {"invalid": "not_digits" if re.search(rf"[^0-9{SPACE}.-]", text) else "wrong_groups"}
    if kind in ("bsn", "rsin") and len(digits) == 8:
        digits = "0" + digits
    if kind == "bag" and re.fullmatch("[1-9][0-9]{0,2}(01|02|03|20)[0-9]{10}", digits):
        digits = digits.rjust(16, "0")
    if len(digits) != LENGTHS[kind]:
        return {"invalid": "wrong_length"}
    if kind in ("bsn", "rsin"):
        return fiscal(digits) or {"identifier": digits}
    if digits in PLACEHOLDERS[kind]:
        return {"invalid": "unknown_value"}
    if kind == "bag" and digits[4:6] not in ("01", "02", "03", "20"):
        return {"invalid": "wrong_shape"}
    return {"identifier": digits}


def fiscal(nine: str) -> Result | None:
    """What is wrong with nine digits of a BSN or RSIN."""
    if nine in PLACEHOLDERS["bsn"]:
        return {"invalid": "unknown_value"}
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(int(digit) * weight for digit, weight in zip(nine, weights, strict=True))
    return {"invalid": "check_failed"} if total % 11 else None


BEFORE = "|".join(forms_of("house_number_words", "before"))


def postcode_of(field: str | None) -> tuple[str, str | None]:
    """The postcode as it is judged, and what is wrong with it."""
    text = re.sub(f"[{SPACE}]", "", written(field))
    text = re.sub("^([1-9][0-9]{3})[.-]([A-Z]{2})\\Z", r"\1\2", text)
    if not text:
        return "", "missing"
    if says_unknown(text) or text in PLACEHOLDERS["postcode"]:
        return text, "unknown_value"
    if re.fullmatch("[1-9][0-9]{3}", text):
        return text, "incomplete"
    return text, None if re.fullmatch("[1-9][0-9]{3}[A-Z]{2}", text) else "wrong_shape"


def house_of(field: str | None, behind: str = "") -> tuple[str, str, str | None]:
    """The house number, what follows it in its own field, and what is wrong with all of it."""
    text = re.sub(rf"^(?:{BEFORE})[{SPACE}.:]*([0-9])", r"\1", written(field))
    text = re.sub(r"^([0-9]+)[.,]0+\Z", r"\1", text)
    if not text:
        return "", "", "missing"
    found = re.match("0*([1-9][0-9]{0,4})(?![0-9])", text)
    problem = None if found else "wrong_shape"
    if re.search(rf"[^A-Z0-9{SPACE}\-–.,/\\'\"()_:;]", text + behind):
        problem = "other_sign"
    if says_unknown(text):
        problem = "unknown_value"
    return (found[1], text[found.end() :], problem) if found else ("", "", problem)


def address(
    postcode: str | None, house: str | None, letter: str | None = None, *additions: str | None
) -> Result:
    addition, letter_apart = (*additions, None)[0], bool(additions)
    code, wrong_code = postcode_of(postcode)
    digits, rest, wrong_house = house_of(house, ((letter or "") + (addition or "")).upper())
    if "missing" in (wrong_code, wrong_house):
        return {"invalid": "missing"}
    if problem := wrong_code or wrong_house:
        return {"invalid": problem}
    at_number, at_letter, at_addition = (
        words_behind(re.sub(r"^([0-9]+)[.,]0+\Z", r"\1", trimmed(text).upper()))
        for text in (rest, letter, addition)
    )
    own = letter_apart and len(at_letter) == 1 and re.fullmatch("[A-Z]", at_letter[0])
    at_letter = [f"{at_letter[0]}~"] if own else at_letter
    after = added(at_letter + at_addition)
    twice = added(at_number) in (added(at_letter).replace("~", ""), after.replace("~", ""))
    suffix = after if twice else added(at_number + at_letter + at_addition)
    if suffix == "H":
        suffix = next((form for start, form in H_IN.items() if code.startswith(start)), suffix)
    return {"identifier": f"{code}|{digits}|{suffix.replace('~', '')}"}


WORDS = forms_of("house_number_words", "word")
FLOORS = list(forms_of("house_number_words", "floor"))
RANKS = forms_of("house_number_words", "rank")
ORDINALS = list(forms_of("house_number_words", "ordinal"))
H_IN = forms_of("house_number_words", "postcode_of_h")
NOTHING_BEHIND = list(forms_of("house_number_words", "nothing"))
LONG_WORDS = "|".join(word for word in WORDS if len(word) > 1 and " " not in word)


def words_behind(text: str) -> list[str]:
    """The words and numbers of what is written behind a house number; none where it says that there is nothing."""
    if re.sub(rf"[{SPACE}.]", "", text) in NOTHING_BEHIND:
        return []
    text = re.sub("(?<![A-Z])([A-Z])[./]([A-Z])[./]([A-Z])(?![A-Z])", r"\1\2\3", text)
    text = re.sub("(?<![A-Z])([A-Z])[./]([A-Z])(?![A-Z])", r"\1\2", text)
    found: list[str] = []
    for word in re.findall("[A-Z]+|[0-9]+", text):
        if two := re.fullmatch(f"([A-Z])({LONG_WORDS})", word) or re.fullmatch(
            f"({LONG_WORDS})([A-Z])", word
        ):
            found += two.groups()
        else:
            found.append(word)
    return found


def replaced(words: list[str], forms: dict[str, str]) -> list[str]:
    """Phrases by their forms, from left to right, the longest first."""
    made, at = [], 0
    longest_first = sorted(forms, key=lambda phrase: -len("".join(f" {word} " for word in phrase.split())))
    while at < len(words):
        phrase = next((p for p in longest_first if words[at : at + len(p.split())] == p.split()), None)
        made += forms[phrase].split() if phrase else [words[at]]
        at += len(phrase.split()) if phrase else 1
    return made


def added(words: list[str]) -> str:
    """What is added to a house number, in its one form."""
    words = replaced(words, {**WORDS, **dict.fromkeys(FLOORS, "^")})
    words = [word for at, word in enumerate(words) if word != "^" or words[at - 1 : at] != ["^"]]
    for at, word in enumerate(words):
        if word == "^" and at > 1 and words[at - 1] in ORDINALS and words[at - 2].isdigit():
            words[at - 1] = ""
        if word == "^" and at and words[at - 1] in RANKS:
            words[at - 1] = RANKS[words[at - 1]]
    words = [word for word in words if word]
    if len(words) == 1 and words[0] in ("II", "III", "IV"):
        words = [RANKS[words[0]]]
    words = [w for at, w in enumerate(words) if w != "^" or not (at and words[at - 1].isdigit())]
    words = [
        w for at, w in enumerate(words) if w != "^" or not (at + 1 < len(words) and words[at + 1].isdigit())
    ]
    words = ["HG" if word == "^" else word for word in words]
    words = [
        w
        for at, w in enumerate(words)
        if w not in BEFORE.split("|") or not (at + 1 < len(words) and words[at + 1].isdigit())
    ]
    form = ""
    for word in (re.sub("^0+(?=[0-9])", "", word) for word in words):
        form += f"-{word}" if form[-1:].isdigit() and word.isdigit() else word
    return form


# The parts of person keys (2.3).
PARTICLES = "VAN DER DEN DE HET 'T 'S TEN TER TE OP IN UIT AAN BY VOOR ONDER OVER TOT VD VON ZU DI DA DOS DU LA LE LES EL AL"
LETTERS = {letter: latin for letter, latin, _ in lines_of("letters")}
SIGNS = "\\-\u2010-\u2014.,/'\"()\xb7\xad\u200b-\u200d\u2060\ufeff"
SOUNDS = (
    "SCH SJ SH: S", "TSCH TCH CZ TJ: S", "CH GH KH: G", "PH: F", "DT TH DH: T", "CK QU CQ: K", "CE CI CY: S",
    "X: KS", "C Q: K", "D: T", "V W: F", "Z: S", "B: P", "M: N",
)  # fmt: skip
Part = str | None


def folded(text: str | None) -> str:
    """Upper case, without marks; IJ as Y. Empty when there is no letter or number in it."""
    if not any(unicodedata.category(sign)[0] in "LN" for sign in text or ""):
        return ""
    upper = re.sub("[’‘ʼʻʿʾ`´]", "'", (text or "").upper())
    decomposed = unicodedata.normalize("NFKD", upper)
    plain = (c for c in decomposed if not unicodedata.category(c).startswith("M"))
    return "".join(LETTERS.get(letter, letter) for letter in plain).replace("IJ", "Y")


def letters_of(text: str | None) -> str:
    return re.sub("[^A-Z]", "", folded(text))


def is_placeholder(text: str, *fields: str) -> bool:
    return any(text == letters_of(value) for field in fields for value in PLACEHOLDERS[field])


def bare(plain: str) -> str:
    """Folded text without tussenvoegsels."""
    particle = "(?:" + "|".join(PARTICLES.split()) + ")"
    plain = plain.replace("V/D", "VD").replace(".", "")
    plain = re.sub(rf"(^|[{SPACE},\-])(?:{particle}[{SPACE},\-]+)+", " ", plain)
    return re.sub(rf"[{SPACE},\-]+{particle}\Z", "", plain)


def word_of(text: str | None, which: int) -> str:
    """The first (0) or last (-1) word of a name without tussenvoegsels; the whole name where that has fewer than two letters."""
    words = [word for word in re.split(rf"[{SPACE},\-]+", bare(folded(text))) if word] or [""]
    word = re.sub("[^A-Z]", "", words[which])
    return word if len(word) > 1 else name_of(text)


def name_of(text: str | None) -> str:
    """The letters of a name without its tussenvoegsels; empty when it is of no use."""
    plain = folded(text)
    if re.search(f"[^A-Z{SPACE}{SIGNS}]", plain):
        return ""
    name = re.sub("[^A-Z]", "", bare(plain)) or letters_of(text)
    return "" if is_placeholder(name, "name") or re.fullmatch("X+", name) else name


def words_in(text: str | None) -> list[str]:
    return re.findall("[A-Z]+|[0-9]+", folded(text))


def folded_forms(kind: str) -> dict[str, str]:
    return {w.replace("IJ", "Y"): f.replace("IJ", "Y") for w, f in forms_of("street_words", kind).items()}


def is_box(text: str | None) -> bool:
    return street_signs(text) and words_in(text)[:1] != [] and words_in(text)[0] in PLACEHOLDERS["po_box"]


def street_signs(text: str | None) -> bool:
    return not re.search(f"[^A-Z0-9&+{SPACE}{SIGNS}]", folded(text))


def street_of(text: str | None) -> str:
    words = words_in(text)
    letters = letters_of(text)
    if not street_signs(text) or is_box(text) or not letters or is_placeholder(letters, "street", "word"):
        return ""
    if len(words) == 1 and re.fullmatch("X+", words[0]):
        return ""
    words = replaced(words, folded_forms("word"))
    endings = sorted(folded_forms("ending").items(), key=lambda pair: -len(pair[0]))
    for at, word in enumerate(words):
        ending = next(((long, short) for long, short in endings if word.endswith(long)), None)
        if ending:
            words[at] = word.removesuffix(ending[0]) + ending[1]
        if at and words[at - 1].isdigit() and words[at] in forms_of("street_words", "ordinal"):
            words[at] = "E"
    return "".join(words)


def place_words(text: str | None) -> str:
    return "".join(replaced(words_in(text), dict.fromkeys(("AAN DEN", "AAN DE", "AAN HET", "A D"), "AD")))


def place_of(text: str | None) -> str:
    place = place_words(text)
    if not street_signs(text) or not letters_of(text) or is_placeholder(place, "place", "word"):
        return ""
    if re.fullmatch("X+", place):
        return ""
    names = {place_words(other): place_words(name) for other, name, _ in lines_of("place_names")}
    return names.get(place, place)


def sound_of(name: str) -> Part:
    for rule in SOUNDS:
        many, _, one = rule.partition(": ")
        name = re.sub(many.replace(" ", "|"), one, name)
    code = re.sub("^[AEIOUYJH]", "A", name[:1]) + re.sub("[AEIOUYJH]", "", name[1:])
    code = re.sub(r"([FGKLNPRST])\1", r"\1", code)
    return code if len(code) > 1 else None


TIME = "(?:[ T][0-9]{2}:[0-9]{2}[0-9:.+Z-]*)?"


def birth_of(text: str | None) -> tuple[int, int, int] | None:
    """Year, and the two others; 0 for what is unknown."""
    text, day, month = trimmed(text), "0", "0"
    if whole := re.fullmatch("([0-9]{4})[-/]?([0-9]{2})[-/]?([0-9]{2})" + TIME, text):
        year, month, day = whole.groups()
    elif whole := re.fullmatch("([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})" + TIME, text):
        day, month, year = whole.groups()
    elif whole := re.fullmatch("([0-9]{4})[-/]([0-9]{2})", text):
        year, month = whole.groups()
    elif whole := re.fullmatch("([0-9]{1,2})[-/.]([0-9]{4})", text):
        month, year = whole.groups()
    elif re.fullmatch("[0-9]{4}", text):
        year = text
    else:
        return None
    y, m, d = int(year), int(month), int(day)
    unknown = [int(value.replace("-", "")) for value in PLACEHOLDERS["birth_date"]]
    if y * 10_000 + m * 100 + d in unknown or (y == 1900 and m <= 1 and d <= 1):
        return None
    if not (1850 <= y <= 2100 and m <= 12 and d <= 31):
        return None
    return y, m, d if m else 0


CALL_NAMES = [
    {
        name_of(written): name_of((name, also or name)[which])
        for written, name, also, _ in lines_of("call_names")
    }
    for which in (0, 1)
]


def parts(fields: dict[str, str | None]) -> dict[str, Part]:
    """Every part, None where the fields do not give it."""
    given, surname = name_of(fields.get("given_name")), name_of(fields.get("surname"))
    made: dict[str, Part] = {"given_initial": given[:1] or None}
    whole = [name if len(name) > 1 else None for name in (given, surname)]
    for which, name in zip(("given", "surname"), whole, strict=True):
        made[f"{which}_name"] = name
        made[f"{which}_letters"] = name[:3] if name else None
        made[f"{which}_end"] = name[-3:] if name else None
        made[f"{which}_sound"] = sound_of(name) if name else None
    for part, names in zip(("call", "other_call"), CALL_NAMES, strict=True):
        made[f"given_{part}"] = names.get(given, given) if len(given) > 1 else None
    made["surname_head"] = word_of(fields.get("surname"), 0)[:5] if len(surname) > 1 else None
    made["surname_tail"] = word_of(fields.get("surname"), -1)[-5:] if len(surname) > 1 else None
    for kind in ("name", "letters", "sound"):
        both = [made[f"given_{kind}"], made[f"surname_{kind}"]]
        in_order = sorted(text for text in both if text) if all(both) else [None, None]
        made[f"first_{kind}"], made[f"last_{kind}"] = in_order
    made["names"] = f"{made['first_name']}+{made['last_name']}" if made["first_name"] else None
    birth = birth_of(fields.get("birth_date"))
    year, month, day = birth or (0, 0, 0)
    days = f"{min(month, day):02}{max(month, day):02}" if day else None
    made |= {"birth": f"{year}{days}" if days else None, "birth_day": days}
    made["birth_year"] = f"{year}" if year else None
    made["birth_year_month"] = f"{year}-{month}" if month else None
    code, wrong_code = postcode_of(fields.get("postcode"))
    digits, _, wrong_house = house_of(fields.get("house_number"))
    boxed = is_box(fields.get("street"))
    made["postcode"] = None if wrong_code or boxed else code
    made["house"] = None if wrong_house or boxed else digits
    street = street_of(fields.get("street"))
    made["street_letters"] = street[:6] if len(street) >= 4 else None
    made["place"] = place_of(fields.get("place")) or None
    return made


# Keys and pseudonyms (3).
def hkdf(secret: bytes, info: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt, 32 bytes."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, info.encode() + b"\x01", "sha256")


# A project key made together (keys.md).
def domain_hash(domain: str, canonical: str) -> str:
    """The hash of a canonical text for one use: commitments and transcripts."""
    return "sha256:" + sha256(f"lsi-match/v1/{domain}\0{canonical}".encode())


def key_together(project: str, epoch: int, transcript: str, contributions: dict[str, str]) -> str:
    """The project key, in hex, of the transcript's digest and the bytes (hex) of each partner."""
    material = b"".join(bytes.fromhex(contributions[name]) for name in sorted(contributions))
    extracted = hmac.digest(bytes.fromhex(transcript.removeprefix("sha256:")), material, "sha256")
    return hmac.digest(extracted, f"lsi-match/v1/project-key/{project}/{epoch}\x01".encode(), "sha256").hex()


# The log (9).
def leaf_hash(leaf: str) -> str:
    return sha256(b"\0" + leaf.encode())


def tree_root(hashes: list[str]) -> str:
    """RFC 9162, 2.1.1, of at least one leaf hash: the left subtree is the largest power of two that leaves some."""
    if len(hashes) == 1:
        return hashes[0]
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\1" + bytes.fromhex(tree_root(hashes[:left]) + tree_root(hashes[left:])))


def proof_root(index: int, size: int, hash_: str, path: list[str]) -> str:
    """The root that a leaf at `index` and its inclusion path lead to, read from the top of the tree."""
    if size == 1:
        assert not path
        return hash_
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        return sha256(b"\1" + bytes.fromhex(proof_root(index, left, hash_, path[:-1]) + path[-1]))
    return sha256(b"\1" + bytes.fromhex(path[-1] + proof_root(index - left, size - left, hash_, path[:-1])))


def subkey(secret: bytes, purpose: str) -> str:
    return hkdf(secret, f"lsi-match/v1/{purpose}").hex()


def keyed(key: str, text: str) -> str:
    """The first 16 bytes, in hex, of HMAC-SHA256 (RFC 2104), written out."""
    padded = key.encode().ljust(64, b"\0")
    inside = hashlib.sha256(bytes(b ^ 0x36 for b in padded) + text.encode()).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in padded) + inside).digest()[:16].hex()


# Record references (5), part ranges (6).
def block(record_id: str, place: int) -> bytes:
    """The block of a record id; `place` is its place in the list of ids that are too long."""
    text = record_id.encode()
    if len(text) > 15:
        return bytes(8) + place.to_bytes(8, "big")
    return bytes([len(text)]) + text + bytes(15 - len(text))


def part_of(pseudonym: bytes, parts: int) -> int:
    return int.from_bytes(pseudonym[:2], "big") * parts // 65536


def part(columns: list[dict[str, Any]], rows: list[dict[str, Any]]) -> bytes:
    """The bytes of a part: column after column, little endian; blocks are in hex."""
    return b"".join(
        bytes.fromhex(row[column["name"]])
        if column["type"] in ("block", "sealed")
        else int(row[column["name"]]).to_bytes(column["width"], "little")
        for column in columns
        for row in rows
    )


# AES-256, one block (FIPS 197).
def _times(a: int, b: int) -> int:
    """Multiplication in GF(2^8)."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _substitute(value: int) -> int:
    inverse = 1
    for _ in range(254):  # x^254 is 1/x
        inverse = _times(inverse, value)
    turned = [(inverse << n | inverse >> (8 - n)) & 0xFF for n in range(5)]
    return turned[0] ^ turned[1] ^ turned[2] ^ turned[3] ^ turned[4] ^ 0x63


# Attributes (6): AES-256-GCM (NIST SP 800-38D), of a nonce of 12 bytes.
def _times_gcm(a: int, b: int) -> int:
    """Multiplication in GF(2^128), of which GCM writes the lowest power first."""
    product = 0
    for bit in range(127, -1, -1):
        product ^= b if a >> bit & 1 else 0
        b = (b >> 1) ^ (0xE1 << 120 if b & 1 else 0)
    return product


def open_gcm(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    """What is in `sealed`: nonce, bytes, tag of 16. Raises ValueError when the tag does not fit."""
    nonce, data, tag = sealed[:12], sealed[12:-16], sealed[-16:]
    secret, mark = int.from_bytes(aes(key, bytes(16)), "big"), 0
    lengths = (8 * len(bound)).to_bytes(8, "big") + (8 * len(data)).to_bytes(8, "big")
    padded = b"".join(one + bytes(-len(one) % 16) for one in (bound, data, lengths))
    for at in range(0, len(padded), 16):
        mark = _times_gcm(mark ^ int.from_bytes(padded[at : at + 16], "big"), secret)
    first = aes(key, nonce + (1).to_bytes(4, "big"))
    if (mark ^ int.from_bytes(first, "big")).to_bytes(16, "big") != tag:
        raise ValueError("the tag does not fit")
    stream = b"".join(aes(key, nonce + (2 + n).to_bytes(4, "big")) for n in range(len(data) // 16 + 1))
    return bytes(a ^ b for a, b in zip(data, stream, strict=False))


S_BOX = bytes(_substitute(value) for value in range(256))


def aes(key: bytes, data: bytes) -> bytes:
    """One block under a key of 32 bytes."""
    words = [key[at : at + 4] for at in range(0, 32, 4)]
    constant = 1
    for n in range(8, 60):
        word = words[-1]
        if n % 8 == 0:
            word = bytes(S_BOX[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _times(constant, 2)
        elif n % 8 == 4:
            word = bytes(S_BOX[b] for b in word)
        words.append(_xor(words[-8], word))
    rounds = [b"".join(words[at : at + 4]) for at in range(0, 60, 4)]
    state = _xor(data, rounds[0])
    for number_, round_key in enumerate(rounds[1:], 1):
        state = bytes(S_BOX[state[(at + 4 * (at % 4)) % 16]] for at in range(16))
        if number_ < 14:
            state = b"".join(_mixed(state[at : at + 4]) for at in range(0, 16, 4))
        state = _xor(state, round_key)
    return state


def _mixed(column: bytes) -> bytes:
    turned = [column[n:] + column[:n] for n in range(4)]
    return bytes(_times(a, 2) ^ _times(b, 3) ^ c ^ d for a, b, c, d in zip(*turned, strict=True))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


# Signed documents (1).
def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What is signed of a DSSE envelope."""
    head = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(head), head, len(payload), payload)


# Ed25519, verification (RFC 8032, 5.1).
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int]


def _add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    both = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + both, P - 2, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - both, P - 2, P)
    return x % P, y % P


def _multiple(scalar: int, point: Point) -> Point:
    total = (0, 1)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _point(data: bytes) -> Point | None:
    value = int.from_bytes(data, "little")
    sign, y = value >> 255, value & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x), y


_Y = 4 * pow(5, P - 2, P) % P
BASE = _point(_Y.to_bytes(32, "little")) or (0, 0)


def good_signature(key: bytes, message: bytes, signature: bytes) -> bool:
    """Is `signature` by `key` over `message`?"""
    a, r, s = _point(key), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    return _multiple(s, BASE) == _add(r, _multiple(challenge, a))
