"""A log without what stays at its place, and in forms that other programs read: tiles (C2SP tlog-tiles), OTLP/JSON (OpenTelemetry) and Parquet.

Of the latter only the tiles can be verified, with `audit/check_log.py` or any other verifier of that format. The other two are for
reading and searching; each entry has its position, with which it can be proved (`log prove`).

What is shown as the standard's (Logboek Dataverwerkingen 1.0.0, section "Component: Logboek") holds its members and its attributes
only; all that is ours stands beside it. A leaf holds more, and those of version 0.1 hold it in another way: `standard_entry` is the
one mapping.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.base.files import read_text, sync_folder, whole_file, write_whole
from lsi_match.log import merkle
from lsi_match.log.entry import FOREIGN_PROCESSOR, FOREIGN_SPAN, PROCESSING_ACTIVITY, LogEntry
from lsi_match.log.events import MESSAGE, REASON, status_of
from lsi_match.log.merkle import TILE_WIDTH, RightEdge, Tile
from lsi_match.log.note import Checkpoint
from lsi_match.log.store import Log

#: The attributes of the standard that an entry of ours can have. No entry is about one data subject: docs/log.md.
ATTRIBUTES = frozenset({PROCESSING_ACTIVITY, FOREIGN_PROCESSOR, REASON, MESSAGE})
#: What tells which program wrote it (OpenTelemetry, "Service").
RESOURCE = frozenset({"service.name", "service.version"})
#: What stands beside the attributes of ours.
_POSITION, _DETAILS_HASH = "lsi.log.position", "lsi.log.details_hash"


def standard_entry(entry: LogEntry) -> dict[str, Any]:
    """The members of the standard. Times are milliseconds, as it says; ids are hex.

    Version 0.1 gave refusals the status `Error`, which is for technical faults, and the span of another party an attribute
    that the standard does not have: here they are as those of today.
    """
    return {
        "trace_id": entry.trace_id,
        "span_id": entry.span_id,
        "parent_span_id": entry.parent_span_id,
        "status": status_of(entry),
        "name": entry.name,
        "start_time": entry.start_time,
        "end_time": entry.end_time,
        "resource": {"attributes": {k: v for k, v in entry.resource.items() if k in RESOURCE}},
        "attributes": {k: v for k, v in entry.attributes.items() if k in ATTRIBUTES},
    }


def beside_standard(position: int, entry: LogEntry) -> dict[str, str | int | bool]:
    """What of ours an entry holds beside the standard, by attribute; and where it stands in its log."""
    found: dict[str, str | int | bool] = {_POSITION: position}
    if entry.details_hash is not None:
        found[_DETAILS_HASH] = entry.details_hash
    found |= {name: value for name, value in entry.resource.items() if name not in RESOURCE}
    return found | {
        name: value for name, value in entry.attributes.items() if name not in ATTRIBUTES | {FOREIGN_SPAN}
    }


CHECKPOINT = "checkpoint"
#: An entry in a bundle has its length in two bytes (tlog-tiles, section "Log Entries").
LARGEST_LEAF = 2**16 - 1
NANOSECONDS = 1_000_000
#: opentelemetry.proto.trace.v1: Status.StatusCode, Span.SpanKind.
_STATUS = {"Unset": 0, "Ok": 1, "Error": 2}
_INTERNAL = 1
SYSTEM = "lsi-match"


def tile_name(level: int | str, number: int, width: int = TILE_WIDTH) -> str:
    """`tile/<level>/<number>[.p/<width>]`, the number in groups of three digits: `x001/x234/067`."""
    digits = f"{number:0{(len(str(number)) + 2) // 3 * 3}d}"
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{path}" + (f".p/{width}" if width < TILE_WIDTH else "")


def export_copy(log: Log, file: Path) -> int:
    """Write a copy without audit records: the log as it is handed to others; how many entries.

    It is as good as the log itself for everybody who verifies: the entries hold the hashes. Replaces `file`.
    """
    beside = file.with_name(f".{file.name}.making")
    beside.unlink(missing_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        size = log.copy_without_details(beside)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(file.parent)
    return size


def export_tiles(log: Log, folder: Path) -> Checkpoint:
    """Write the log up to its newest checkpoint as tiles, all that can be static files; that checkpoint, written last.

    Of a tile that is not full there is one file for each earlier checkpoint that ended in it (tlog-tiles, section "Partial
    Tiles"): who saw that one asks for the width of then. An export of this log in the same folder goes on.

    Raises `ExportFolderError`, `LeafTooLargeError`, `CheckpointMissingError`.
    """
    note = log.checkpoint()
    if folder.exists() and any(folder.iterdir()) and not _goes_on(log, folder / CHECKPOINT):
        raise LsiError("ExportFolderError", folder=str(folder))
    if note is None:
        raise RefusedError("CheckpointMissingError", size=log.size)
    checkpoint = Checkpoint.of_note(note)
    edge, sizes = RightEdge(), [Checkpoint.of_note(one).size for one in log.checkpoints()]
    for start in range(0, checkpoint.size, TILE_WIDTH):
        width = min(TILE_WIDTH, checkpoint.size - start)
        leaves = [log.leaf(position) for position in range(start, start + width)]
        for offset, leaf in enumerate(leaves):
            if len(leaf) > LARGEST_LEAF:
                raise LsiError("LeafTooLargeError", position=start + offset)
        earlier = _widths(sizes, 0, start // TILE_WIDTH) if width < TILE_WIDTH else set()
        for part in {width, *earlier}:
            bundle = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves[:part])
            _write(folder, "entries", start // TILE_WIDTH, part, bundle)
        _write_tiles(folder, edge.add(map(merkle.leaf_hash, leaves)), ())
    _write_tiles(folder, edge.unfinished(), sizes)
    write_whole(folder / CHECKPOINT, note.encode(), replace=True)
    return checkpoint


def _goes_on(log: Log, file: Path) -> bool:
    """Whether the checkpoint of an earlier export is one of this log."""
    if not file.is_file():
        return False
    before = Checkpoint.of_note(read_text(file))
    return before.origin == log.origin and before.size <= log.size and log.root(before.size) == before.root


def _write_tiles(folder: Path, tiles: Iterable[Tile], sizes: Collection[int]) -> None:
    for tile in tiles:
        full = len(tile.hashes) // merkle.HASH_SIZE
        for width in {full, *(one for one in _widths(sizes, tile.level, tile.number) if one < full)}:
            _write(folder, tile.level, tile.number, width, tile.hashes[: width * merkle.HASH_SIZE])


def _widths(sizes: Iterable[int], level: int, number: int) -> set[int]:
    """How wide a tile was at each of these sizes of the tree at which it had begun and was not full."""
    widths = {(size >> level * merkle.TILE_HEIGHT) - number * TILE_WIDTH for size in sizes}
    return {width for width in widths if 0 < width < TILE_WIDTH}


def _write(folder: Path, level: int | str, number: int, width: int, data: bytes) -> None:
    """A tile never changes: one that lies there is left."""
    if not (file := folder / tile_name(level, number, width)).exists():
        write_whole(file, data)


def otlp_lines(entries: Iterable[tuple[int, LogEntry]]) -> Iterator[str]:
    """One line of JSON per entry, each an ExportTraceServiceRequest (OTLP 1.x, proto3 JSON, as files hold it).

    Ids are hex, times are nanoseconds, 64-bit numbers are texts, enumerations are numbers (OTLP specification, "JSON
    Protobuf Encoding"). The attributes of a span are those of the standard; ours are those of its one event.
    """
    for position, entry in entries:
        told = standard_entry(entry)
        ended = str(told["end_time"] * NANOSECONDS)
        span: dict[str, Any] = {
            "traceId": told["trace_id"],
            "spanId": told["span_id"],
            **({"parentSpanId": told["parent_span_id"]} if told["parent_span_id"] else {}),
            "name": told["name"],
            "kind": _INTERNAL,
            "startTimeUnixNano": str(told["start_time"] * NANOSECONDS),
            "endTimeUnixNano": ended,
            "attributes": _attributes(told["attributes"]),
            "events": [
                {
                    "timeUnixNano": ended,
                    "name": SYSTEM,
                    "attributes": _attributes(beside_standard(position, entry)),
                }
            ],
            "status": {"code": _STATUS[told["status"]]},
        }
        request = {
            "resourceSpans": [
                {
                    "resource": {"attributes": _attributes(told["resource"]["attributes"])},
                    "scopeSpans": [{"scope": {"name": SYSTEM}, "spans": [span]}],
                }
            ]
        }
        yield json.dumps(request, ensure_ascii=False, separators=(",", ":")) + "\n"


def _attributes(values: Any) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in sorted(values.items())]


def _value(value: str | int | bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def export_otlp(log: Log, file: Path) -> int:
    """Write the log as OTLP/JSON; how many entries."""
    count = 0
    with whole_file(file, replace=True) as handle:
        for line in otlp_lines(log.entries()):
            handle.write(line.encode())
            count += 1
    return count


def export_parquet(log: Log, file: Path) -> int:
    """Write the log as a table; how many entries.

    Columns: `position`; `trace_id`, `span_id`, `parent_span_id`, `status`, `name` (text); `start_time`, `end_time`
    (milliseconds, UTC); `resource`, `attributes` (JSON), all as the standard has them; `beside`: what is ours (JSON);
    `leaf`: the exact bytes.
    """
    import polars as pl  # with the extra of a partner

    columns: dict[str, Any] = {
        "position": pl.Int64,
        **dict.fromkeys(("trace_id", "span_id", "parent_span_id", "status", "name"), pl.String),
        **dict.fromkeys(("start_time", "end_time"), pl.Int64),
        **dict.fromkeys(("resource", "attributes", "beside"), pl.String),
        "leaf": pl.Binary,
    }
    rows = [
        {
            "position": position,
            **{k: _json(v) if isinstance(v, dict) else v for k, v in standard_entry(entry).items()},
            "beside": _json(beside_standard(position, entry)),
            "leaf": entry.leaf(),
        }
        for position, entry in log.entries()
    ]
    frame = pl.DataFrame(rows, schema=columns).with_columns(
        pl.col("start_time", "end_time").cast(pl.Datetime("ms", "UTC"))
    )
    with whole_file(file, replace=True) as handle:
        frame.write_parquet(handle)
    return len(rows)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
