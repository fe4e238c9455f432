"""How a project stands in the end, in words that do not depend on chance: for comparing two ways to get there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from operation import Operation

from lsi_match.log.entry import LogEntry
from lsi_match.log.steps import Step

#: Steps that may stand in the log once for what they are about, however often a process was killed.
ONCE = {
    Step.OPEN_ROUND: ("lsi.round",),
    Step.RELEASE: ("lsi.round",),
    Step.DESTROY: ("lsi.round",),
    Step.EXPIRE: ("lsi.release",),
    Step.DESTROY_SUBJECTS: ("lsi.round",),
}
_TOKEN = re.compile(r"\b[0-9a-f]{8,64}\b")
#: The log itself, in parts and tail: how it is divided follows from how many entries it has.
_LOG = (".log-tail.json", ".log-part.json")


def done(entry: LogEntry, step: Step) -> bool:
    return entry.name == step.value and entry.status == "Ok"


def twice(entries: list[LogEntry]) -> list[str]:
    """What the log says was done more than once and may not be."""
    counted = Counter(
        (step.value, *(str(entry.attributes[name]) for name in names))
        for step, names in ONCE.items()
        for entry in entries
        if done(entry, step)
    )
    counted += Counter(("arrive", str(e.attributes["lsi.drop"])) for e in entries if done(e, Step.ARRIVE))
    return [f"{' '.join(what)}: {number} times" for what, number in counted.items() if number > 1]


def masked(files: list[Path], folder: Path) -> list[str]:
    return sorted(_TOKEN.sub("*", file.relative_to(folder).as_posix()) for file in files)


def files(folder: Path, *parts: str) -> list[Path]:
    return [file for part in parts for file in (folder / part).rglob("*") if file.is_file()]


def half_written(operation: Operation) -> list[str]:
    """Files that a killed process left half-written, at the site and at the places."""
    return masked(
        [
            file
            for file in operation.folder.rglob(".*.tmp")
            if "world" not in file.parts or "site" in file.parts
        ],
        operation.folder,
    )


def end_state(operation: Operation) -> dict[str, Any]:
    """The project's rounds, what stands in its log, and what lies where."""
    project = operation.project
    entries = project.entries()
    subjects = project.folder / "subjects"
    named = {
        str(v).removeprefix("sha256:") for e in entries for k, v in e.attributes.items() if "subjects" in k
    }
    return {
        "rounds": {one.name: one.state for one in project.view().rounds.values()},
        "twice": twice(entries),
        "done": Counter(e.name for e in entries if e.status == "Ok" and Step(e.name) in ONCE),
        "keys": masked(files(project.folder, "rounds"), project.folder),
        "lying": masked(files(project.folder, "inbox", "received", "staging", "quarantine", "releases", "proofs"), project.folder),
        "subjects": {one.name: len([f for f in one.iterdir() if f.stem in named]) for one in subjects.glob("*")},
        "places": {
            f"{name} {side}": sorted(_TOKEN.sub("*", file) for file in operation.lying(name, side) if not file.endswith(_LOG))
            for name in operation.partners
            for side in ("in", "out")
        },
        "half-written": half_written(operation),
    }  # fmt: skip
