"""What somebody can do who has the account of `uwv` on an SFTP server, or its bucket, at each request that the site makes to it:
nothing of the site is touched, no drop of another partner disappears, and no file is believed that `uwv` did not sign."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml_out
from operation import ROUND, Operation
from servers import s3_server, sftp_server
from swapping import Stops, Swap, kinds_of_swap, seen, stopping_requests

from lsi_match.base.errors import LsiError
from lsi_match.matcher.operate import transfers
from lsi_match.transport import endpoints
from lsi_match.transport.endpoints import EndpointSettings

pytestmark = pytest.mark.slow


class Swapping(Protocol):
    def swap(self) -> None: ...
    def undo(self) -> None: ...


class Account:
    """What lies in the account of an SFTP server, as whoever has it sees it."""

    def __init__(self, settings: EndpointSettings, elsewhere: Path) -> None:
        self._root = Path("/" + settings.url.split("/", 3)[3])
        self._kept = elsewhere / "kept"
        (elsewhere / "folder").mkdir(parents=True)
        (elsewhere / "folder" / "file").write_text("theirs as well")
        self._elsewhere = elsewhere

    def keep(self) -> None:
        shutil.copytree(self._root, self._kept, symlinks=True)

    def put_back(self) -> None:
        if self._root.is_symlink() or not self._root.is_dir():
            self._root.unlink(missing_ok=True)
        shutil.rmtree(self._root, ignore_errors=True)
        shutil.rmtree(self._root.with_name(f"{self._root.name}.aside"), ignore_errors=True)
        shutil.copytree(self._kept, self._root, symlinks=True)

    def swaps(self, names: list[str]) -> Iterator[tuple[str, str, Swapping]]:
        kinds = kinds_of_swap(self._elsewhere / "folder" / "file", self._elsewhere / "folder")
        for thing in (*names, "in", "out", ".lsi-match-place", ""):
            for kind, how in kinds.items():
                yield f"{thing} {kind}", (self._root / thing).name, Swap(self._root / thing, how)


@dataclass
class SwapOfObject:
    """Puts other bytes in the place of an object, or takes it away."""

    client: Any
    bucket: str
    key: str
    data: bytes | None
    before: bytes | None = None

    def swap(self) -> None:
        with suppress(self.client.exceptions.ClientError):
            self.before = self.client.get_object(Bucket=self.bucket, Key=self.key)["Body"].read()
        if self.data is None:
            self.client.delete_object(Bucket=self.bucket, Key=self.key)
        else:
            self.client.put_object(Bucket=self.bucket, Key=self.key, Body=self.data)

    def undo(self) -> None:
        if self.before is None:
            self.client.delete_object(Bucket=self.bucket, Key=self.key)
        else:
            self.client.put_object(Bucket=self.bucket, Key=self.key, Body=self.before)


class Bucket:
    """What lies in a bucket, as whoever has its key sees it."""

    def __init__(self, settings: EndpointSettings, elsewhere: Path) -> None:
        import boto3

        self._client = boto3.client(
            "s3", endpoint_url=settings.endpoint, region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test",
        )  # fmt: skip
        self._bucket, self._folder = settings.url.removeprefix("s3://").split("/", 1)
        self._kept: dict[str, bytes] = {}

    def _there(self) -> dict[str, bytes]:
        listed = self._client.list_objects_v2(Bucket=self._bucket).get("Contents", [])
        return {
            one["Key"]: self._client.get_object(Bucket=self._bucket, Key=one["Key"])["Body"].read() for one in listed
        }  # fmt: skip

    def keep(self) -> None:
        self._kept = self._there()

    def put_back(self) -> None:
        for key in self._there():
            self._client.delete_object(Bucket=self._bucket, Key=key)
        for key, data in self._kept.items():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data)

    def swaps(self, names: list[str]) -> Iterator[tuple[str, str, Swapping]]:
        kinds = {"nothing": None, "other": b"theirs too", "empty": b"", "large": b"x" * 2**21}
        for thing in (
            *names,
            ".lsi-match-place",
            "in/proef.drop.json/within",
            "in/../out/proef.opening.json",
        ):
            for kind, data in kinds.items():
                yield (
                    f"{thing} {kind}",
                    Path(thing).name,
                    SwapOfObject(self._client, self._bucket, f"{self._folder}/{thing}", data),
                )


@contextmanager
def place(kind: str, folder: Path) -> Iterator[tuple[EndpointSettings, Account | Bucket]]:
    with (sftp_server if kind == "sftp" else s3_server)(folder / "server") as settings:
        yield settings, (Account if kind == "sftp" else Bucket)(settings, folder / "elsewhere")


def _swept(operation: Operation, kind: str, every: int, kept: Path) -> int:
    """How many interleavings were tried."""
    project, site, now = operation.project, operation.world.site.folder, operation.clock.now
    operation.deliver("svb", ROUND)
    transfers.collect(project, now)
    with place(kind, kept) as (settings, theirs):
        operation.places["uwv"] = settings
        delivery = {
            name: json.loads(one.model_dump_json(exclude_none=True)) for name, one in operation.places.items()
        }
        yaml_out.write(project.folder / "delivery.yaml", {"partners": delivery})
        transfers.publish(project, now)
        drop = operation.deliver("uwv", ROUND)
        theirs.keep()
        whole = shutil.copytree(operation.folder, kept / "whole", symlinks=True)
        names = [f"in/{file.name}" for file in drop.parent.iterdir()] + [f"out/proef.{ROUND}.opening.json"]

        def acts() -> None:
            for act in (transfers.collect, transfers.publish):
                with suppress(LsiError, OSError):
                    act(project, now)

        def untouched() -> dict[str, str]:
            return seen(
                site / "keys",
                project.folder / "received" / "svb",
                project.folder / "approvals",
                project.folder / "trust",
            )

        before, log = untouched(), [entry.leaf() for entry in project.entries()]
        counting = Stops()
        with stopping_requests(counting):
            acts()
        assert drop.read_bytes() in [
            file.read_bytes() for file in (project.folder / "received" / "uwv").glob("*.drop.json")
        ]
        number = tried = 0
        for told, name, swap in theirs.swaps(names):
            for stop in counting.of(name):
                for back in (False, True):
                    number += 1
                    if number % every:
                        continue
                    shutil.rmtree(operation.folder)
                    shutil.copytree(whole, operation.folder, symlinks=True)
                    theirs.put_back()
                    undo: Callable[[], object] | None = swap.undo if back else None
                    with stopping_requests(Stops(stop, swap.swap, undo)):
                        acts()
                    assert untouched() == before, (stop, told, back)
                    assert [entry.leaf() for entry in project.entries()][: len(log)] == log, (
                        stop,
                        told,
                        back,
                    )
                    for taken in (project.folder / "received" / "uwv").glob("*.drop.json"):
                        assert taken.read_bytes() == drop.read_bytes(), (stop, told, back)
                    tried += 1
    return tried


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits for a pipe is waited for no longer than a second."""
    monkeypatch.setattr(endpoints, "_TIMEOUT", 1)


@pytest.mark.parametrize("kind", ["sftp", "s3"])
def test_a_swap_at_a_request_touches_nothing_of_the_site(
    operation: Operation, kind: str, tmp_path: Path
) -> None:
    assert _swept(operation, kind, {"sftp": 401, "s3": 101}[kind], tmp_path) > 1


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["sftp", "s3"])
def test_swaps_at_every_request_touch_nothing_of_the_site(
    operation: Operation, kind: str, tmp_path: Path
) -> None:
    print(f"\n{kind}: {_swept(operation, kind, 1, tmp_path)} interleavings")
