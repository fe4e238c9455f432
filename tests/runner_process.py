"""A run in a process of its own, in small buckets and with case ids that can be foreseen; what it pickles is kept.

Arguments: file for what was pickled, rows per bucket, then those of `lsi_match.flows.match`.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from lsi_match.flows import match as match_flow
from lsi_match.matcher.engine import buckets


def draw(count: int) -> bytes:
    return b"".join((number * 7919 % 2**32).to_bytes(16, "little") for number in range(count // 16))


def kept(file: Path, dumps: Callable[..., bytes]) -> Callable[..., bytes]:
    def dumping(*args: Any, **kwargs: Any) -> bytes:
        data = dumps(*args, **kwargs)
        with file.open("ab") as handle:
            handle.write(bytes(data))
        return data

    return dumping


def modules() -> list[ModuleType]:
    """What Prefect, Dask and Ray pickle with, where they are installed."""
    found = [pickle, cloudpickle]
    try:
        import distributed.protocol.pickle as of_dask
        import ray.cloudpickle as of_ray
    except ImportError:
        return found
    return [*found, of_dask, of_ray]


def main() -> int:
    file, most, *arguments = sys.argv[1:]
    buckets.ROWS = int(most)
    buckets.Matching.__init__.__defaults__ = (draw,)  # type: ignore[misc]
    for module in modules():
        module.dumps = kept(Path(file), module.dumps)  # type: ignore[attr-defined]
    sys.argv = ["lsi_match.flows.match", *arguments]
    return match_flow.main()


if __name__ == "__main__":
    sys.exit(main())
