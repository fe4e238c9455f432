"""What a partner sets once for a project: where files change hands, which extracts it delivers from, and where both lie here.

projects/<project>/work.yaml    in the partner's own folder; its own file, which says nothing about selection
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_text, write_whole
from lsi_match.base.validation import PROJECT_ID, Closed
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.home import Home

FILE = "work.yaml"


class WorkNotSetError(LsiError): ...


class WorkSettings(Closed):
    """Where the work on a project lies, as absolute paths.

    Attributes:
        place: the file that says how the place is reached (`partner.transfer.settings_in`).
        mapping: which extract and which columns hold the fields of the manifest; none where nothing is delivered (yet).
        extracts: folder of the extracts.
        folder: for what is fetched (`in/`), drops on their way (`out/`) and what was co-signed (`cosigned/`).
        chain, key: sign with this certificate, and its private key where that is a file (`agreement.signer`).
    """

    place: Path
    mapping: Path | None = None
    extracts: Path | None = None
    folder: Path
    chain: Path | None = None
    key: Path | None = None


def set_work(home: Home, project: str, settings: WorkSettings) -> Path:
    """Keep the settings; the file. A project need not be joined yet: what comes before changes hands as well.

    Raises:
        ProjectNameError: no project can be called so.
    """
    if not re.fullmatch(PROJECT_ID, project):
        raise LsiError("ProjectNameError", project=project)
    folder = home.project(project)
    # JSON is YAML, and says every path as it is.
    absolute = {name: str(path.absolute()) for name, path in settings if path is not None}
    write_whole(
        folder / FILE, json.dumps(absolute, indent=2, ensure_ascii=False).encode() + b"\n", replace=True
    )
    return folder / FILE


def keep_mapping(home: Home, project: str, settings: WorkSettings, text: bytes) -> Path:
    """Keep a mapping that was made here beside the settings, and use it from now on; the file.

    Raises:
        an LsiError that names line and column of what is wrong in it; then nothing is kept.
    """
    file = home.project(project) / "mapping.yaml"
    parse_yaml(text.decode(errors="replace"), file.name, ColumnMapping)
    write_whole(file, text, replace=True)
    extracts = settings.extracts or settings.folder / "extracts"
    set_work(home, project, settings.model_copy(update={"mapping": file, "extracts": extracts}))
    return file


def extracts_in(settings: WorkSettings) -> list[Path]:
    """The files that lie in the folder of the extracts: as it was set, else `extracts/` in that of the work."""
    folder = settings.extracts or settings.folder / "extracts"
    return sorted(one for one in folder.glob("[!.]*") if one.is_file()) if folder.is_dir() else []


def work_of(home: Home, project: str) -> WorkSettings:
    """The settings that were kept; raises `WorkNotSetError` where there are none."""
    file = home.project(project) / FILE
    if not file.exists():
        raise WorkNotSetError(partner=home.name, project=project)
    return parse_yaml(read_text(file), file.name, WorkSettings)
