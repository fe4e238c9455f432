"""Scheme v1 is what its committed vectors say (tests/vectors/README.md): in our code, in plain Python and in SQL.

tests/vectors/plain.py and plain.sql follow the pages of the protocol and share nothing with the program, nor with
each other. Three things are not in SQL, since DuckDB has no functions for them: AES (references, re-keying), the
signature (Ed25519), and the compatibility forms of letters (NFKD; `COMPATIBILITY` are the names that need it).
Neither is age: other tools open what we sealed in tests/crypto/test_outside_tools.py.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors import make, plain

from lsi_match.crypto.aead import decrypt_rows
from lsi_match.crypto.block_cipher import decrypt_blocks, encrypt_blocks
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.sealing import SealBrokenError, unseal
from lsi_match.crypto.signing import SignatureMissingError, verify
from lsi_match.manifest import IdentifierSource
from lsi_match.manifest.identifiers import PERSON_PARTS, IdentifierForm, IdentifierKind
from lsi_match.manifest.person_keys import FIELDS_OF
from lsi_match.matcher.engine.intake import parts_of
from lsi_match.partner.home import References
from lsi_match.partner.normalise import normalise
from lsi_match.partner.normalise.people import _person_parts
from lsi_match.partner.references import resolve
from lsi_match.protocol.documents import Approval, AttributeKeys, DropDescriptor
from lsi_match.protocol.tables import from_part

FOLDER = Path(__file__).parents[1] / "vectors"
DOCS = Path(__file__).parents[2] / "docs"
VECTORS: dict[str, Any] = json.loads((FOLDER / "protocol-v1.json").read_text())
#: Names of which SQL does not see the letters.
COMPATIBILITY = ("\uff2a\uff41\uff4e\uff53\uff45\uff4e", "\ufb01nn", "ŉ Jan")


def different(
    name: str, made: Callable[[dict[str, Any]], Any], wanted: Callable[[dict[str, Any]], Any]
) -> list[Any]:
    """The vectors of which something else is made than wanted."""
    return [(vector, got) for vector in VECTORS[name] if (got := made(vector)) != wanted(vector)]


def result(vector: dict[str, Any]) -> dict[str, str]:
    return {key: vector[key] for key in ("identifier", "invalid") if key in vector}


def purpose(vector: dict[str, Any]) -> str:
    return f"pseudonym/{vector['project']}/{vector['epoch']}/{vector['round']}/{vector['kind']}"


def derived(vector: dict[str, Any]) -> tuple[str, str, str]:
    return vector["subkey"], vector["pseudonym"], vector["key_check"]


def keys_by_the_page() -> dict[str, list[str]]:
    """Person key → its parts, as docs/person-keys.md has them."""
    rows = re.findall(
        r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \| ", (DOCS / "person-keys.md").read_text(), re.MULTILINE
    )
    return {name: re.findall(r"\w+", parts) for name, parts in rows}


def references() -> Iterator[tuple[bytes, list[str], dict[str, str]]]:
    for drop in VECTORS["record_references"]:
        for vector in drop["references"]:
            yield bytes.fromhex(drop["key"]), drop["long_ids"], vector


def place(record_id: str, long_ids: list[str]) -> int:
    return long_ids.index(record_id) if record_id in long_ids else 0


def signed_vectors() -> list[dict[str, Any]]:
    return [VECTORS["signed"], VECTORS["drop_part"]["descriptor"]]


# Our code.


def test_our_code_makes_the_committed_vectors() -> None:
    """Everything but what is sealed, which is kept. After a change that is meant: python tests/vectors/make.py"""
    made = make.vectors(VECTORS)
    for name, value in made.items():
        assert value == VECTORS[name], name
    assert make.text_of(made) == make.FILE.read_text()


@pytest.mark.parametrize("kind", list(IdentifierKind))
@pytest.mark.parametrize("form", list(IdentifierForm))
def test_our_code_makes_the_same_of_a_whole_column(kind: IdentifierKind, form: IdentifierForm) -> None:
    vectors = [v for v in VECTORS["normalisation"] if (v["kind"], v["form"]) == (kind, form)]
    if not vectors:
        # Numbers from a number of another kind, and from an address by the BAG, are tested where they are made.
        assert form in (IdentifierForm.LOONHEFFING, IdentifierForm.ADDRESS)
        return
    # Which fields a register has says something: a house letter beside an addition is one.
    for width in {len(v["fields"]) for v in vectors}:
        some = [v for v in vectors if len(v["fields"]) == width]
        names = tuple(f"field{i}" for i in range(width))
        rows = [v["fields"] for v in some]
        frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
        made = normalise(frame, IdentifierSource(kind=kind, fields=names, form=form))
        assert made.values.to_list() == [v.get("identifier") for v in some]
        reasons = [v["invalid"] for v in some if "invalid" in v]
        assert made.invalid == {reason: reasons.count(reason) for reason in set(reasons)}


def test_our_code_gives_the_pseudonyms_of_a_whole_column() -> None:
    for vector in VECTORS["pseudonyms"]:
        key = ProjectKey(vector["project"], vector["epoch"], bytes.fromhex(vector["project_key"]))
        column = pl.Series([vector["identifier"], None, vector["identifier"]])
        made = key.pseudonyms(column, vector["round"], vector["kind"]).to_list()
        assert made == [bytes.fromhex(vector["pseudonym"]), None, bytes.fromhex(vector["pseudonym"])]


def test_every_pseudonym_of_the_vectors_is_another() -> None:
    assert len({vector["pseudonym"] for vector in VECTORS["pseudonyms"]}) == len(VECTORS["pseudonyms"])


def test_our_code_finds_the_record_ids_back() -> None:
    for key, long_ids, vector in references():
        assert decrypt_blocks(bytes.fromhex(vector["reference"]), key).hex() == vector["block"]
        found = resolve([bytes.fromhex(vector["reference"])], References(key, tuple(long_ids)))
        assert found == [vector["record_id"]]


def test_our_matcher_expects_a_row_in_the_part_where_a_partner_puts_it() -> None:
    for vector in VECTORS["part_ranges"]:
        first = pa.array([bytes.fromhex(vector["pseudonym"])], pa.binary(16))
        assert parts_of(first, vector["parts"]).tolist() == [vector["part"]]


def test_our_code_takes_the_signed_documents() -> None:
    for vector, model in zip(signed_vectors(), (Approval, DropDescriptor), strict=True):
        file = vector["file"].encode()
        document = verify(file, model, vector["signing_key"], what="A document", party="noord")
        assert document.model_dump(mode="json") == vector["document"]
        with pytest.raises(SignatureMissingError):
            verify(file, model, "0" * 62 + "01", what="A document", party="noord")


@pytest.mark.parametrize("name", ["sealed", "drop_part"])
def test_our_code_opens_what_is_sealed(name: str) -> None:
    vector = VECTORS[name]
    sealed = base64.b64decode(vector["sealed"])
    assert unseal(sealed, vector["identity"], what="A part", party="noord") == base64.b64decode(
        vector["plain"]
    )
    with pytest.raises(SealBrokenError):
        unseal(sealed[:-1], vector["identity"], what="A part", party="noord")


def test_our_code_reads_the_drop_part() -> None:
    vector = VECTORS["drop_part"]
    table = from_part(
        base64.b64decode(vector["plain"]), make.COLUMNS, len(vector["rows"]), what="A", party="b"
    )
    assert table.equals(make.table_of(vector["rows"]))


def vector_rows(vector: dict[str, Any]) -> list[list[Any]]:
    """The rows of a vector with columns, cell by cell."""
    return [[row[column["name"]] for column in vector["columns"]] for row in vector["rows"]]


def read_by_sql(sql: Sql, file: Path, part: bytes, vector: dict[str, Any]) -> list[list[Any]]:
    """The cells of a part, as the macros of plain.sql find them in the file."""
    file.write_bytes(part)
    shown, start, rows = [], 0, len(vector["rows"])
    for column in vector["columns"]:
        found = f"cell(hex(content), {start}, {column['width']}, place)"
        read = found if column["type"] in ("block", "sealed") else f"little_endian({found})"
        shown.append(f'{read} AS "{column["name"]}"')
        start += rows * column["width"]
    made = sql(
        f"SELECT {', '.join(shown)} FROM read_blob('{file}'), range({rows}) AS r(place) ORDER BY place"
    )
    return [list(row.values()) for row in made]


# Plain Python.


def test_plain_python_normalises_as_the_vectors_say() -> None:
    assert (
        different("normalisation", lambda v: plain.identifier(v["kind"], v["form"], v["fields"]), result)
        == []
    )


def parts_by_plain_python(vector: dict[str, Any]) -> dict[str, Any]:
    parts = plain.parts(vector["fields"])
    return {part: parts[part] for part in vector["parts"]}


def test_plain_python_makes_the_parts_of_the_vectors() -> None:
    assert different("person_parts", parts_by_plain_python, lambda vector: vector["parts"]) == []


def test_plain_python_makes_the_person_keys_of_the_vectors() -> None:
    def made(vector: dict[str, Any]) -> dict[str, Any]:
        parts = plain.parts(vector["fields"])
        keys = {name: [parts[part] for part in inside] for name, inside in keys_by_the_page().items()}
        return {f"pk_{name}": "|".join(texts) if all(texts) else None for name, texts in keys.items()}

    assert different("person_keys", made, lambda vector: vector["keys"]) == []


def test_plain_python_derives_the_keys_and_pseudonyms_of_the_vectors() -> None:
    def made(vector: dict[str, Any]) -> tuple[str, str, str]:
        secret = bytes.fromhex(vector["project_key"])
        subkey = plain.subkey(secret, purpose(vector))
        check = plain.subkey(secret, f"key-check/{vector['project']}/{vector['epoch']}")
        return subkey, plain.keyed(subkey, vector["identifier"]), plain.keyed(check, "lsi-match key check")

    assert different("pseudonyms", made, derived) == []


def test_plain_python_encrypts_the_blocks_of_the_vectors() -> None:
    # The example of FIPS 197, appendix C.3.
    example = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert plain.aes(bytes(range(32)), example).hex() == "8ea2b7ca516745bfeafc49904b496089"
    for key, long_ids, vector in references():
        block = plain.block(vector["record_id"], place(vector["record_id"], long_ids))
        assert (block.hex(), plain.aes(key, block).hex()) == (vector["block"], vector["reference"])
    for vector in VECTORS["rekeying"]:
        key, pseudonym = bytes.fromhex(vector["run_key"]), bytes.fromhex(vector["pseudonym"])
        assert plain.aes(key, pseudonym).hex() == vector["block"] == encrypt_blocks(pseudonym, key).hex()


def test_plain_python_puts_rows_in_the_parts_of_the_vectors() -> None:
    made = different(
        "part_ranges", lambda v: plain.part_of(bytes.fromhex(v["pseudonym"]), v["parts"]), lambda v: v["part"]
    )
    assert made == []


def test_plain_python_finds_the_signatures_good() -> None:
    # The second example of RFC 8032, 7.1.
    key = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert plain.good_signature(key, b"\x72", signature)
    for vector in signed_vectors():
        encoded = plain.pre_authentication_encoding(vector["payload_type"], vector["payload"].encode())
        assert encoded.hex() == vector["pre_authentication_encoding"]
        key, signature = bytes.fromhex(vector["signing_key"]), bytes.fromhex(vector["signature"])
        assert plain.good_signature(key, encoded, signature)
        assert not plain.good_signature(key, encoded + b" ", signature)
        assert not plain.good_signature(key, encoded, signature[:-1] + bytes([signature[-1] ^ 1]))


def test_plain_python_writes_the_files_of_the_vectors() -> None:
    """Canonical JSON of such documents is Python's own with sorted members: no numbers but whole ones in them."""
    for vector in signed_vectors():
        payload = json.dumps(vector["document"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert payload == vector["payload"]
        key_id = plain.sha256(bytes.fromhex(vector["signing_key"]))
        envelope = {
            "payload": base64.b64encode(payload.encode()).decode(),
            "payloadType": vector["payload_type"],
            "signatures": [
                {"keyid": key_id, "sig": base64.b64encode(bytes.fromhex(vector["signature"])).decode()}
            ],
        }
        assert json.dumps(envelope, sort_keys=True, separators=(",", ":")) + "\n" == vector["file"]
        assert key_id == vector["key_id"]
        assert "sha256:" + plain.sha256(vector["file"].encode()) == vector["digest"]


def test_plain_python_makes_the_rows_of_the_drop_part() -> None:
    vector = VECTORS["drop_part"]
    long_ids: list[str] = []
    for row in vector["rows"]:
        for kind in ("bsn", "pk_birth_postcode"):
            identifier = row[f"identifier_{kind}"]
            subkey = plain.subkey(bytes.fromhex(vector["project_key"]), purpose({**vector, "kind": kind}))
            assert row[kind] == (plain.keyed(subkey, identifier) if identifier else "0" * 32)
        if len(row["record_id"].encode()) > 15:
            long_ids.append(row["record_id"])
        block = plain.block(row["record_id"], place(row["record_id"], long_ids))
        assert plain.aes(bytes.fromhex(vector["reference_key"]), block).hex() == row["reference"]


def test_plain_python_makes_the_bytes_of_the_drop_part() -> None:
    vector = VECTORS["drop_part"]
    made = plain.part(vector["columns"], vector["rows"])
    assert made == base64.b64decode(vector["plain"])
    assert len(made) == len(vector["rows"]) * sum(column["width"] for column in vector["columns"])


def test_plain_python_opens_the_attributes_of_the_drop_part() -> None:
    vector = VECTORS["drop_part"]
    key, about = bytes.fromhex(vector["attribute_key"]), vector["attributes_about"].encode()
    for row in vector["rows"]:
        bound = about + bytes([row["selection"]]) + bytes.fromhex(row["reference"])
        places = b"".join(place.to_bytes(2, "little") for place in row["places"])
        assert plain.open_gcm(key, bytes.fromhex(row["sealed"]), bound) == places
        with pytest.raises(ValueError, match="tag"):
            plain.open_gcm(key, bytes.fromhex(row["sealed"]), bound[:-1] + b"x")


def test_our_code_opens_the_attributes_of_the_drop_part() -> None:
    vector = VECTORS["drop_part"]
    keys = AttributeKeys.model_validate(vector["attribute_keys"]["document"])
    assert keys.about == vector["attributes_about"]
    sealed = base64.b64decode(keys.sealed["zuid"])
    key = unseal(sealed, vector["attribute_key_sealed"]["identity"], what="A key", party="noord")
    assert key.hex() == vector["attribute_key"]
    rows = vector["rows"]
    cells = b"".join(bytes.fromhex(row["sealed"]) for row in rows)
    bound = b"".join(bytes([row["selection"]]) + bytes.fromhex(row["reference"]) for row in rows)
    found = decrypt_rows(memoryview(cells), key, keys.about, memoryview(bound), len(rows))
    assert found == b"".join(place.to_bytes(2, "little") for row in rows for place in row["places"])


# Beyond the vectors: our code and plain Python make the same of any text.

#: Characters that some rule is about, or that look like such.
_CHARACTERS = (
    "019 .-/,|'’LVabjiIJßẞĳÿŁøÆœđÐþıİéñÇ½²ªﬁ\n\x0b\x1c\xa0\u2009\u200b\u0301\u0308\u0663\uff10\uff2a"
)
_WORDS = (
    *plain.PARTICLES.split(),
    "bij",
    "Onbekend",
    "test",
    "IJ",
    "999990019",
    "999990019L01",
    "1011AB",
    "1980-04-02",
    "2.4.1980",
    *(
        " hs",
        "huis",
        "2",
        "hoog",
        "e ",
        "etage",
        "nr ",
        "bis",
        "II ",
        "n.v.t.",
        "b.g.",
        "t/o",
        "12",
        "01",
        "-",
        "Postbus ",
        "laan",
        "Prof. ",
        "X",
    ),
)
_TEXTS = st.none() | st.text(_CHARACTERS, max_size=16) | st.lists(
    st.sampled_from(_WORDS) | st.text(_CHARACTERS, max_size=3) | st.text("abcdeghijkmqstuvwxz", max_size=9), max_size=6
).map("".join)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(*[_TEXTS] * 7), min_size=1, max_size=20))
def test_plain_python_and_our_code_agree_on_any_text(rows: list[tuple[str | None, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(PERSON_PARTS, pl.String), orient="row")
    parts = _person_parts(frame, {name: name for name in PERSON_PARTS}, None, lambda *_: None)
    ours = parts.select(list(FIELDS_OF)).to_dicts()
    people = [plain.parts(dict(zip(PERSON_PARTS, row, strict=True))) for row in rows]
    assert ours == [{part: person[part] for part in FIELDS_OF} for person in people]
    for kind in IdentifierKind:
        names = PERSON_PARTS[: 4 if kind is IdentifierKind.ADDRESS else 1]
        made = normalise(frame, IdentifierSource(kind=kind, fields=names))
        results = [plain.identifier(kind, "plain", list(row[: len(names)])) for row in rows]
        assert made.values.to_list() == [result.get("identifier") for result in results]
        reasons = [result["invalid"] for result in results if "invalid" in result]
        assert made.invalid == {reason: reasons.count(reason) for reason in set(reasons)}


# Each rule counts: without it, a vector fails.

#: Rules of sound that add nothing to the others: what they take away is a vowel, J or H, or taken away before.
REDUNDANT = ("SJ", "SH", "TSCH", "GH", "TH", "DH", "QU")
RULES = [
    *(("PARTICLES", word, plain.PARTICLES.replace(f" {word} ", " ")) for word in plain.PARTICLES.split()[1:-1]),
    *(("PLACEHOLDERS", field, plain.PLACEHOLDERS | {field: []}) for field in plain.PLACEHOLDERS),
    # ß is two letters in upper case and ĳ two by compatibility: said on the page for who has neither.
    *(
        ("LETTERS", letter, {other: to for other, to in plain.LETTERS.items() if other != letter})
        for letter in plain.LETTERS
        if letter not in "ßĲŸ"
    ),
    *(
        ("SOUNDS", sound, tuple(re.sub(rf"\b{sound}\b", "\0", other) if other == rule else other for other in plain.SOUNDS))
        for rule in plain.SOUNDS
        for sound in rule.partition(":")[0].split()
        if sound not in REDUNDANT
    ),
]  # fmt: skip


def _stands_in(rule: str, vector: dict[str, Any]) -> bool:
    """Whether a vector is likely to show it, and is to be tried first."""
    return rule.casefold() in " ".join(filter(None, vector["fields"].values())).casefold()


@pytest.mark.parametrize(
    ("rules", "rule", "without"), RULES, ids=[f"{rules}-{rule}" for rules, rule, _ in RULES]
)
def test_a_rule_of_names_shows_in_a_vector(
    monkeypatch: pytest.MonkeyPatch, rules: str, rule: str, without: object
) -> None:
    assert without != getattr(plain, rules)
    monkeypatch.setattr(plain, rules, without)
    people = sorted(VECTORS["person_parts"], key=lambda vector: not _stands_in(rule, vector))
    assert any(parts_by_plain_python(vector) != vector["parts"] for vector in people) or any(
        plain.identifier(vector["kind"], vector["form"], vector["fields"]) != result(vector)
        for vector in VECTORS["normalisation"]
    )


def test_every_placeholder_stands_in_a_vector() -> None:
    written = {text for v in VECTORS["normalisation"] for text in v["fields"]}
    written |= {text for v in VECTORS["person_parts"] for text in v["fields"].values()}
    values = {value for field, values in plain.PLACEHOLDERS.items() if field != "po_box" for value in values}
    assert values <= written


def test_every_kind_is_there_with_each_of_its_reasons() -> None:
    numbers = {"missing", "not_digits", "wrong_length", "unknown_value", "decimal_number", "wrong_groups"}
    wanted = {
        "bsn": numbers | {"check_failed"}, "rsin": numbers | {"check_failed"}, "v_number": numbers, "kvk": numbers,
        "vestiging": numbers, "bag": numbers | {"wrong_shape"},
        "loonheffing": {"missing", "wrong_shape", "unknown_value", "check_failed"},
        "address": {"missing", "wrong_shape", "unknown_value", "incomplete", "other_sign"},
    }  # fmt: skip
    found = {
        kind: {v["invalid"] for v in VECTORS["normalisation"] if v["kind"] == kind and "invalid" in v}
        for kind in IdentifierKind
    }
    assert found == wanted
    assert {v["kind"] for v in VECTORS["normalisation"] if "identifier" in v} == set(IdentifierKind)


def test_every_part_and_person_key_is_there_and_missing() -> None:
    for part in FIELDS_OF:
        made = [v["parts"][part] for v in VECTORS["person_parts"] if part in v["parts"]]
        assert None in made, part
        assert any(made), part
    for key in VECTORS["person_keys"][0]["keys"]:
        made = [v["keys"][key] for v in VECTORS["person_keys"]]
        assert None in made, key
        assert any(made), key


# SQL.


@pytest.fixture(scope="module")
def sql() -> Callable[..., list[dict[str, Any]]]:
    """Runs a query over the macros of plain.sql, with tables by their names; its rows."""
    connection = duckdb.connect()
    connection.execute(f"SET VARIABLE lists = '{plain.LISTS}'")
    connection.execute((FOLDER / "plain.sql").read_text())

    def rows(query: str, **tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for name, values in tables.items():
            connection.register(name, pa.Table.from_pylist(values))
        ran = connection.execute(query)
        names = [column[0] for column in ran.description]
        return [dict(zip(names, row, strict=True)) for row in ran.fetchall()]

    return rows


Sql = Callable[..., list[dict[str, Any]]]


def test_sql_normalises_as_the_vectors_say(sql: Sql) -> None:
    vectors = VECTORS["normalisation"]
    written = [
        {
            "kind": v["kind"],
            "form": v["form"],
            "fields": [*v["fields"], None, None, None],
            "width": len(v["fields"]),
        }
        for v in vectors
    ]
    made = sql(
        """SELECT CASE kind WHEN 'address' THEN address_identifier(fields[1], fields[2], fields[3], fields[4], width > 3)
                  ELSE number_identifier(kind, form, fields[1]) END AS made
           FROM written""",
        written=written,
    )
    wanted = [v.get("identifier") or f"!{v['invalid']}" for v in vectors]
    found = [row["made"] for row in made]
    assert [(v, f) for v, f, w in zip(vectors, found, wanted, strict=True) if f != w] == []


def parts_in_sql(sql: Sql, vectors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    people = [
        {"place_in_file": at, **{name: vector["fields"].get(name) for name in PERSON_PARTS}}
        for at, vector in enumerate(vectors)
    ]
    return sql("FROM parts_of('people')", people=people)


def test_sql_makes_the_parts_of_the_vectors(sql: Sql) -> None:
    vectors = [v for v in VECTORS["person_parts"] if not set(v["fields"].values()) & set(COMPATIBILITY)]
    assert len(VECTORS["person_parts"]) - len(vectors) == 2 * len(COMPATIBILITY)
    made = parts_in_sql(sql, vectors)
    wrong = [
        (vector, part, row[part])
        for vector, row in zip(vectors, made, strict=True)
        for part, wanted in vector["parts"].items()
        if row[part] != wanted
    ]
    assert wrong == []


def test_sql_makes_the_person_keys_of_the_vectors(sql: Sql) -> None:
    vectors = VECTORS["person_keys"]
    parts_in_sql(sql, vectors)
    joined = {name: " || '|' || ".join(parts) for name, parts in keys_by_the_page().items()}
    columns = ", ".join(f"{key} AS pk_{name}" for name, key in joined.items())
    assert sql(f"SELECT {columns} FROM parts_of('people')") == [vector["keys"] for vector in vectors]


def test_sql_derives_the_keys_and_pseudonyms_of_the_vectors(sql: Sql) -> None:
    rows = [{**vector, "purpose": purpose(vector)} for vector in VECTORS["pseudonyms"]]
    made = sql(
        """SELECT subkey(project_key, purpose) AS subkey, keyed(subkey(project_key, purpose), identifier) AS pseudonym,
                  keyed(subkey(project_key, 'key-check/' || project || '/' || epoch), 'lsi-match key check') AS key_check
           FROM vectors""",
        vectors=rows,
    )
    assert [derived(row) for row in made] == [derived(vector) for vector in rows]


def test_sql_makes_the_blocks_and_part_ranges_of_the_vectors(sql: Sql) -> None:
    blocks = [
        {**vector, "place": place(vector["record_id"], long_ids)} for _, long_ids, vector in references()
    ]
    made = sql("SELECT block(record_id, place) AS block FROM blocks", blocks=blocks)
    assert [row["block"] for row in made] == [vector["block"] for vector in blocks]
    ranges = VECTORS["part_ranges"]
    made = sql("SELECT part_of(pseudonym, parts) AS part FROM ranges", ranges=ranges)
    assert [row["part"] for row in made] == [vector["part"] for vector in ranges]


def test_sql_gives_the_bytes_that_are_signed_and_the_digests(sql: Sql) -> None:
    made = sql(
        """SELECT lower(hex(pre_authentication_encoding(payload_type, payload))) AS pre_authentication_encoding,
                  'sha256:' || sha256(file) AS digest, sha256(unhex(signing_key)) AS key_id
           FROM documents""",
        documents=[{**vector, "document": None} for vector in signed_vectors()],
    )
    assert made == [{name: vector[name] for name in made[0]} for vector in signed_vectors()]


def test_sql_reads_the_drop_part(sql: Sql, tmp_path: Path) -> None:
    vector = VECTORS["drop_part"]
    assert read_by_sql(sql, tmp_path / "part", base64.b64decode(vector["plain"]), vector) == vector_rows(
        vector
    )
