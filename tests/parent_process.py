"""The parent of runs, changed as the environment says, for `lsi_match.matcher.operate.runner.PARENT`.

LSI_TEST_LOOK: nothing is looked at before Prefect is loaded. LSI_TEST_ROWS: small buckets and pieces of linking, and case ids that can be
foreseen. LSI_TEST_PICKLED: a file that gets what a run pickles. LSI_TEST_DATABASE: after how many seconds the database is
looked at. LSI_TEST_ENDS: while this file is there, that of a service ends as soon as it starts.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
import pytest

from lsi_match.flows import parent
from lsi_match.matcher.operate import runner

ROOT = Path(__file__).parents[1]


def used(patch: pytest.MonkeyPatch, **settings: str) -> None:
    """Have runs started by this parent, with these settings."""
    patch.setattr(runner, "PARENT", "parent_process")
    patch.setenv("PYTHONPATH", os.pathsep.join(str(ROOT / folder) for folder in ("src", ".", "tests")))
    for name, value in settings.items():
        patch.setenv(f"LSI_TEST_{name}", value)


def draw(count: int) -> bytes:
    return b"".join((number * 7919 % 2**32).to_bytes(16, "little") for number in range(count // 16))


def kept(file: Path, dumps: Callable[..., bytes]) -> Callable[..., bytes]:
    def dumping(*args: Any, **kwargs: Any) -> bytes:
        data = dumps(*args, **kwargs)
        with file.open("ab") as handle:
            handle.write(bytes(data))
        return data

    return dumping


def modules() -> list[Any]:
    """What Prefect, Dask and Ray pickle and pack with, where they are installed."""
    found: list[Any] = [pickle, cloudpickle]
    for name in ("distributed.protocol.pickle", "ray.cloudpickle"):
        with suppress(ImportError):
            found.append(import_module(name))
    with suppress(ImportError):  # arguments that are names and numbers are packed by Ray, not pickled
        ray = import_module("ray._private.serialization")
        packs = ray.MessagePackSerializer
        ray.MessagePackSerializer = SimpleNamespace(dumps=packs.dumps, loads=packs.loads)
        found.append(ray.MessagePackSerializer)
    return found


def do(request: dict[str, Any], descriptors: Sequence[int], shown: bool) -> int:
    from lsi_match.matcher.engine import buckets, linking

    if rows := os.environ.get("LSI_TEST_ROWS"):
        buckets.ROWS, linking.PIECE = int(rows), 2 * int(rows)
        buckets.Matching.__init__.__defaults__ = (draw,)  # type: ignore[misc]
    if file := os.environ.get("LSI_TEST_PICKLED"):
        for module in modules():
            module.dumps = kept(Path(file), module.dumps)
    return as_it_is(request, descriptors, shown)


if __name__ == "__main__":
    if "--listen" in sys.argv and Path(os.environ.get("LSI_TEST_ENDS", "")).is_file():
        sys.exit(3)
    as_it_is, parent._do = parent._do, do
    parent._DATABASE_EVERY = float(os.environ.get("LSI_TEST_DATABASE", 300))
    if os.environ.get("LSI_TEST_LOOK"):
        parent._look = lambda request, descriptors: parent._GO_ON
    sys.exit(parent.main())
