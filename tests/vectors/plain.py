"""Scheme v1 a second time, from the text of docs/protocol.md and docs/person-keys.md, with nothing but the standard library.

It shares no code with the program and is written for reading, not for speed. AES and Ed25519, which the standard
library does not have, are written out from their specifications (FIPS 197, RFC 8032): for tests only, since they take
a time that depends on the key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from typing import Any

# Identifiers (2.1 and 2.2). White space is what Unicode calls so; Python's \s has four more.
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
ADDITIONS = {"HUIS|HS": "H", "BIS(.?)": r"BS\1", "ROOD": "RD", "ZWART": "ZW", "TEGENOVER": "TO"}
LENGTHS = {"bsn": 9, "rsin": 9, "v_number": 10, "kvk": 8, "vestiging": 12, "bag": 16}
Result = dict[str, str]


def identifier(kind: str, form: str, fields: list[str | None]) -> Result:
    """`{"identifier": …}` or `{"invalid": reason}`."""
    return address(*fields) if kind == "address" else number(kind, form, fields[0])


def number(kind: str, form: str, text: str | None) -> Result:
    text = re.sub(rf"[{SPACE}.\-]", "", (text or "").upper())
    if not text:
        return {"invalid": "missing"}
    if kind == "loonheffing":
        if not re.fullmatch("[0-9]{9}L[0-9]{2}", text):
            return {"invalid": "wrong_shape"}
        return fiscal(text[:9]) or {"identifier": text}
    if form == "loonheffing":
        if not re.fullmatch("[0-9]{9}L[0-9]{2}", text):
            return {"invalid": "not_digits"}
        text = text[:9]
    if kind in ("bsn", "rsin") and len(text) == 8:
        text = "0" + text
    if not re.fullmatch("[0-9]+", text):
        return {"invalid": "not_digits"}
    if len(text) != LENGTHS[kind]:
        return {"invalid": "wrong_length"}
    if set(text) == {"0"}:
        return {"invalid": "unknown_value"}
    if kind == "bag" and text[4:6] != "20":
        return {"invalid": "wrong_shape"}
    return (fiscal(text) if kind in ("bsn", "rsin") else None) or {"identifier": text}


def fiscal(nine: str) -> Result | None:
    """What is wrong with nine digits of a BSN or RSIN."""
    if nine == "000000000":
        return {"invalid": "unknown_value"}
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(int(digit) * weight for digit, weight in zip(nine, weights, strict=True))
    return {"invalid": "check_failed"} if total % 11 else None


def address(
    postcode: str | None, house: str | None, letter: str | None = None, addition: str | None = None
) -> Result:
    postcode = re.sub(rf"[{SPACE}.\-]", "", (postcode or "").upper())
    house, letter, addition = (whole_number(text) for text in (house, letter, addition))
    if not postcode or not house:
        return {"invalid": "missing"}
    start = re.match("[0-9]*", house)
    assert start
    digits = start[0].lstrip("0")
    if not re.fullmatch("[1-9][0-9]{3}[A-Z]{2}", postcode) or not 1 <= len(digits) <= 5:
        return {"invalid": "wrong_shape"}
    behind, letter, addition = (
        re.sub("[^A-Z0-9]", "", text.upper()) for text in (house[start.end() :], letter, addition)
    )
    suffix = letter + addition if behind in (letter, letter + addition) else behind + letter + addition
    return {"identifier": f"{postcode}|{digits}|{added(suffix)}"}


def whole_number(text: str | None) -> str:
    """The text, trimmed; of a whole number written as a decimal one the whole number."""
    return (
        re.sub("([0-9]+)[.,]0+", r"\1", trimmed(text))
        if re.fullmatch("[0-9]+[.,]0+", trimmed(text))
        else trimmed(text)
    )


def added(suffix: str) -> str:
    """What is added to a house number, as the BAG has it."""
    if floor := re.fullmatch("(I|II|III|IV)(HOOG|HG)+|(II|III|IV)", suffix):
        return str(["I", "II", "III", "IV"].index(floor[1] or floor[3]) + 1)
    suffix = re.sub("([0-9])(HOOG|HG)+$", r"\1", suffix)
    for words, one in ADDITIONS.items():
        suffix = re.sub(f"(?:{words})$", one, suffix)
    return suffix


def trimmed(text: str | None) -> str:
    return re.sub(f"^[{SPACE}]+|[{SPACE}]+$", "", text or "")


# The parts of person keys (2.3).
PARTICLES = "VAN DER DEN DE HET 'T 'S TEN TER TE OP IN UIT AAN BY VOOR ONDER OVER TOT VD VON ZU DI DA DOS DU LA LE LES EL AL"
NOTHING = ["ONBEKEND", "UNKNOWN", "NNB", "NVT", "NAAMLOOS", "GEENVOORNAAM", "TEST"]
LETTERS = {
    "ẞ": "SS",
    "Ł": "L",
    "Ø": "O",
    "Æ": "AE",
    "Œ": "OE",
    "Đ": "D",
    "Ð": "D",
    "Þ": "TH",
}
SOUNDS = (
    "SCH SJ SH: S", "TSCH TCH CZ TJ: S", "CH GH KH: G", "PH: F", "DT TH DH: T", "CK QU CQ: K", "CE CI CY: S",
    "X: KS", "C Q: K", "D: T", "V W: F", "Z: S", "B: P", "M: N",
)  # fmt: skip
Part = str | None


def folded(text: str | None) -> str:
    """Upper case, without marks; IJ as Y."""
    upper = re.sub("[’‘ʼ`´]", "'", text or "").upper()
    decomposed = unicodedata.normalize("NFKD", upper)
    plain = (c for c in decomposed if not unicodedata.category(c).startswith("M"))
    return "".join(LETTERS.get(letter, letter) for letter in plain).replace("IJ", "Y")


def letters_of(text: str | None) -> str:
    return re.sub("[^A-Z]", "", folded(text))


def name_of(text: str | None) -> str:
    """The letters of a name without its tussenvoegsels; empty when it stands for nothing."""
    particle = "(?:" + "|".join(PARTICLES.split()) + ")"
    plain = folded(text).replace("V/D", "VD").replace(".", "")
    bare = re.sub(rf"(^|[{SPACE},\-])(?:{particle}[{SPACE},\-]+)+", " ", plain)
    bare = re.sub(rf"[{SPACE},\-]+{particle}\Z", "", bare)
    name = re.sub("[^A-Z]", "", bare) or letters_of(text)
    return "" if name in NOTHING else name


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
    if not (1850 <= y <= 2100 and m <= 12 and d <= 31) or (y == 1900 and m <= 1 and d <= 1):
        return None
    return y, m, d if m else 0


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
    made["postcode"] = re.sub("[^A-Z0-9]", "", (fields.get("postcode") or "").upper()) or None
    digits = re.search("[0-9]+", fields.get("house_number") or "")
    made["house"] = (digits[0].lstrip("0") if digits else "") or None
    street = letters_of(fields.get("street"))
    made["street_letters"] = street[:6] if len(street) >= 4 else None
    made["place"] = letters_of(fields.get("place")) or None
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
        if column["type"] == "block"
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
