"""The register of processing activities of a manifest: what the entries of its log point at (art. 30 GDPR).

Each step of a project is an activity with an address of its own. The address names the manifest by the first 16 digits
of its digest, so another version of the manifest has another register, and an old entry keeps pointing at what held then.
"""

from __future__ import annotations

from typing import Any

from lsi_match.base.catalogue import word
from lsi_match.log.steps import Step
from lsi_match.manifest import Manifest

#: Steps that do something with data about persons; `base/words.toml` says what.
_ABOUT_PERSONS = frozenset(
    {
        Step.ARRIVE,
        Step.INTAKE,
        Step.MATCH,
        Step.COUNT,
        Step.RELEASE,
        Step.HAND_OUT,
        Step.OPENED,
        Step.ACCESS,
        Step.DESTROY,
        Step.EXPIRE,
        Step.RETENTION,
        Step.DESTROY_SUBJECTS,
    }
)


def activity_uri(domain: str, project: str, manifest: str, step: Step) -> str:
    """The address of an activity: `dpl.core.processing_activity_id` of its entries.

    Args:
        manifest: digest of the manifest under which the step runs.
    """
    return f"{_register_uri(domain, project, manifest)}#{step.value.replace(' ', '-')}"


def party_uri(domain: str, project: str, manifest: str, name: str) -> str:
    """The address of a party in the register: `dpl.core.foreign_operation.processor` of what it called."""
    return f"{_register_uri(domain, project, manifest)}#party-{name}"


def _register_uri(domain: str, project: str, manifest: str) -> str:
    return f"https://{domain}/register/{project}/{manifest.removeprefix('sha256:')[:16]}"


def register(manifest: Manifest) -> dict[str, Any]:
    """The register as a plain value, in the order of the steps."""
    return {
        "format": "lsi-match/processing-register/v1",
        "project": manifest.project.id,
        "manifest": manifest.digest,
        "controllers": {name: one.title for name, one in manifest.controllers.items()},
        "processor": manifest.matcher.title,
        "parties": {
            name: party_uri(manifest.matcher.domain, manifest.project.id, manifest.digest, name)
            for name in (*manifest.controllers, *_office(manifest))
        },
        **({"others": others} if (others := _office(manifest)) else {}),
        "contact": {name: one.dpo_contact for name, one in manifest.controllers.items()},
        "purpose": manifest.basis.purpose,
        "legal_basis": manifest.basis.legal_basis,
        "activities": [_activity(manifest, step) for step in Step],
    }


def _activity(manifest: Manifest, step: Step) -> dict[str, Any]:
    kind = "activity" if step in _ABOUT_PERSONS else "step"
    found: dict[str, Any] = {
        "id": activity_uri(manifest.matcher.domain, manifest.project.id, manifest.digest, step),
        "step": step.value,
        "nl": word(kind, step, "nl"),
        "en": word(kind, step, "en"),
        "about_persons": step in _ABOUT_PERSONS,
    }
    if step in _ABOUT_PERSONS:
        unit = manifest.subject.unit
        found |= {
            "subjects": {"nl": word("subjects", unit, "nl"), "en": word("subjects", unit, "en")},
            "data": {name: sorted(_categories(manifest, name)) for name in manifest.partners},
            "recipients": sorted(manifest.release.to)
            if step in (Step.RELEASE, Step.HAND_OUT, Step.OPENED)
            else [*(_office(manifest) if step is Step.COUNT else ())],
            "kept_days": {
                "releases": manifest.release.keep_days,
                "files_of_subjects": manifest.retention.log_details_days,
            },
        }
    return found


def _office(manifest: Manifest) -> dict[str, str]:
    """The statistics office that data go to, with its title: it is no controller."""
    office = manifest.monitor.office
    return {office.id: office.title} if office else {}


def _categories(manifest: Manifest, partner: str) -> set[str]:
    """What goes along of a record: kinds of identifier, that there is a signal, and the meanings of attributes. Never a
    value, and no signal by name: a register is public, and the name of a signal says what a criterion looks for."""
    found: set[str] = set()
    for selection in manifest.partners[partner].selections:
        found |= {source.kind.value for source in selection.identifiers}
        found |= {word("data", "signal", "nl")} if selection.signals else set()
        found |= {selection.fields[one.field].meaning for one in selection.attributes}
        if selection.counts_only:
            labels = {one.label for one in manifest.monitor_for(selection).dimensions}
            found |= {word("data", "group", "nl"), *labels}
    return found
