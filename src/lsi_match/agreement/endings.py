"""What ends by itself: one list, each with its day, and who can do something about it. Pure, so that both ends have it.

| what | ends | warned of are |
| --- | --- | --- |
| `trust root` | when the newest version expires, and with it what its keys may sign | the organisations that sign the next |
| `authority` | when the certificate of an authority in it does | that organisation |
| `certificate` | when the first one ends of those with which an organisation signed last | that organisation |
| `revocation list` | when of an authority of its certificates no list that is here says anything of what is signed then | that organisation |
| `period` | after the last day of the project's period | every controller |
| `dpia` | `DPIA_REVIEWED` after the date of the DPIA, when it is to be looked at again | every controller |
| `rounds` | at the opening that the manifest does not allow any more | every controller |
| `hold` | with the term in which a held round can be justified | every controller |
| `cosignatures` | with the term of a release that waits for cosignatures | every controller |
| `release` | with the term in which a release can be opened, while it was not | that partner |

The first six follow from what is agreed (`ends_of_agreement`), the others from the rounds (`matcher.operate.expected`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from lsi_match.agreement.approvals import signed_with
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.catalogue import catalogue
from lsi_match.base.clock import minute
from lsi_match.base.errors import Language
from lsi_match.crypto.certificates import valid_between
from lsi_match.crypto.revocation import Revocations
from lsi_match.manifest import Manifest

#: How long before an end it is warned of: each time once more.
WARNED_BEFORE = (timedelta(days=60), timedelta(days=30), timedelta(days=7))
#: A DPIA is looked at again at least every three years, and when the processing changes (art. 35, paragraph 11).
DPIA_REVIEWED = timedelta(days=3 * 365)


@dataclass(frozen=True)
class End:
    """Something that ends: what (the table above), which one, from when it ran, when it ends, and who can do something."""

    what: str
    name: str
    since: datetime
    at: datetime
    who: tuple[str, ...]

    def days_warned(self, now: datetime) -> int | None:
        """How many days before its end the last warning is that is due; 0 once it ended; None while there is none.

        What runs for less than a warning ahead is not warned of then: what lasts a month, a week ahead; what lasts a
        week, halfway.
        """
        if now >= self.at:
            return 0
        length = self.at - self.since
        ahead = [one for one in WARNED_BEFORE if one < length] or [length / 2]
        due = [one for one in ahead if now >= self.at - one]
        return max(1, min(due).days) if due else None

    def text(self, language: Language) -> str:
        """What ends when, what that does, and what to do."""
        texts: dict[str, dict[Language, str]] = catalogue(Path(__file__).with_suffix(".toml"))
        return texts[self.what][language].format(name=self.name, at=minute(self.at))


def ends_of_agreement(manifest: Manifest, trust: Trust, papers: Iterable[bytes] = ()) -> Iterator[End]:
    """What of a project ends by what is agreed, and by the certificates with which these papers were signed."""
    everybody, root = tuple(manifest.controllers), trust.current
    yield End(
        "trust root", str(root.version), root.issued_at, root.expires_at, tuple(root.signing_organisations)
    )
    for name, party in root.organisations.items():
        for number, one in enumerate(party.authorities, 1):
            since, at = valid_between(one.certificate)
            yield End("authority", name if number == 1 else f"{name}-{number}", since, at, (name,))
    chains = _certificates(papers)
    lists = Revocations(trust.revocations, manifest.certificates.list_age)
    for name, party in root.organisations.items():
        chain = chains.get(name, ())
        if chain:
            yield End("certificate", name, *_span(chain), (name,))
        spans = lists.spans([*chain[1:], *(one.certificate for one in party.authorities)])
        if spans:
            yield End("revocation list", name, *min(spans, key=lambda one: one[1]), (name,))
    zone = ZoneInfo(manifest.schedule.timezone)
    period, dpia = manifest.project.period, datetime.combine(manifest.dpia.date, time.min, zone)
    first = datetime.combine(period.first, time.min, zone)
    after = datetime.combine(period.last, time.min, zone) + timedelta(days=1)
    yield End("period", manifest.project.id, first, after, everybody)
    yield End("dpia", manifest.dpia.reference, dpia, dpia + DPIA_REVIEWED, everybody)


def _certificates(papers: Iterable[bytes]) -> dict[str, tuple[str, ...]]:
    """Organisation → the certificates with which it signed; of several chains the one that is valid longest."""
    latest: dict[str, tuple[str, ...]] = {}
    for data in papers:
        name, chain = signed_with(data)
        if chain:
            latest[name] = max(latest.get(name, chain), chain, key=lambda one: _span(one)[1])
    return latest


def _span(chain: tuple[str, ...]) -> tuple[datetime, datetime]:
    """From when until when all of these certificates are valid."""
    begins, ends = zip(*map(valid_between, chain), strict=True)
    return max(begins), min(ends)
