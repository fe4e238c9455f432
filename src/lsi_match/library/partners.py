"""Be a partner: select, prepare a drop, open a release. Needs `lsi-match[partner]`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from lsi_match.base.clock import utc_now
from lsi_match.library.judging import judging
from lsi_match.library.manifests import Manifest
from lsi_match.partner import prepare as preparing
from lsi_match.partner.check import Checked, check
from lsi_match.partner.deliver import Delivered, synchronise
from lsi_match.partner.extract.column_mapping import read_mapping
from lsi_match.partner.home import Home
from lsi_match.partner.prepare import Prepared
from lsi_match.partner.release.open import open_release
from lsi_match.partner.select import SelectionTask, select
from lsi_match.partner.work_settings import WorkSettings


class Partner:
    """One partner with its own folder, for one project that it joined (`lsi-match partner join`).

    Every method raises LsiError: what is wrong, where, and what to do.
    """

    def __init__(self, name: str, home: str | Path, project: str) -> None:
        self.name = name
        self.project = project
        self.home = Home(Path(home), name)

    @property
    def manifest(self) -> Manifest:
        """The manifest that every controller signed; all signatures are checked again."""
        agreed = self.home.agreed_manifest(self.project, utc_now())
        return Manifest(agreed, agreed.digest)

    def select(
        self,
        mapping: str | Path,
        extracts: str | Path,
        reference_date: date,
        manifest: Manifest | None = None,
    ) -> dict[str, pl.DataFrame]:
        """Name of a selection → the own records that the criteria select, with their signals. Nothing is written.

        Args:
            mapping: which extract and which columns hold the fields of the manifest (YAML).
            extracts: folder of the extracts.
            manifest: another than the agreed one, for example a draft.
        """
        document = (manifest or self.manifest).document
        local = read_mapping(Path(mapping)).selections
        tasks = [
            SelectionTask(self.name, one, local[one.id], Path(extracts), document, reference_date)
            for one in document.partners[self.name].selections
        ]
        return {task.selection.id: pl.DataFrame(select(task).table) for task in tasks}

    def check(
        self,
        mapping: str | Path,
        extracts: str | Path,
        reference_date: date,
        manifest: Manifest | None = None,
    ) -> list[Checked]:
        """Of every selection what is in its extract, all `problems`, the `counts` of what would be delivered, and what is
        `unusual` beside the last drop. Nothing is written.

        Args:
            mapping: which extract and which columns hold the fields of the manifest (YAML).
            extracts: folder of the extracts.
            manifest: another than the agreed one, for example a draft.
        """
        document = (manifest or self.manifest).document
        return check(
            self.name, document, read_mapping(Path(mapping)), Path(extracts), reference_date, self.home
        )

    def prepare(
        self, opening: str | Path, mapping: str | Path, extracts: str | Path, to: str | Path
    ) -> Prepared:
        """Select, pseudonymise, seal and sign: the drop (`file`, `descriptor`) for the round of this opening, in folder `to`."""
        read = Path(opening), read_mapping(Path(mapping)), Path(extracts), Path(to)
        return preparing.prepare(self.home, *read, self.project, utc_now())

    def deliver(
        self, place: str | Path, mapping: str | Path, extracts: str | Path, folder: str | Path
    ) -> Delivered:
        """One pass, as `lsi-match partner deliver`: fetch, co-sign, make and bring the drops of open rounds, check receipts.
        Where partners evaluate together it is the way to deliver, and each pass does the step that can be done.

        Args:
            place: how the place is reached where files change hands (YAML).
            folder: for what is fetched (`in/`), drops on their way (`out/`) and what was co-signed (`cosigned/`).
        """
        work = WorkSettings(
            place=Path(place), mapping=Path(mapping), extracts=Path(extracts), folder=Path(folder)
        )
        return synchronise(self.home, self.project, work, utc_now(), judging=judging)

    def open(self, release: str | Path) -> pl.DataFrame:
        """The own records that are in a case, by own record id (`release` is the .release.json file)."""
        _, cases = open_release(self.home, Path(release), self.project, utc_now())
        return cases
