"""A first mapping: each column is proposed once, names with line breaks are YAML, and what may be a record is not shown."""

from __future__ import annotations

from pathlib import Path

from partner.test_every_writing import MANIFESTS

from lsi_match.base.yaml_positions import read_yaml
from lsi_match.partner.extract.column_mapping import SelectionMapping
from lsi_match.partner.extract.propose import propose
from lsi_match.tables.source import Asked

(SELECTION,) = [one for one in MANIFESTS["samenloop"].partners["uwv"].selections if one.id == "uitkering"]
HEADER = '"Uitkering\nnummer";"BSN\nklant";"Geboorte-\ndatum";"Soort\nuitkering";"Datum\ningang";"Datum\neinde";Dag bedrag;"Over\nig"'
ROW = "U1;999990019;01-01-1980;WW;01-01-2024;;50,00;x"


def proposed(file: Path) -> tuple[str, dict[str, object]]:
    text = propose(file, SELECTION, Asked())
    return text, read_yaml(text, "mapping.yaml")["selections"]["uitkering"]


def test_every_column_is_proposed_once_whatever_the_header(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(f"{HEADER}\n{ROW}\n")
    _, made = proposed(tmp_path / "e.csv")
    assert made["record_id"] == "Uitkering\nnummer"
    assert made["columns"] == {
        "bsn": "BSN\nklant", "geboortedatum": "Geboorte-\ndatum", "soort": "Soort\nuitkering", "begindatum": "Datum\ningang",
        "einddatum": "Datum\neinde", "dagbedrag": "Dag bedrag", "opgegeven_inkomen": "?",
    }  # fmt: skip


def test_a_file_without_a_header_shows_no_record(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(f"{ROW}\n{ROW}\n")
    text, _ = proposed(tmp_path / "e.csv")
    assert "999990019" not in text


def test_another_encoding_is_proposed(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes("Kenmerk;BSN;Bedrag per dag (€)\nU1;1;2\n".encode("cp1252"))
    _, made = proposed(tmp_path / "e.csv")
    assert made["encoding"] == "windows-1252"


def test_what_is_said_about_the_file_stands_in_the_mapping(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("a;b\nKenmerk;x|BSN;y\n1;2\n")
    text = propose(tmp_path / "e.csv", SELECTION, Asked(separator="|", header=2, encoding="latin-1"))
    made = read_yaml(text, "mapping.yaml")["selections"]["uitkering"]
    assert (made["separator"], made["header"], made["encoding"]) == ("|", 2, "latin-1")
    assert SelectionMapping.model_validate(made).asked.header == 2
