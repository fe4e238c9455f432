"""Write protocol-v1.json: what this program makes of made-up input, for an implementation in any language.

    python tests/vectors/make.py

Run it after a change of the protocol, and read what changed. Sealing draws random bytes, so what is sealed is kept
as it is for as long as it can be opened and holds the same. README.md says what is in the file.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyrage import x25519

from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.crypto.block_cipher import encrypt_blocks
from lsi_match.crypto.keys import Identity
from lsi_match.crypto.project_key import ProjectKey, pseudonym
from lsi_match.crypto.sealing import SealBrokenError, seal, unseal
from lsi_match.crypto.signing import media_type, sign
from lsi_match.manifest import IdentifierSource
from lsi_match.manifest.identifiers import PERSON_PARTS, IdentifierForm, IdentifierKind
from lsi_match.manifest.person_keys import FIELDS_OF, PERSON_KEYS
from lsi_match.partner.drop_rows import Layout
from lsi_match.partner.normalise import normalise, person_keys
from lsi_match.partner.normalise.lists import placeholders, rows_of
from lsi_match.partner.normalise.people import _person_parts
from lsi_match.partner.references import LongIds, id_blocks, make_references
from lsi_match.protocol.columns import Column
from lsi_match.protocol.documents import Approval, AttributeKeys, DropDescriptor, Part, SelectionCounts
from lsi_match.protocol.tables import schema_of, to_part

FILE = Path(__file__).with_name("protocol-v1.json")

# Keys that everybody may know. Never use them for anything else.
COUNTING = bytes(range(32))
ONES = b"\xff" * 32
TWOS = b"\x02" * 32
#: What attributes of the drop part are bound to, beside selection and reference.
ABOUT = "lsi-match/v2/attributes/voorbeeld/2026-10/noord/0123456789abcdef/"
ONE = bytes(31) + b"\x01"
SIGNING_KEY = bytes(range(32, 64))
AGE_IDENTITY = "AGE-SECRET-KEY-1U9R902FQAY8SGFTXQLA8Z2DTR20PFT2F6G6DRPWR9K4PTFXQFDSS8PGD7U"
AGE_RECIPIENT = "age1mq64tah0dtnnv3gsppvr3m0ef6767xnf3tehfs8nldnemkzvq5ms3qxadd"

NUMBERS: dict[str, list[str | None]] = {
    "bsn": [
        "999990019", "9999.90.019", " 9999 90 019 ", "999-990-019", "\t999990019\r\n", "999\u00a0990\u2009019", "999\u3000990019",
        "12345672", "12.345.672", "1234 5672", "1234.5672", "012345672", "000000012", "12", "12 34 56 782", "99 99 90 019",
        None, "", " ", ". - .", "\u00a0",
        "99999001x", "V99990019", "BSN999990019", "9.9e8", "+999990019", "999990019,0", "999/990019", "999\u2013990\u2013019",
        "999\u200b990019", "999\ufeff990019", "\uff19" * 9, "\u0669" * 9, "²" * 9, "999990019L01", "99999001\u00e9", "999990é",
        "9999900190", "1234567", "999990019.0", "0999990019", "30036161.0", "30036161,00", "9.99990019E8", "-999990019", "999990019-",
        "99999-0019", "9-99990019", "999.990019", "999 990-019", "01-02-1980", "2021 05 06", "onbekend", "n.v.t.", "NULL",
        "000000000", "00000000", "0000.00.000", "0", *placeholders("bsn"),
        "999990018", "12345678", "123456789", "111222334", "999990109",
    ],
    "rsin": ["999990019", "12345672", "9999.90.019", "999990019.0", "99-9990019", None, "99999001x", "9999900190", "000000000", "00000000",
    "999990018"],
    "v_number": [
        "2871234567", "28 712 345 67", "287.123.4567", "2.871.234.567", "0000000001", "2871.2345-67", "06-12345678", "123456789.0",
        *placeholders("v_number"),
        None, "-", "123456789a", "V123456789", "123456789", "12345678", "12345678901", "0000000000",
    ],
    "kvk": ["12345672", "1234 5672", "12.345.672", "1234.5672", "01234568", " 12 34 56 72 ", "1234567.0", "1e7", "01-02-1980",
    *placeholders("kvk"), None, "KVK12345", "1234567", "123456789", "00000000"],
    "vestiging": ["000012345678", "0000 1234 5678", "0000 12345678", "12345678.0", "12345678-0001", *placeholders("vestiging"), None,
    "00001234567A", "12345678", "0000123456789", "000000000000"],
    "bag": [
        "0363200000218705", "0363 2000 0021 8705", "1234.20.0000000001",
        None, "0363200000218705X", "363200000218705", "03632000002187050", "0000000000000000",
        "0363-200000-218705", "0363010000218705", "0363100000218705", "0363020000218705", "0363030000218705", "0363300000218705",
        "363010000218705", "3200000218705",
        "36320000021870", "363100000218705", "0.363200000218705", "3.63200000218705E14",
    ],
    "loonheffing": [
        "999990019L01", "999990019 l01", "9999.90.019.L.01", "999990019l99", "999990019L00",
        None, " ", "999990019", "999990019B01", "99999001L01", "999990019L1", "999990019L001", "999990019LO1", "x999990019L01",
        "000000000L01", "999990018L01", "onbekend", "123456782L01", "9999-90-019-L-01", "999990019 L 01", "99999 0019L01",
    ],
}  # fmt: skip

WAGE_NUMBERS: list[str | None] = [
    "999990019L01", "9999.90.019 l02", None, "-", "999990019", "99999001L01", "12345672L01", "999990019B01", "999990019L1",
    "000000000L01", "999990018L01", "012345672L01",
]  # fmt: skip

ADDRESSES: list[list[str | None]] = [
    # Every way to write one address.
    ["1011AB", "12"], ["1011 ab", "12"], [" 1011  AB ", " 12 "], ["10 11\u00a0aB", "012"], ["1011AB", "0" * 24 + "12"],
    # The suffix: after the number, then the letter, then the addition.
    ["1011AB", "12", "A"], ["1011AB", "12", "a", None], ["1011AB", "12A"], ["1011AB", "12 a", "", ""], ["1011AB", "12-A"],
    ["1011AB", "12", None, "-a"], ["1011AB", "12", "A", "-2"], ["1011AB", "12A2"], ["1011AB", "12", "A", "2 hoog"],
    ["1011AB", "12 bis"], ["1011AB", "12/3"], ["1011AB", "12|3"], ["1011AB", "12", "|", "|"], ["1011AB", "12", "é", "ß"],
    ["1011AB", "12½"], ["1011AB", "12\u0663"], ["1011AB", "12 1234567890123456789012345678901234567890"], ["1011AB", "12.5"],
    # As other registers have it: a number kept as a decimal one, a letter that is there twice, words for one thing.
    ["1011AB", "12.0"], ["1011AB", "12,00"], ["1011AB", " 12.0 "], ["1011AB", "12", "", "2.0"], ["1011AB", "12", "3,0", "4.00"],
    ["1011AB", "12.0A"], ["1011AB", "0.0"], ["1011AB", "12.", "A"], ["1011AB", "12A", "A"], ["1011AB", "12 a", "A", "2"],
    ["1011AB", "12-A2", "A", "2"], ["1011AB", "12 2", "", "2"], ["1011AB", "12A", "B"], ["1011AB", "12AA", "A"], ["1011AB", "12 hs"],
    ["1011AB", "12", None, "huis"], ["1011AB", "12", "A", "h.s."], ["1011AB", "12", "H"], ["1011AB", "12 I"], ["1011AB", "12 I hoog"],
    ["1011AB", "12-II"], ["1011AB", "12 II hg"], ["1011AB", "12 III"], ["1011AB", "12", "", "IIIhoog"], ["1011AB", "12 iv"],
    ["1011AB", "12 IV hoog"], ["1011AB", "12 2hg"], ["1011AB", "12-2 HOOG hoog"], ["1011AB", "12 hoog"], ["1011AB", "12AII"],
    ["1011AB", "12", "", "BIS A"], ["1011AB", "12 rood"], ["1011AB", "12 RD"], ["1011AB", "12", "", "zwart"], ["1011AB", "12 tegenover"],
    ["1011AB", "12 t/o"], ["1011AB", "12 huishs"], ["1011AB", "12 hshuis"],
    ["1011AB", "12", "", "1-11"], ["1011AB", "12", "", "11-1"], ["1011AB", "12-01"], ["1011AB", "12-1"], ["1011AB", "12 2e etage"],
    ["1011AB", "12 tweede verdieping"], ["1011AB", "12 etage 2"], ["1011AB", "12 2 e"], ["1011AB", "12 b.g."], ["1011AB", "12", "B", "G"],
    ["1011AB", "12 nr 3"], ["1011AB", "12 app. 3"], ["1011AB", "12 no"], ["1011AB", "nr. 12 a"], ["1011AB", "huisnummer 12"],
    ["1011AB", "12", "", "n.v.t."], ["1011AB", "12 N/A"], ["1011AB", "12", "A", "B"], ["1011AB", "12", "", "AB"], ["1011AB", "12abis"],
    ["1011AB", "12", "A", "bis"], ["1011AB", "12 bisA"], ["1011AB", "12²"], ["1011AB", "12é"], ["1011AB", "12 by"], ["1011AB", "12 bij"],
    # A house letter is none of these where the addition has a field of its own; H alone is huis in Amsterdam.
    *([code, *parts] for code in ("1011AB", "1100AB", "1111AB", "2011AB") for parts in (
        ["12", "H", ""], ["12", "h", None], ["12", "", "H"], ["12", None, "-h"], ["12H"], ["12-H", "H"], ["12-H", "H", ""], ["12", "H", "1"])),
    *(["1011AB", "12", letter, "hoog"] for letter in ("I", "V", "v", "E", "A")), ["1011AB", "12", "V hoog"], ["1011AB", "12", "V", "1"],
    ["1011AB", "12", "A", "II"], ["1011AB", "12", "H", "bg"], ["1011AB", "12V", "V", "hoog"], ["1011AB", "12", "b.", "g"],
    ["1011AB", "12-1-2-3"], ["1011AB", "12 a b c"], ["1011AB", "12", "", "0"], ["1011AB", "12", "", "00"], ["1011AB", "onbekend"],
    *(["1011AB", "12", None, row["written"].lower()] for row in rows_of("house_number_words")),
    *(["1011AB", "12", None, f"{row['written']} 3"] for row in rows_of("house_number_words") if row["kind"] != "word"),
    *([value, "12"] for value in placeholders("postcode")), ["onbekend", "12"],
    # The bounds.
    ["1000AA", "1"], ["9999ZZ", "99999"], ["1011AB", "00001"],
    # Missing.
    [None, "12"], ["", "12"], ["  ", "12"], ["1011AB", None], ["1011AB", ""], ["1011AB", " "], [None, None], [None, "x"],
    ["1011AB", None, "A"],
    # Another shape.
    ["0111AB", "12"], ["1011", "12"], ["1011A", "12"], ["1011ABC", "12"], ["10111AB", "12"], ["1011A1", "12"], ["AB1011", "12"],
    ["1011-AB", "12"], ["1011.AB", "12"], ["1011ÀB", "12"], ["\uff11011AB", "12"], ["NL-1011AB", "12"], ["x", "12"],
    ["1011AB", "0"], ["1011AB", "000"], ["1011AB", "0A"], ["1011AB", "100000"], ["1011AB", "9" * 30], ["1011AB", "A"],
    ["1011AB", "A12"], ["1011AB", "-12"], ["1011AB", "+12"], ["1011AB", "nr 12"], ["1011AB", "\u0661\u0662"],
]  # fmt: skip

#: Made-up names; given name and surname are normalised in the same way.
NAMES: list[str | None] = [
    "Jansen", " jansen ", "JANSEN", "Jansen1", "J.a.n.s.e.n",
    # Tussenvoegsels, wherever they stand.
    "de Vries", "Vries, de", "Vries,de", "DE VRIES", "van der Berg", "Berg, van der", "Berg van der ", "van den Berg", "van 't Hof",
    "de Vries-A", "van-Dam", "-", "A-B", "Jansen-Bakker-Bos", "Smit-Onbekend", "Bos-",
    "'t Hart", "in 't Veld", "op den Akker", "Jansen-de Boer", "Jansen - de Boer", "Jansen-van den Berg", "Jansen de Boer", "vd Berg",
    "v.d. Berg", "v/d Berg", "’t Hart", "GRO\u1e9e", "Ǿrsted", "Vries-de", "Vries, de.",
    "ter Horst", "Uit den Bogaard", "von Stein", "El Idrissi", "El-Idrissi", "Ait el Haj", "da Silva",
    "dos Santos", "de la Cruz", "Le Roux", "al-Khatib", "D'Angelo",
    "het Veld", "'s Gravesande", "ten Have", "te Velde", "aan de Stegge", "bij de Vaate", "voor den Dag", "onder de Linden",
    "over de Linden", "tot Nut", "zu Hohen", "di Marco", "du Bois", "les Bains", "van", "Vries de", "Akker op den",
    # Not tussenvoegsels: within a name, or all there is.
    "Devries", "Vandenberg", "Tenhagen", "Interman", "De", "Van", "van der", "El Al", "'t", "Toon",
    # Letters: ij and y, marks, and letters that are no letter with a mark.
    "Dijk", "Dyk", "D\u0133k", "DIJK", "Dÿk", "Dy\u0308k", "Van Dijck", "Bijl", "IJsbrand", "ĳsbrand", "Bijou", "Lij",
    "Müller", "Mu\u0308ller", "Çelik", "Şahin", "Yıldız", "İnan", "Groß", "GROSS", "Łukasz", "Sørensen", "Æbelø", "Œuvre",
    "Đorđević", "Ðorður", "Þór", "José", "Nguyễn", "Škoda", "Ångström", "Żółć", "Ñuñez", "Naïef",
    # What is taken apart by compatibility, not by a mark.
    "\uff2a\uff41\uff4e\uff53\uff45\uff4e", "\ufb01nn", "de\u00a0Vries", "Ja\u00adnsen",
    # Hyphen, space, apostrophe and other signs.
    "Anne-Marie", "anne marie", "AnneMarie", "Anne–Marie", "O'Neill", "O’Neill", "Jean Luc", "Jan (Piet)",
    # Short ones and initials.
    "M", "m.", " M. ", "J.P.", "Jo", "Li", "Aa", "Ij", "y", "Bo", "É",
    # Names that stand for nothing.
    None, "", " ", "-", "?", "123", "...", "Onbekend", "ONBEKEND", "o n b e k e n d", "NNB", "n.n.b.", "nvt", "N.v.t.", "Naamloos",
    "Geen voornaam", "test", "Unknown", "van Onbekend", "Onbekende", "Tester", "Testa", "李小龙", "Иван",
    # How names sound.
    "Schmidt", "Smit", "Smith", "Smid", "Smits", "Sjoerd", "Shoerd", "Tchaikov", "Tsjaikov", "Czerny", "Tjerk", "Christiaan",
    "Kristiaan", "Ghani", "Khan", "Gan", "Philip", "Filip", "Broodt", "Brood", "Brodth", "Thijs", "Tijs", "Dhillon", "Dick", "Dik", "Jacqueline",
    *(f"Ja{row['letter']}an" for row in rows_of("letters")), *(f"Ja{row['letter'].lower()}an" for row in rows_of("letters")),
    *placeholders("name"), "N.N.", "X", "x.x.", "Xx", "Xander", "Ħassan", "Əliyev", "Иван Jansen", "Jan²", "Gal·la", "ŉ Jan", "Nan", "Null",
    "Quinten", "Kwinten", "Cecile", "Sesil", "Cynthia", "Citroen", "Alex", "Aleks", "Xander", "Cornelis", "Kornelis", "Vos", "Wos",
    "Fos", "Zwart", "Swart", "Bakker", "Pakker", "Mandemaker", "Nantenaker", "Lalala", "Lalalala", "Hannah", "Anna", "Jajo", "Ajo",
    "Qadir", "Brodtt", "Backker", "Jacqkes", "Yildiz", "Hij", "Aa Oo", "Annemmie", "Dubbbelman",
]  # fmt: skip

BIRTHS: list[str | None] = [
    "1980-04-02", "19800402", "1980/04/02", "02-04-1980", "2-4-1980", "02/04/1980", "02.04.1980", "2.4.1980", " 1980-04-02 ",
    "1980-02-04", "1980-12-31", "31-12-1980", "1980-12-12", "1980-10-01", "1850-01-01", "2100-12-31", "1900-01-02", "1900-02-01",
    "1980-02-29", "1981-02-31", "1980-04-31",
    None, "", " ", "onbekend", "1980", "1980-04", "1980-4-2", "80-04-02", "02-04-80", "02041980", "1980-04-02T00:00:00",
    "1980-04-02 00:00", "2 april 1980", "1980-00-00", "1980-04-00", "1980-00-02", "00-00-1980", "00-04-1980", "0000-00-00", "1980-13-02",
    "1980-04-32", "32-04-1980", "1849-12-31", "2101-01-01", "9999-12-31", "1900-01-01", "01-01-1900", "1-1-1900", "19000101",
    "1900/01/01", "1980-04-02 00:00:00", "1980-04-02T12:30:00.000Z", "1980-04-02 00:00:00+01", "19800402 00:00", "2-4-1980 00:00", "02-04-1980 0:00",
    "1980-04-02 ", "1980-04-02T", "1980-04-02x", "1980-04-02 00:00 uur", "1980/04", "04-1980", "4-1980", "04/1980", "4.1980", "198004", "1980-4",
    *placeholders("birth_date"), "99-99-9999", "30-12-1899", "n.v.t.",
    "1980-00", "0-1980", "13-1980", "1980-13", "0000", "0", "1849", "1850", "2101", "1900", "1900-01", "1900-02", "00-00-1900",
    "00-01-1900", "00-02-1900",
    "19800000", "19800400", "1980-00-15", "15-00-1980", "1980-13-00", "1980-00-32", "0000-04-02", "1980-04-00 00:00:00",
    "\u0661\u0669\u0668\u0660-\u0660\u0664-\u0660\u0662",
]  # fmt: skip

POSTCODES: list[str | None] = [
    "1011AB",
    "1011 ab",
    " 1011-AB ",
    "1011",
    "B-2000",
    "onbekend",
    "9999 zz",
    "ß1",
    None,
    "",
    " ",
    "--",
    "é",
]
HOUSES: list[str | None] = [
    "12", "012", " 12 A", "12hs", "A12", "nr. 12-14", "000 5", "0", "000", "100200300400500600700800", None, "", "A", "\u0661\u0662",
    "12²", "12½", "12é", "12.0", "onbekend", "nabij 12",
]  # fmt: skip
STREETS: list[str | None] = [
    "Lange Voorhout", "lange voorhout ", "Dam", "Kade", "De Ruijterkade", "2e Jan Steenstraat", "IJ", "IJweg", "Ĳweg", "'t Zand",
    "Plein 1944", "Café-à-l'Anglaise", "s'Heerenstraat", "Groß Allee", None, "", "12", "-", "Weg 1 A", "Laan",
    "Prof. Lorentzln", "Professor Lorentzlaan", "Burg. v.d. Polstr", "Burgemeester van der Polstraat", "1e Dwarsweg", "1ste Dwarswg",
    "Eerste Dwarsweg",
    "Улица", "Weg #1", "Xx", "Dam & Rak",
    *(row["written"].title() + " Ab" for row in rows_of("street_words") if row["kind"] == "word"),
    *("Ab" + row["written"].lower() for row in rows_of("street_words") if row["kind"] == "ending"),
    *placeholders("street"), *(f"{value.title()} 12" for value in placeholders("po_box")), "Postbus12",
]  # fmt: skip
PLACES: list[str | None] = [
    "Den Haag", "'s-Gravenhage", "’s-Gravenhage", "IJmuiden", "Ĳmuiden", "Ee", "Sint-Oedenrode", "Zandstad (W.)", "Súdwest-Fryslân",
    None, "", "-", "12", "Alphen a/d Rijn", "Alphen aan den Rijn", "Ede*",
    *(row[name] for row in rows_of("place_names") for name in ("written", "name")), *placeholders("place"), *placeholders("word"),
]  # fmt: skip

CALL_NAMES = [row[column] for row in rows_of("call_names") for column in ("written", "name")]

#: Two names together: in alphabetical order, each part by itself, and one of them missing.
PAIRS: list[tuple[str | None, ...]] = [
    ("Maria", "Jansen"), ("Jansen", "Maria"), ("Maria", "de Vries"), ("Jan", "Jan"), ("Anna", "Annabel"), ("Annabel", "Anna"), ("Zoë", "Aa"),
    ("Cor", "Karel"), ("Karel", "Cor"), ("Vera", "Fabel"), ("M.", "Jansen"), ("Maria", "J"), (None, "Jansen"), ("Maria", None), ("Maria", "Onbekend"),
    (None, None), ("Ijo", "Yvo"),
]  # fmt: skip

#: In the order of `PERSON_PARTS`.
PERSONS: list[tuple[str | None, ...]] = [
    ("Maria", "Jansen", "1980-04-02", "2511 CV", "12 A", "Lange Voorhout", "Den Haag"),
    ("JANSEN", "maria", "04-02-1980", "2511cv", "012", "LANGE VOORHOUT", "den haag"),
    ("Ĳsbrand", "van der Schaaf-Çelik", "31-12-1999", "1011AB", "1", "De Ruijterkade", "'s-Gravenhage"),
    ("M.", "de Vries", "19800402", None, "7", "Dam", "Ee"),
    ("Maria", None, "1980-00-00", "1011AB", "7", "Kade", ""),
    (None, "Onbekend", None, None, None, None, None),
    ("Maria", "Jansen", "1980-04-00", "2511 CV", "12 A", "Lange Voorhout", "Den Haag"),
    ("Maria", "Jansen", "1980", "2511 CV", "12 A", "Lange Voorhout", "Den Haag"),
]

#: (project key, project, epoch, round, kind, normalised identifier)
PSEUDONYMS: list[tuple[bytes, str, int, str, str, str]] = [
    (COUNTING, "samenloop", 1, "2026-10", "bsn", "999990019"),
    (COUNTING, "samenloop", 1, "2026-10", "rsin", "999990019"),
    (COUNTING, "samenloop", 1, "2026-11", "bsn", "999990019"),
    (COUNTING, "samenloop", 2, "2026-10", "bsn", "999990019"),
    (ONES, "wijk", 1, "2026-10", "bsn", "999990019"),
    (ONES, "wijk", 1, "2026-10", "v_number", "2871234567"),
    (ONES, "wijk", 1, "2026-10", "address", "2511CV|12|A"),
    (ONES, "wijk", 1, "2026-10", "address", "2511CV|12|"),
    (ONES, "wijk", 1, "2026-10", "pk_names_birth_postcode", "JANSEN+MARIA|19800204|2511CV"),
    (ONES, "wijk", 1, "2026-10", "pk_birth_postcode", "19800204|2511CV"),
    (ONE, "proef-met-een-lange-naam", 9999, "r1", "bag", "0363200000218705"),
    (ONE, "proef-met-een-lange-naam", 9999, "r1", "kvk", "12345672"),
    (ONE, "proef-met-een-lange-naam", 9999, "r1", "vestiging", "000012345678"),
    (ONE, "proef-met-een-lange-naam", 9999, "een-ronde-met-een-naam-van-veertig-teke1", "loonheffing", "999990019L01"),
    (COUNTING, "voorbeeld", 1, "2026-10", "bsn", "999990019"),
    (COUNTING, "voorbeeld", 1, "2026-10", "bsn", "012345672"),
    # Longer than a block of SHA-256, and not ASCII: neither comes from normalising, both have one answer.
    (COUNTING, "voorbeeld", 1, "2026-10", "pk_names_birth_postcode", "A" * 60 + "+" + "B" * 70 + "|19991231|1011AB"),
    (COUNTING, "voorbeeld", 1, "2026-10", "bsn", "é€𝄞"),
]  # fmt: skip

RECORD_IDS = [
    "A-17", "1", "123456789012345", "1234567890123456", "zaak/2026/000000000000001", "é", "ééééééé", "éééééééé", "A-17", " ",
]  # fmt: skip

#: The columns of the drop part, as docs/protocol.md section 6 has them, for two kinds and one attribute.
COLUMNS = (
    Column("bsn", "block"),
    Column("pk_birth_postcode", "block"),
    Column("reference", "block"),
    Column("signals", "uint64"),
    Column("attribute_since", "uint16"),
    Column("selection", "uint8"),
    Column("group", "uint8"),
    Column("sealed", "sealed", attributes=2),
)


def normalisation() -> list[dict[str, Any]]:
    """Fields as written → the identifier, or the reason why it is none."""
    made = []
    for kind, texts in NUMBERS.items():
        made += [_normalised(kind, "plain", [text]) for text in texts]
        if kind in ("bsn", "rsin"):
            made += [_normalised(kind, "loonheffing", [text]) for text in WAGE_NUMBERS]
    return made + [_normalised("address", "plain", fields) for fields in ADDRESSES]


def _normalised(kind: str, form: str, fields: list[str | None]) -> dict[str, Any]:
    names = tuple(f"field{i}" for i in range(len(fields)))
    frame = pl.DataFrame(
        {n: [f] for n, f in zip(names, fields, strict=True)}, schema=dict.fromkeys(names, pl.String)
    )
    source = IdentifierSource(kind=IdentifierKind(kind), fields=names, form=IdentifierForm(form))
    made = normalise(frame, source)
    identifier = made.values.to_list()[0]
    result = {"invalid": next(iter(made.invalid))} if identifier is None else {"identifier": identifier}
    return {"kind": kind, "form": form, "fields": fields, **result}


def person_parts() -> list[dict[str, Any]]:
    """Fields as written → the parts that are made of these fields alone; null where there is none."""
    written: list[tuple[tuple[str, ...], list[tuple[str | None, ...]]]] = [
        (("given_name",), [(name,) for name in (*NAMES, *CALL_NAMES)]),
        (("surname",), [(name,) for name in NAMES]),
        (("given_name", "surname"), PAIRS),
        (("birth_date",), [(text,) for text in BIRTHS]),
        (("postcode",), [(text,) for text in POSTCODES]),
        (("house_number",), [(text,) for text in HOUSES]),
        (("street",), [(text,) for text in STREETS]),
        (("place",), [(text,) for text in PLACES]),
    ]
    made = []
    for fields, texts in written:
        frame = pl.DataFrame(texts, schema=dict.fromkeys(fields, pl.String), orient="row")
        names = [part for part, needed in FIELDS_OF.items() if set(needed) == set(fields)]
        rows = (
            _person_parts(frame, {name: name for name in fields}, None, lambda *_: None)
            .select(names)
            .iter_rows(named=True)
        )
        made += [
            {"fields": dict(zip(fields, text, strict=True)), "parts": parts}
            for text, parts in zip(texts, rows, strict=True)
        ]
    return made


def keys_of_persons() -> list[dict[str, Any]]:
    """A whole person → every person key, null where a part is missing."""
    persons = [dict(zip(PERSON_PARTS, person, strict=True)) for person in PERSONS]
    frame = pl.DataFrame(persons, schema=dict.fromkeys(PERSON_PARTS, pl.String))
    made = person_keys(frame, {name: name for name in PERSON_PARTS}, list(PERSON_KEYS))
    return [
        {"fields": person, "keys": row}
        for person, row in zip(persons, made.iter_rows(named=True), strict=True)
    ]


def pseudonyms() -> list[dict[str, Any]]:
    made = []
    for secret, project, epoch, round_id, kind, identifier in PSEUDONYMS:
        key = ProjectKey(project, epoch, secret)
        made.append(
            {
                "project_key": secret.hex(), "project": project, "epoch": epoch, "round": round_id, "kind": kind,
                "identifier": identifier,
                "subkey": key.subkey(f"pseudonym/{project}/{epoch}/{round_id}/{kind}"),
                "pseudonym": pseudonym(key, identifier, round_id, kind).hex(),
                "key_check": key.check_value,
            }
        )  # fmt: skip
    return made


def record_references() -> list[dict[str, Any]]:
    """Record ids of one drop, in order → references, and the list that the partner keeps for the long ones."""
    made = []
    for key in (COUNTING, ONES):
        references = make_references(id_blocks(pl.Series(RECORD_IDS), LongIds()), key)
        long = [text for text in RECORD_IDS if len(text.encode()) > 15]
        made.append(
            {
                "key": key.hex(),
                "long_ids": long,
                "references": [
                    {"record_id": text, "block": _block(text, long), "reference": bytes(reference).hex()}
                    for text, reference in zip(RECORD_IDS, references, strict=True)
                ],
            }
        )
    return made


def _block(record_id: str, long: list[str]) -> str:
    """The block before encryption."""
    if record_id in long:
        return (bytes(8) + long.index(record_id).to_bytes(8, "big")).hex()
    text = record_id.encode()
    return (bytes([len(text)]) + text).ljust(16, b"\0").hex()


def rekeying() -> list[dict[str, Any]]:
    """A run key, a pseudonym → the block under which the matcher knows it in that run."""
    blocks = [bytes.fromhex(vector["pseudonym"]) for vector in pseudonyms()[:3]]
    blocks += [bytes(range(0, 256, 17)), bytes(16), b"\xff" * 16]
    keys = [COUNTING, ONES, ONE]
    return [
        {"run_key": key.hex(), "pseudonym": block.hex(), "block": encrypt_blocks(block, key).hex()}
        for key in keys
        for block in blocks
    ]


def part_ranges() -> list[dict[str, Any]]:
    """Number of parts, the first pseudonym of a row → the part in which the row stands."""
    made = []
    for parts in (1, 2, 3, 7, 100, 4096):
        for head in (0, 1, 0x2492, 0x2493, 0x5555, 0x5556, 0x7FFF, 0x8000, 0xAAAA, 0xAAAB, 0xFFFF):
            block = np.frombuffer(head.to_bytes(2, "big") + b"\x01" * 14, np.uint8).reshape(1, 16)
            cut = Layout([Column("bsn", "block")]).in_parts({"bsn": block}, parts)
            (part,) = (n for n, inside in enumerate(cut) if len(inside))
            made.append({"parts": parts, "pseudonym": block.tobytes().hex(), "part": part})
    return made


def signed(document: Any, key: bytes = SIGNING_KEY) -> dict[str, Any]:
    """A document, the bytes that are signed, the signature, and the whole file."""
    signer = Identity("noord", Ed25519PrivateKey.from_private_bytes(key), None)
    file = sign(document, signer)
    envelope = json.loads(file)
    media, payload = media_type(type(document)), canonical_json(document.model_dump(mode="json"))
    encoded = f"DSSEv1 {len(media)} {media} {len(payload)} ".encode() + payload
    return {
        "private_key": key.hex(),
        "signing_key": signer.signing_key,
        "key_id": envelope["signatures"][0]["keyid"],
        "payload_type": media,
        "document": document.model_dump(mode="json"),
        "payload": payload.decode(),
        "pre_authentication_encoding": encoded.hex(),
        "signature": base64.b64decode(envelope["signatures"][0]["sig"]).hex(),
        "file": file.decode(),
        "digest": digest_of_bytes(file),
    }


def an_approval() -> Approval:
    return Approval(
        project="voorbeeld",
        manifest="sha256:" + "a" * 64,
        controller="noord",
        work_instruction="sha256:" + "b" * 64,
        statement="Wij nemen dit voor onze verantwoording. Ook met tekens als é, ’ en €.",
        text="sha256:" + "c" * 64,
        at=datetime(2026, 10, 1, 9, 30, tzinfo=UTC),
    )


def sealed(old: dict[str, Any], name: str, plain: bytes) -> dict[str, Any]:
    """`plain` as an age file: the one that was there, when that is in it."""
    file = base64.b64decode(old.get(name, {}).get("sealed", ""))
    try:
        opened = unseal(file, AGE_IDENTITY, what="A vector", party="us")
        kept = opened == plain
    except SealBrokenError:
        kept = False
    if not kept:
        file = seal(plain, AGE_RECIPIENT)
    return {
        "identity": AGE_IDENTITY,
        "recipient": AGE_RECIPIENT,
        "plain": base64.b64encode(plain).decode(),
        "sealed": base64.b64encode(file).decode(),
        "digest": digest_of_bytes(file),
    }


def rows_of_a_drop() -> list[dict[str, Any]]:
    """The records of a made-up register, with what becomes of each in the one part of a drop, in order."""
    key = ProjectKey("voorbeeld", 1, COUNTING)
    records: list[tuple[str, str | None, str | None, int, int, int, int]] = [
        ("A-17", "999990019", "19800204|2511CV", 0, 0b1, 0, 2019 * 12 + 3),
        ("A-18", "999990020", None, 0, 0b11, 2, 65_535),
        ("zaak/2026/000000000000001", None, "19991231|1011AB", 1, 0b100, 255, 0),
        ("B-1", "999990019", "19800204|2511CV", 1, 0b1 << 63, 255, 60_011),
    ]  # fmt: skip
    made = []
    for record, *identifiers, selection, signals, group, since in records:
        row: dict[str, Any] = {"record_id": record}
        for kind, identifier in zip(("bsn", "pk_birth_postcode"), identifiers, strict=True):
            row[f"identifier_{kind}"] = identifier
            row[kind] = "0" * 32 if identifier is None else pseudonym(key, identifier, "2026-10", kind).hex()
        row |= {"selection": selection, "signals": signals, "group": group, "attribute_since": since}
        made.append(row)
    made.sort(
        key=lambda row: (row["bsn"] if int(row["bsn"], 16) else row["pk_birth_postcode"], row["record_id"])
    )
    ids = pl.Series([row["record_id"] for row in made])
    references = make_references(id_blocks(ids, LongIds()), ONES)
    for number, (row, reference) in enumerate(zip(made, references, strict=True)):
        row["reference"] = bytes(reference).hex()
        row["places"] = [number, 65_535]
        row["sealed"] = sealed_row(row, TWOS, ABOUT, number)
    return made


def sealed_row(row: dict[str, Any], key: bytes, about: str, number: int) -> str:
    """The attributes of a row. Its nonce is random otherwise: here the same each time, so that the vectors are."""
    nonce, places = bytes([number]) * 12, b"".join(place.to_bytes(2, "little") for place in row["places"])
    bound = about.encode() + bytes([row["selection"]]) + bytes.fromhex(row["reference"])
    return (nonce + AESGCM(key).encrypt(nonce, places, bound)).hex()


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows as the columns of a drop."""
    columns = {
        column.name: [
            bytes.fromhex(r[column.name]) if column.type in ("block", "sealed") else r[column.name]
            for r in rows
        ]
        for column in COLUMNS
    }
    return pa.table(columns, schema=schema_of(COLUMNS))


