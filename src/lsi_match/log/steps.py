"""The steps of a project, by the one name each has: in the flow, the log, the documentation and the pages."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """A step. `dutch` is how it is called where stewards and FG read."""

    dutch: str

    def __new__(cls, value: str, dutch: str) -> Step:
        member = str.__new__(cls, value)
        member._value_ = value
        member.dutch = dutch
        return member

    REGISTER_MANIFEST = "register manifest", "manifest vastleggen"
    TAKE_IN = "take in papers", "stukken vastleggen"
    SHARE = "share manifest", "manifest delen"
    TRUST_ROOT = "trust root", "vertrouwenslijst vastleggen"
    OPEN_ROUND = "open round", "ronde openen"
    ARRIVE = "arrive", "levering binnengekomen"
    REMIND = "remind", "herinneren"
    GATES = "gates", "waarborgen controleren"
    INTAKE = "intake", "levering ontvangen"
    COMPLETE = "complete", "leveringen compleet"
    MATCH = "match", "koppelen"
    COUNT = "count", "tellen"
    HOLD = "hold", "aanhouden"
    JUSTIFY = "justify", "rechtvaardigen"
    RELEASE = "release", "vrijgeven"
    HAND_OUT = "hand out", "uitreiken"
    DESTROY = "destroy", "vernietigen"
    EXPIRE = "expire", "vrijgave verwijderen"
    OPENED = "open release", "vrijgave openen"
    ACCESS = "access request", "inzageverzoek"
    DESTROY_SUBJECTS = "destroy subjects", "betrokkenen vernietigen"
    RETENTION = "retention", "bewaartermijnen toepassen"
    CHECKPOINT = "checkpoint", "stand vastleggen"
    DESTROY_DETAILS = "destroy details", "details vernietigen"
    OUTCOME = "outcome", "uitkomsten vastleggen"
    RESTORE = "restore", "logboek terugzetten"
    FORK = "fork", "tegenspraak"
