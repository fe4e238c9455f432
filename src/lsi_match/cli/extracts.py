"""Looking at an extract before it is delivered: what is in it, what is wrong, what would be delivered; a first mapping."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from lsi_match.base.catalogue import with_separators
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError, wrong_use
from lsi_match.base.files import write_whole
from lsi_match.cli.console import called, done, language, number, out, say, table

if TYPE_CHECKING:
    from lsi_match.manifest import Manifest
    from lsi_match.partner.check import Checked
    from lsi_match.partner.extract.profile import Profile
    from lsi_match.partner.home import Home
    from lsi_match.tables.source import Asked

Encoding = Literal["utf-8", "windows-1252", "latin-1", "utf-16"]
#: In words: each of the signs means something to a shell.
SIGNS = {"semicolon": ";", "comma": ",", "bar": "|", "tab": "\t"}
Separator = Literal["semicolon", "comma", "bar", "tab"]
HeaderRow = Annotated[int, Parameter(validator=Number(gte=1))]

mapping_app = App(name="mapping", help="Say which column is which field.")
reference_app = App(name="reference", help="What addresses are looked up in.")


def check(
    extract: Path,
    *,
    manifest: Path | None = None,
    name: str | None = None,
    mapping: Path | None = None,
    reference_date: date | None = None,
    home: Path | None = None,
    project: str | None = None,
    table: str | None = None,
    sheet: str | None = None,
    encoding: Encoding = "utf-8",
    separator: Separator | None = None,
    header: HeaderRow | None = None,
) -> int:
    """Look at an extract before anything is delivered: what is in it; with a manifest and a mapping, all that is wrong too. Writes nothing.

    Ends with exit status 1 when something is wrong.

    Args:
        extract: the file; of a database the file that leads to it.
        manifest: the manifest, or a draft (YAML).
        name: this partner, as in the manifest.
        mapping: which extract and which columns hold the fields of the manifest (YAML).
        reference_date: the day that the criteria look at; today when left out.
        home: the folder of this partner, for what is compared with its last drop that was not refused.
        project: id of the project, with home; without it that of the manifest. With home and project the manifest may be left out.
        table: table or view, of a database.
        sheet: the sheet, of a spreadsheet with more than one.
        encoding: of a CSV file without a byte order mark: utf-8, windows-1252, latin-1 or utf-16.
        separator: of a CSV file; found when left out.
        header: the row of the header, of a CSV file or spreadsheet; found when left out.
    """
    from lsi_match.partner.check import check as check_all
    from lsi_match.partner.extract.column_mapping import read_mapping
    from lsi_match.partner.extract.profile import profile

    agreed = _agreed(manifest, name, home, project)
    if agreed is None or mapping is None or name is None:
        seen = profile(extract, _asked(table, sheet, encoding, separator, header))
        done(_seen(seen) + _told(seen.wrong), {"extract": _plain(seen), "problems": _facts(seen.wrong)})
        return int(bool(seen.wrong))
    document, here = agreed
    local = read_mapping(mapping)
    mine = {id_: one for id_, one in local.selections.items() if one.extract == extract.name}
    if not mine:
        raise wrong_use("cli.not_in_mapping", name=extract.name)
    day = reference_date or utc_now().date()
    chosen = local.model_copy(update={"selections": mine})
    found = check_all(name, document, chosen, extract.parent, day, here)
    parts: list[Any] = []
    for one in found:
        parts += [*_seen(one.extract), *_told(one.problems), *_would(name, one)]
    told = {
        one.selection: {
            "extract": _plain(one.extract),
            "problems": _facts(one.problems),
            "counts": one.counts.model_dump(mode="json") | {"signals": dict(one.signals)}
            if one.counts
            else None,
            "unusual": {what: list(pair) for what, pair in one.unusual.items()},
        }
        for one in found
    }
    done(parts, told)
    return int(any(one.problems for one in found))


@mapping_app.command
def new(
    extract: Path,
    *,
    manifest: Path,
    name: str,
    selection: str | None = None,
    table: str | None = None,
    sheet: str | None = None,
    encoding: Encoding = "utf-8",
    separator: Separator | None = None,
    header: HeaderRow | None = None,
    to: Path | None = None,
) -> None:
    """Propose a mapping for an extract, from the names of its columns and how they are stored. Read it, and complete what has a question mark.

    Args:
        extract: the file; of a database the file that leads to it.
        manifest: the manifest, or a draft (YAML).
        name: this partner, as in the manifest.
        selection: one selection; without it the partner's first.
        table: table or view, of a database.
        sheet: the sheet, of a spreadsheet with more than one.
        encoding: of a CSV file without a byte order mark: utf-8, windows-1252, latin-1 or utf-16.
        separator: of a CSV file; found when left out.
        header: the row of the header, of a CSV file or spreadsheet; found when left out.
        to: the mapping to write; without it it is shown.
    """
    from lsi_match.cli.manifest import read_manifest
    from lsi_match.partner.extract.propose import propose

    document, _ = read_manifest(manifest, name)
    selections = document.partners[name].selections
    found = [one for one in selections if selection in (None, one.id)]
    if not found:
        known = ", ".join(one.id for one in selections)
        raise wrong_use("cli.known_selections", known=known)
    text = propose(extract, found[0], _asked(table, sheet, encoding, separator, header))
    if to is None:
        out.print(text)
    else:
        write_whole(to, text.encode())
        out.print(str(to))


@reference_app.command
def bag(file: Path, *, home: Path, name: str) -> None:
    """Take in the BAG: where a manifest makes a BAG number of an address, it is looked up here. What was taken in before goes.

    Args:
        file: an extract of the BAG: GeoPackage (bag-light.gpkg of PDOK), CSV (of NLExtract) or Parquet with the same columns.
        home: the folder of this partner.
    """
    from lsi_match.partner.bag import take_in
    from lsi_match.partner.home import Home

    found = take_in(file, Home(home, name))
    told: list[list[object]] = [
        [say("extracts.addresses"), found.rows],
        [say("extracts.withdrawn"), found.ended],
        [say("extracts.useless"), found.useless],
        [say("extracts.ambiguous"), found.ambiguous],
        [say("extracts.found"), found.kept],
    ]
    done((table("BAG", ["", ""], told), found.version), vars(found))


def _asked(
    table: str | None, sheet: str | None, encoding: Encoding, separator: Separator | None, header: int | None
) -> Asked:
    from lsi_match.tables.source import Asked

    return Asked(
        encoding=encoding, separator=separator and SIGNS[separator], header=header, table=table, sheet=sheet
    )


def _agreed(
    manifest: Path | None, name: str | None, home: Path | None, project: str | None
) -> tuple[Manifest, Home | None] | None:
    """The manifest to check by, and the home; nothing without a manifest."""
    from lsi_match.cli.manifest import read_manifest
    from lsi_match.partner.home import Home

    if name is None:
        return None
    here = None if home is None else Home(home, name)
    if manifest is not None:
        return read_manifest(manifest, name)[0], here
    if here is not None and project is not None:
        return here.agreed_manifest(project, utc_now()), here
    return None


def _share(part: int, whole: int) -> str:
    return with_separators(f"{100 * part / whole:.1f}%", language()) if whole else "-"


def _seen(seen: Profile) -> list[Any]:
    """What is in a file."""
    how = ", ".join(f"{called('profile', what)} {value!r}" for what, value in seen.found)
    head = [seen.file, f"{number(seen.records)} records", *([how] if how else [])]
    rows = []
    for one in seen.columns:
        shapes = ", ".join(f"{shape} ({_share(n, one.filled)})" for shape, n in one.shapes)
        days = f"{one.first} … {one.last}" if one.first else ""
        holds = ", ".join(called("stored", kind) for kind in one.kinds)
        filled = _share(one.filled, seen.records)
        commonest = _share(one.commonest, one.filled)
        rows.append([one.name, holds, filled, number(one.distinct), commonest, days or shapes])
    heads = ("column", "holds", "filled", "different", "commonest", "shapes")
    names = [say(f"extracts.{one}") for one in heads]
    return [", ".join(head), table("", names, rows)]


def _told(problems: tuple[LsiError, ...]) -> list[Any]:
    """All that is wrong."""
    if not problems:
        return [say("extracts.nothing_wrong")]
    head = say("extracts.wrong", problems=len(problems))
    return ["\n".join([head, *(f"{at}. {one.text(language())}" for at, one in enumerate(problems, 1))])]


def _would(partner: str, one: Checked) -> list[Any]:
    """What a selection would deliver."""
    from lsi_match.cli.partner import counts_table, unusual_lines

    if one.counts is None:
        return []
    shown = counts_table(f"{partner}.{one.selection}", one.counts, sent=False, signals=one.signals)
    return [shown, *unusual_lines(one.unusual)]


def _plain(seen: Profile) -> dict[str, Any]:
    return {
        "file": seen.file,
        "found": dict(seen.found),
        "records": seen.records,
        "columns": [
            {**vars(one), "kinds": list(one.kinds), "first": one.first and one.first.isoformat(), "last": one.last and one.last.isoformat()}
            for one in seen.columns
        ],
    }  # fmt: skip


def _facts(problems: tuple[LsiError, ...]) -> list[dict[str, Any]]:
    return [{"reason": one.reason, "text": one.text(language()), **one.facts} for one in problems]