def columns_of(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Name, type and width of every column, in order."""
    return [{"name": column.name, "type": column.type, "width": column.width} for column in columns]


def drop_part(old: dict[str, Any]) -> dict[str, Any]:
    """One part of a drop: its rows, their bytes, the age file, and the signed descriptor."""
    rows = rows_of_a_drop()
    part = sealed(old, "drop_part", bytes(to_part(table_of(rows), COLUMNS)))
    stem = "voorbeeld.2026-10.noord.0123456789abcdef"
    keyed = sealed(old.get("drop_part", {}), "attribute_key_sealed", TWOS)
    keys = AttributeKeys(
        project="voorbeeld",
        manifest="sha256:" + "a" * 64,
        round="2026-10",
        partner="noord",
        span_id="0123456789abcdef",
        sealed={"zuid": keyed["sealed"]},
    )
    nothing = SelectionCounts(
        read=10, after={"lopend": 5}, with_signal=3, invalid={"bsn_check_failed": 1}, without_identifier=1, groups=None,
        duplicates=0, written=2,
    )  # fmt: skip
    descriptor = DropDescriptor(
        project="voorbeeld",
        manifest="sha256:" + "a" * 64,
        opening="sha256:" + "c" * 64,
        round="2026-10",
        partner="noord",
        key_check=ProjectKey("voorbeeld", 1, COUNTING).check_value,
        made_at=datetime(2026, 10, 2, 8, 0, tzinfo=UTC),
        span_id="0123456789abcdef",
        selections={"bijstand": nothing, "toeslag": nothing},
        parts=(Part(file=f"{stem}.part-0000.age", digest=part["digest"], rows=len(rows)),),
        attribute_keys=signed(keys)["file"],
    )
    return {
        "project_key": COUNTING.hex(),
        "project": "voorbeeld",
        "epoch": 1,
        "round": "2026-10",
        "reference_key": ONES.hex(),
        "attribute_key": TWOS.hex(),
        "attributes_about": ABOUT,
        "attribute_key_sealed": keyed,
        "attribute_keys": signed(keys),
        "columns": columns_of(COLUMNS),
        "rows": rows,
        **part,
        "descriptor_file": f"{stem}.drop.json",
        "descriptor": signed(descriptor),
    }


def vectors(old: dict[str, Any]) -> dict[str, Any]:
    """All of it; `old` is what there was, for what is sealed."""
    return {
        "scheme": "v1",
        "note": "Made by tests/vectors/make.py of lsi-match. All people and keys are made up; the keys are public.",
        "normalisation": normalisation(),
        "person_parts": person_parts(),
        "person_keys": keys_of_persons(),
        "pseudonyms": pseudonyms(),
        "record_references": record_references(),
        "rekeying": rekeying(),
        "part_ranges": part_ranges(),
        "signed": signed(an_approval()),
        "sealed": sealed(old, "sealed", "Een klein bericht, met é en €.\n".encode()),
        "drop_part": drop_part(old),
    }


def text_of(made: dict[str, Any]) -> str:
    """JSON in ASCII, one vector a line, so that a change can be read."""

    def lines() -> Iterator[str]:
        for name, value in made.items():
            if isinstance(value, list):
                inside = ",\n".join(f"  {json.dumps(vector)}" for vector in value)
                yield f" {json.dumps(name)}: [\n{inside}\n ]"
            else:
                yield f" {json.dumps(name)}: {json.dumps(value)}"

    return "{\n" + ",\n".join(lines()) + "\n}\n"


def main() -> int:
    old = json.loads(FILE.read_text()) if FILE.exists() else {}
    FILE.write_text(text_of(vectors(old)))
    return 0


if __name__ == "__main__":
    assert str(x25519.Identity.from_str(AGE_IDENTITY).to_public()) == AGE_RECIPIENT
    sys.exit(main())
