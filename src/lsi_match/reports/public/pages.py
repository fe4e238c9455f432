"""The pages as files: paths and bytes. Templates with the texts of `texts.toml`; no script, and nothing from elsewhere."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from lsi_match.base.catalogue import in_english, word
from lsi_match.base.errors import Language
from lsi_match.base.files import write_whole
from lsi_match.criteria.explain import as_text, explain
from lsi_match.log.activities import register
from lsi_match.manifest import Manifest
from lsi_match.protocol.publication import Shared, Sheet
from lsi_match.reports.public.facts import ProjectFacts, Version
from lsi_match.reports.public.measures import MEASURES
from lsi_match.reports.public.results import Year
from lsi_match.reports.renderer import Renderer

#: The page of a folder, by language.
_INDEX: dict[Language, str] = {"nl": "index.html", "en": "index.en.html"}
_OTHER: dict[Language, Language] = {"nl": "en", "en": "nl"}
#: So many entries are named for one measure of one project.
_MOST = 20
_TEXTS = Path(__file__).with_name("texts.toml")


@dataclass(frozen=True)
class ShownCriterion:
    """A criterion on a page: from which source it selects, and what it says, or why that is withheld. In Dutch."""

    source: str
    text: str
    withheld: str


def pages(projects: Sequence[ProjectFacts], now: datetime) -> dict[str, bytes]:
    """Every file, by its path below the folder that is published."""
    found: dict[str, bytes] = {}
    for lang in _INDEX:
        filled = _Pages(lang, now)
        found |= _site(filled, projects)
        for one in projects:
            found |= _project(filled, one)
    return found


def write_pages(facts: Sequence[ProjectFacts], out: Path, now: datetime) -> list[Path]:
    """Write every page below `out`; which. What lies there under another name stays."""
    written = []
    for path, data in pages(facts, now).items():
        file = out / path
        write_whole(file, data, replace=True)
        written.append(file)
    for one in (out, *out.rglob("*")):
        one.chmod(0o755 if one.is_dir() else 0o644)  # for everybody
    return written


class _Pages(Renderer):
    """Fills in templates in one language."""

    def __init__(self, lang: Language, now: datetime) -> None:
        super().__init__(_TEXTS.with_name("templates"), _TEXTS, lang)
        self.index = _INDEX[lang]
        self._made = now

    def page(self, template: str, folder: str, title: str, **facts: Any) -> dict[str, bytes]:
        """One page in a folder of its own."""
        other = _OTHER[self.lang]
        html = self.fill(
            f"{template}.html", other=other, index=self.index, other_index=_INDEX[other], top=not folder,
            root="../" * len([part for part in folder.split("/") if part]), title=title, made=self.day(self._made), **facts,
        )  # fmt: skip
        return {f"{folder}{self.index}": html.encode()}


def _site(pages: _Pages, projects: Sequence[ProjectFacts]) -> dict[str, bytes]:
    listed = [
        {
            "id": one.manifest.project.id,
            "title": one.manifest.project.title,
            "organisations": [controller.title for controller in one.manifest.controllers.values()],
        }
        for one in projects
    ]
    matcher = projects[-1].manifest.matcher.title if projects else pages.text("the_matcher")
    found = pages.page("site", "", pages.text("site_title"), matcher=matcher, projects=listed)
    return found | pages.page(
        "measures", "measures/", pages.text("measures_title"), most=_MOST,
        measures={name: [(one.manifest.project, effect) for one in projects for effect in one.effects
                         if effect.measure == name] for name in MEASURES},
        short=Version.short_of, anchor=lambda step: step.value.replace(" ", "-"),
    )  # fmt: skip


def _project(pages: _Pages, facts: ProjectFacts) -> dict[str, bytes]:
    manifest = facts.manifest
    registers = {one.short: register(one.manifest) for one in facts.versions}

    def people(year: Year, name: str) -> str:
        if not year.final:
            return pages.text("later")
        count = getattr(year, name)
        if name == "grounded":
            return (
                pages.text("not_told") if count is None else pages.text("at_least", count=pages.told(count))
            )
        return pages.text("fewer", smallest=year.smallest) if count is None else pages.told(count)

    found = pages.page(
        "project",
        f"project/{manifest.project.id}/",
        manifest.project.title,
        manifest=manifest,
        data=_categories(registers[facts.versions[-1].short], pages.lang),
        rules=sum(len(selection.criteria) for _, selection in manifest.selections()),
        sheets=_alike(facts),
        shown=_shown(facts),
        shared=shared(facts),
        rounds=sum(year.rounds for year in facts.years),
        held=sum(year.held for year in facts.years),
        years=facts.years,
        people=people,
        smallest="/".join(sorted({pages.told(year.smallest) for year in facts.years})),
        waited_for=facts.waited_for,
        versions=facts.versions,
        changed=[
            [],
            *(changed(pages, one.manifest, after.manifest) for one, after in pairwise(facts.versions)),
        ],
    )
    for short, value in registers.items():
        folder = f"register/{manifest.project.id}/{short}/"
        title = pages.text("register_title", project=manifest.project.title)
        found |= pages.page(
            "register",
            folder,
            title,
            register=value,
            data=_categories(value, pages.lang),
            titles=lambda names, of=value: [
                (of["controllers"] | of.get("others", {}))[name] for name in names
            ],
        )
        found[f"{folder}index.json"] = json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"
    return found


def changed(pages: Renderer, before: Manifest, after: Manifest) -> list[str]:
    """What is other than in the version before, by part; of rules not what they say, which organisations may withhold."""
    said = []
    for key, one, other in (("joined", after, before), ("left", before, after)):
        names = [party.title for name, party in one.controllers.items() if name not in other.controllers]
        said += [pages.text(key, names=", ".join(names))] if names else []
    delivers = [
        after.controllers[name].title
        for name, partner in after.partners.items()
        if before.partners.get(name, partner) != partner
    ]
    said += [pages.text("delivers_otherwise", names=", ".join(delivers))] if delivers else []
    return said + [
        Manifest.meaning_of(part)[pages.lang]
        for part in Manifest.model_fields
        if part not in ("format", "partners") and getattr(before, part) != getattr(after, part)
    ]


def shared(facts: ProjectFacts) -> Shared | None:
    """The texts that every controller signed alike; None as long as they did not."""
    texts = {sheet.shared for sheet in facts.sheets.values()}
    return (
        texts.pop() if len(texts) == 1 and facts.sheets.keys() == facts.manifest.controllers.keys() else None
    )


def _alike(facts: ProjectFacts) -> list[list[tuple[str, Sheet]]]:
    """The sheets of controllers, by name; those that say the same but for whom to ask are together."""
    own = {"name", "contact", "page", "category", "criteria", "shared"}
    found: dict[str, list[tuple[str, Sheet]]] = {}
    for name, sheet in facts.sheets.items():
        title = sheet.name or facts.manifest.controllers[name].title
        found.setdefault(sheet.model_dump_json(exclude=own), []).append((title, sheet))
    return [sorted(same, key=lambda one: one[0]) for same in found.values()]


def _shown(facts: ProjectFacts) -> dict[str, Counter[ShownCriterion]]:
    """Controller → its criteria, as far as it makes them public, and how many read the same."""
    found: dict[str, Counter[ShownCriterion]] = {}
    for partner, selection in facts.manifest.selections():
        if partner not in facts.sheets:
            continue
        predicates = selection.predicates()
        for rule in selection.criteria:
            said = facts.sheets[partner].criteria[f"{selection.id}.{rule.id}"]
            text = said.text or ""
            if said.show == "full":
                text = f"{as_text(explain(predicates[rule.id], selection.fields))}\n{rule.rationale}"
            found.setdefault(partner, Counter())[
                ShownCriterion(selection.source, text, said.reason or "")
            ] += 1
    return found


def _categories(of: Mapping[str, Any], lang: Language) -> dict[str, list[str]]:
    """Partner → what goes along of its records, as the register says it."""
    data: dict[str, list[str]] = next(one["data"] for one in of["activities"] if one["about_persons"])
    return {name: [_category(one, lang) for one in categories] for name, categories in data.items()}


def _category(one: str, lang: Language) -> str:
    return word("kind", one, lang) if lang == "nl" else in_english("data", word("kind", one, lang))
