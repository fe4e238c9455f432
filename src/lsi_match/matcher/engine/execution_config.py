"""By what a run gets its buckets matched: threads, processes, or a cluster that is there already.

`runner.yaml` in the folder of the site says so for every run, also those that a schedule starts:

    runner: dask
    cluster: tls://scheduler.internal:8786
    memory_limit: 4GiB
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from lsi_match.base.errors import WrongUseError
from lsi_match.base.files import read_text
from lsi_match.base.validation import Closed, RuleViolation, validation_message
from lsi_match.base.yaml_positions import parse_yaml

FILE = "runner.yaml"
RunnerName = Literal["threads", "processes", "dask", "ray"]
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT])(i?)B", re.IGNORECASE)
#: So much each worker gets at least, where nobody says how many there are.
_WORKER = 2**30


class ExecutionConfig(Closed):
    """What the buckets of a round are matched with.

    Attributes:
        workers: how many buckets at once, on this machine; by default as many as there are processors and gigabytes.
        cluster: address of the scheduler or head of a Dask or Ray cluster. Without it one of Dask is made here for the run,
            under keys of its own; none of Ray, which gives work to every user of the machine.
        memory_limit: of all databases that are open at once on this machine; with a cluster, of each.
    """

    runner: RunnerName = "threads"
    workers: int | None = Field(default=None, ge=1, le=1024)
    cluster: str | None = None
    memory_limit: str = "2GiB"

    @field_validator("memory_limit")
    @classmethod
    def _is_a_size(cls, value: str) -> str:
        if _SIZE.fullmatch(value) is None:
            raise RuleViolation.because("matcher.engine.memory_limit")
        return value

    @model_validator(mode="after")
    def _cluster_of_its_kind(self) -> ExecutionConfig:
        if self.cluster is not None and self.runner not in ("dask", "ray"):
            raise RuleViolation.because("matcher.engine.cluster_of_threads")
        if self.runner == "ray" and self.cluster is None:
            raise RuleViolation.because("matcher.engine.ray_address")
        if self.cluster is not None and self.workers is not None:
            raise RuleViolation.because("matcher.engine.cluster_workers")
        return self

    @property
    def at_once(self) -> int:
        """How many buckets are matched at once on this machine; 1 with a cluster, which sees to that itself."""
        return 1 if self.cluster is not None else self.workers or self.parts_at_once

    @property
    def parts_at_once(self) -> int:
        """How many parts of a drop are judged at once, which is always done here: one for each processor and gigabyte."""
        return max(1, min(_processors(), _bytes(self.memory_limit) // _WORKER))

    @property
    def memory_each(self) -> str:
        """The memory limit of one database, in the words of DuckDB."""
        return f"{_bytes(self.memory_limit) // self.at_once // 1024}KiB"

    @property
    def threads_each(self) -> int:
        """The threads of one database."""
        return 1 if self.cluster is not None else max(1, _processors() // self.at_once)

    @classmethod
    def of_site(cls, site: Path, **told: str | int | None) -> ExecutionConfig:
        """What `runner.yaml` says, or the defaults, but for what is told here otherwise (not None).

        Raises:
            LsiError: what is wrong in the file, by line and column.
            WrongUseError: what is told cannot be, or not together.
        """
        file = site / FILE
        there = parse_yaml(read_text(file), FILE, cls) if file.exists() else cls()
        given = {name: value for name, value in told.items() if value is not None}
        # Another runner has nothing to do with the cluster and the number of workers of the one in the file.
        before = there.model_dump() if "runner" not in given else {"memory_limit": there.memory_limit}
        try:
            return cls.model_validate(before | given)
        except ValidationError as error:
            _, problem = validation_message(error.errors()[0])
            raise WrongUseError.saying(problem["nl"], problem["en"]) from None


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def _bytes(size: str) -> int:
    found = _SIZE.fullmatch(size)
    assert found is not None
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** ("KMGT".index(found[2].upper()) + 1))
