"""Public figures per area, beside counts per area: bounds in words, and a clear word on what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsi_match.base.errors import LsiError
from lsi_match.cli.main import run
from lsi_match.monitor.areas import read_areas
from lsi_match.monitor.ecological_bounds import Area

FIGURES = '\ufeff"Buurt";"AantalInwoners";"Aandeel"\n"7604";1000;"99,0"\n"7605";1000;1,0\n"7606";.;.\n'
COUNTS = "gebied;geselecteerd\n7604;100\n7605;20\n7606;5\n"
COLUMNS = {"area": "Buurt", "people": "AantalInwoners", "having": "Aandeel", "percent": True}


def files(folder: Path, figures: str = FIGURES, counts: str = COUNTS) -> tuple[Path, Path]:
    made = folder / "kerncijfers.csv", folder / "telling.csv"
    made[0].write_text(figures, encoding="utf-8")
    made[1].write_text(counts, encoding="utf-8")
    return made


def test_figures_as_statline_gives_them_are_read_and_areas_without_one_are_told(tmp_path: Path) -> None:
    found = read_areas(*files(tmp_path), **COLUMNS)  # type: ignore[arg-type]
    assert found.known == (Area(1000, 990, 100), Area(1000, 10, 20))
    assert found.left_out == ("7606",)


def test_the_source_at_the_end_and_withheld_counts_are_understood(tmp_path: Path) -> None:
    found = read_areas(*files(tmp_path, FIGURES + '"Bron: CBS"\n', COUNTS + "7607;<10\n"), **COLUMNS)  # type: ignore[arg-type]
    assert found.known == (Area(1000, 990, 100), Area(1000, 10, 20))
    assert found.left_out == ("7606", "7607")


@pytest.mark.parametrize(
    ("figures", "counts", "place"),
    [
        (FIGURES.replace("Aandeel", "Deel"), COUNTS, r"row 1, column 'Aandeel'"),
        (FIGURES.replace("99,0", "veel"), COUNTS, r"row 2, column 'Aandeel'"),
        (FIGURES.replace("1000;1,0", "10;1,0"), COUNTS, r"row 3, column 'Aandeel': more people"),
        (FIGURES, COUNTS.replace("100", "1,5"), r"telling.csv, row 2"),
        (FIGURES, COUNTS.replace("7604;100", "7604"), r"telling.csv, row 2"),
        (FIGURES, "gebied;geselecteerd\n1234;1\n", r"nobody has the characteristic"),
        (
            FIGURES.replace('7605";1000', '7605";60.000'),
            COUNTS,
            r"row 3, column 'AantalInwoners': not a whole",
        ),
        (
            FIGURES,
            COUNTS.replace("7605;20", "7605;1.020"),
            r"telling.csv, row 3, column 'geselecteerd': not a whole",
        ),
        (FIGURES, COUNTS + "7604;90\n", r"telling.csv, row 5, column 'gebied': .* twice"),
        (FIGURES + '"7604";900;"9,0"\n', COUNTS, r"row 5, column 'Buurt': .* twice"),
        (FIGURES.replace("99,0", "veel").replace("1,0", "?"), COUNTS, r"row 2, 3, column 'Aandeel'"),
        ("", COUNTS, r"row 1"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(
    tmp_path: Path, figures: str, counts: str, place: str
) -> None:
    with pytest.raises(LsiError, match=place):
        read_areas(*files(tmp_path, figures, counts), **COLUMNS)  # type: ignore[arg-type]


def test_the_command_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def line(figures: Path, counts: Path) -> list[str]:
        return [
            "monitor",
            "areas",
            str(figures),
            str(counts),
            "--area",
            "Buurt",
            "--people",
            "AantalInwoners",
        ]

    given = line(*files(tmp_path))
    assert run([*given, "--having", "Aandeel", "--percent"]) == 0
    assert capsys.readouterr().out.replace("\n", " ").strip() == (
        "Over 2 gebieden samen. Van wie ‘Aandeel’ heeft is tussen 9,0% en 11,0% geselecteerd, van de anderen tussen 1,0% en 3,0%. "
        "Meer zeggen deze cijfers niet: wie van de geselecteerden het heeft, is niet bekend. Ze zeggen niets over één persoon. "
        "Ook in het gunstigste geval is er een verschil. "
        "Weggelaten, want zonder cijfer of met een aantal dat niet getoond wordt: 1 gebieden."
    )
    assert run([*given, "--having", "Iets"]) == 1
    mixed = FIGURES.replace("99,0", "30,0").replace("1,0\n", "20,0\n")
    assert run(["--lang", "en", *line(*files(tmp_path, mixed)), "--having", "Aandeel", "--percent"]) == 0
    assert "too mixed to tell" in capsys.readouterr().out.replace("\n", " ")
