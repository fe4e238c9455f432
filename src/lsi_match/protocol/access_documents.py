"""Access requests (art. 15 GDPR) between a controller and the matching site. Each is signed, then sealed as a whole.

The request holds the pseudonyms of one person, per round, since rounds share none. The answer names no person: it
answers a request. Sealed, since who asks about whom concerns nobody else.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lsi_match.manifest import Digest, Document, Name, ProjectId
from lsi_match.protocol.documents import Moment, RoundId

Pseudonym = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
#: One request is about so many rounds at most: weekly for nineteen years.
MOST_ROUNDS = 1000
Position = Annotated[int, Field(ge=0)]


class AccessRequest(Document):
    """What a controller asks about one person: round → kind of identifier → pseudonyms, one per key it holds.

    `nonce` is 32 random hex digits, so that the digest of a request tells nothing.
    """

    format: Literal["lsi-match/access-request/v1"] = "lsi-match/access-request/v1"
    project: ProjectId
    controller: Name
    nonce: Pseudonym
    at: Moment
    pseudonyms: dict[RoundId, dict[Name, tuple[Pseudonym, ...]]] = Field(max_length=MOST_ROUNDS)


class AccessEvent(Document):
    """When something happened, and which entry of the log says so."""

    at: Moment
    position: Position


class InDrop(Document):
    """A record about the person in the drop of a partner. `through_other` says that it holds another identifier than
    was asked for, and came together with it in the matching. `signals`: by which it was selected; empty where that was
    not kept."""

    partner: Name
    selection: Name
    signals: tuple[Name, ...] = ()
    entry: AccessEvent
    through_other: bool = False


class Handed(Document):
    """A release with the case of the person; when it was removed at the site, and when its recipient opened it."""

    partner: Name
    entry: AccessEvent
    removed: AccessEvent | None
    opened: tuple[AccessEvent, ...]


class RoundAnswer(Document):
    """What one round did with the person.

    `known` is `yes`, `no`, `not_asked` (the request has no pseudonym for this round), `gone`: the files of
    subjects were destroyed at the end of their term, and who was in the round can no longer be told; or `untraceable`: partners
    evaluated together, and the keys that made the pseudonyms are destroyed, so that nobody can find anybody in it.
    `case` is null where no case was decided on. `several`: the identifier stands with more than one person.
    """

    round: RoundId
    manifest: Digest
    opened: AccessEvent
    known: Literal["yes", "no", "not_asked", "gone", "untraceable"]
    delivered: tuple[InDrop, ...] = ()
    case: bool | None = None
    matched: AccessEvent | None = None
    several: bool = False
    handed: tuple[Handed, ...] = ()
    destroyed: AccessEvent | None = Field(
        description="The drops, the key and the matching data of the round."
    )
    forgotten: AccessEvent | None = Field(description="The files of subjects of the round.")


class AccessAnswer(Document):
    """The answer of the matching site to the request with digest `request`; `manifests` holds their canonical text."""

    format: Literal["lsi-match/access-answer/v1"] = "lsi-match/access-answer/v1"
    project: ProjectId
    controller: Name
    request: Digest
    at: Moment
    rounds: tuple[RoundAnswer, ...]
    manifests: dict[Digest, str]
