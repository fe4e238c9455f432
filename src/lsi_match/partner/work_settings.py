"""What a partner sets once for a project: where files change hands, which extracts it delivers from, and where both lie here.

projects/<project>/work.yaml    in the partner's own folder; its own file, which says nothing about selection
"""

from __future__ import annotations

import json
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_text, write_whole
from lsi_match.base.validation import Closed
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.partner.home import Home, NotJoinedError

FILE = "work.yaml"


class WorkNotSetError(LsiError): ...


class WorkSettings(Closed):
    """Where the work on a project lies, as absolute paths.

    Attributes:
        place: the file that says how the place is reached (`partner.transfer.settings_in`).
        mapping: which extract and which columns hold the fields of the manifest.
        extracts: folder of the extracts.
        folder: for what is fetched (`in/`), drops on their way (`out/`) and what was co-signed (`cosigned/`).
    """

    place: Path
    mapping: Path
    extracts: Path
    folder: Path


def set_work(home: Home, project: str, settings: WorkSettings) -> Path:
    """Keep the settings; the file. Raises `NotJoinedError` where this partner does not take part in the project."""
    folder = home.project(project)
    if not (folder / "manifest.json").exists():
        raise NotJoinedError(partner=home.name, project=project)
    # JSON is YAML, and says every path as it is.
    absolute = {name: str(path.absolute()) for name, path in settings}
    write_whole(
        folder / FILE, json.dumps(absolute, indent=2, ensure_ascii=False).encode() + b"\n", replace=True
    )
    return folder / FILE


def work_of(home: Home, project: str) -> WorkSettings:
    """The settings that were kept; raises `WorkNotSetError` where there are none."""
    file = home.project(project) / FILE
    if not file.exists():
        raise WorkNotSetError(partner=home.name, project=project)
    return parse_yaml(read_text(file), file.name, WorkSettings)
