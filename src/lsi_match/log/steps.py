"""The steps of a project, by the one name each has: in the flow, the log, the documentation and the pages."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """A step. How it is called where stewards and FG read stands in `base/words.toml`."""

    REGISTER_MANIFEST = "register manifest"
    TAKE_IN = "take in papers"
    SHARE = "share manifest"
    TRUST_ROOT = "trust root"
    OPEN_ROUND = "open round"
    ASK = "ask evaluations"
    ANSWER = "answer evaluations"
    EVALUATORS = "name evaluators"
    DESTROY_KEYS = "destroy round keys"
    ARRIVE = "arrive"
    REMIND = "remind"
    GATES = "gates"
    INTAKE = "intake"
    COMPLETE = "complete"
    MATCH = "match"
    COUNT = "count"
    HOLD = "hold"
    JUSTIFY = "justify"
    OFFICE = "office counts"
    RELEASE = "release"
    HAND_OUT = "hand out"
    DESTROY = "destroy"
    EXPIRE = "expire"
    OPENED = "open release"
    ACCESS = "access request"
    LOOK_UP = "ask access evaluation"
    DESTROY_SUBJECTS = "destroy subjects"
    RETENTION = "retention"
    CHECKPOINT = "checkpoint"
    DESTROY_DETAILS = "destroy details"
    OUTCOME = "outcome"
    RESTORE = "restore"
    FORK = "fork"
