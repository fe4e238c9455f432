"""A place hands files over whole, over a folder, SFTP and S3 alike, and only to the server that is known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import s3_server, sftp_server

from lsi_match.base.errors import LsiError
from lsi_match.transport.endpoints import _TIMEOUT, MARKER, EndpointSettings, open_endpoint, set_up

pytestmark = pytest.mark.slow


@pytest.fixture(params=["folder", "sftp", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EndpointSettings]:
    if request.param == "folder":
        found = EndpointSettings(url=str(tmp_path / "files"))
        set_up(found)
        yield found
    else:
        with (sftp_server if request.param == "sftp" else s3_server)(tmp_path / request.param) as found:
            yield found


def test_what_is_given_is_found_read_fetched_and_removed(settings: EndpointSettings, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    (tmp_path / "source").write_bytes(data)
    with open_endpoint(settings) as there:
        assert there.listing("in") == {}
        there.give("in", "a.age", tmp_path / "source")
        there.give("out", "b.json", b"{}")
        there.give("out", "b.json", b"{...}")  # replaced
        assert {name: stamp.size for name, stamp in there.listing("in").items()} == {"a.age": len(data)}
        assert there.read("out", "b.json", 5) == b"{...}"
        there.fetch("in", "a.age", tmp_path / "to" / "a.age")
        assert (tmp_path / "to" / "a.age").read_bytes() == data
        there.remove("in", "a.age")
        there.remove("in", "a.age")
        assert there.listing("in") == {}
        assert list(there.listing("out")) == ["b.json"]


def test_a_file_that_grows_has_another_stamp(settings: EndpointSettings) -> None:
    with open_endpoint(settings) as there:
        there.give("in", "a", b"1")
        before = there.listing("in")["a"]
        there.give("in", "a", b"12")
        assert there.listing("in")["a"] != before


def test_a_bucket_is_listed_a_page_at_a_time_and_no_further_than_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server(tmp_path) as settings, open_endpoint(settings) as there:
        for name in "abcde":
            there.give("in", name, b"1")
        files, pages = there._files._files, []  # type: ignore[attr-defined]
        real = files.call_s3

        def two_at_a_time(*asked: str, **how: str) -> object:
            pages.append(how)
            return real(*asked, MaxKeys=2, **how)

        monkeypatch.setattr(files, "call_s3", two_at_a_time)
        assert list(there.listing("in")) == list("abcde")
        assert len(pages) == 3
        monkeypatch.setattr("lsi_match.transport.endpoints.MOST_NAMES", 3)
        assert list(there.listing("in")) == list("abc")
        assert len(pages) == 5


@pytest.mark.parametrize("name", ["../a", ".a", "a/b", "", "a b", "a\n", "x" * 300])
def test_no_name_leads_outside_a_place(settings: EndpointSettings, name: str) -> None:
    with open_endpoint(settings) as there, pytest.raises(LsiError):
        there.give("in", name, b"")


def test_what_is_too_large_is_not_read(settings: EndpointSettings) -> None:
    with open_endpoint(settings) as there:
        there.give("in", "a", b"12345")
        with pytest.raises(LsiError, match="larger than 4 bytes"):
            there.read("in", "a", 4)


def test_a_fetch_that_fails_leaves_nothing(settings: EndpointSettings, tmp_path: Path) -> None:
    with open_endpoint(settings) as there, pytest.raises(LsiError):
        there.fetch("in", "absent", tmp_path / "to" / "absent")
    assert [p for p in (tmp_path / "to").rglob("*") if p.is_file()] == []


def test_a_link_in_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "files" / "in").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    (tmp_path / "files" / "in" / "a.drop.json").symlink_to(tmp_path / "secret")
    settings = EndpointSettings(url=str(tmp_path / "files"))
    set_up(settings)
    with open_endpoint(settings) as there:
        assert there.listing("in") == {}


def test_a_place_without_its_marker_is_away_and_nothing_is_made_there(tmp_path: Path) -> None:
    """A share that is not mounted looks like an empty folder, and its mount point may be gone as well."""
    url = tmp_path / "share" / "files"
    for _ in range(2):
        with pytest.raises(LsiError) as away:
            open_endpoint(EndpointSettings(url=str(url)))
        assert away.value.reason == "PlaceAwayError"
        assert not url.exists() or list(url.iterdir()) == []
        url.mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize("kind", ["sftp", "s3"])
def test_a_place_on_a_server_without_its_marker_is_away(tmp_path: Path, kind: str) -> None:
    with (sftp_server if kind == "sftp" else s3_server)(tmp_path / kind, marked=False) as found:
        with pytest.raises(LsiError) as away:
            open_endpoint(found)
        assert away.value.reason == "PlaceAwayError"
        set_up(found)
        with open_endpoint(found) as there:
            assert there.listing("in") == there.listing("out") == {}


def test_a_place_that_is_set_up_again_keeps_what_lies_there(settings: EndpointSettings) -> None:
    with open_endpoint(settings) as there:
        there.give("in", "a", b"1")
    set_up(settings)
    with open_endpoint(settings) as there:
        assert there.read("in", "a", 1) == b"1"


def test_a_link_in_the_path_of_a_place_leads_nowhere(tmp_path: Path) -> None:
    """Whoever has the folder above a place could have the site read and write at the place of another partner."""
    other = EndpointSettings(url=str(tmp_path / "other" / "files"))
    set_up(other)
    (tmp_path / "own").symlink_to(tmp_path / "other")
    for url in ("own/files", "own"):
        with pytest.raises(LsiError, match="NotADirectoryError"):
            open_endpoint(EndpointSettings(url=str(tmp_path / url)))
    assert sorted(file.name for file in (tmp_path / "other" / "files").iterdir()) == [MARKER, "in", "out"]


def test_a_server_that_waits_for_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    with sftp_server(tmp_path / "one") as one, open_endpoint(one) as there:
        there.give("in", "a", b"1")
        file = tmp_path / "one" / "files" / "in" / "a"
        file.unlink()
        os.mkfifo(file)
        channel = there._files.ftp.get_channel()
        assert channel.gettimeout() == _TIMEOUT
        channel.settimeout(1)
        with pytest.raises(LsiError, match="Timeout"):
            there.read("in", "a", 10)
        os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))  # so that the server ends


def test_a_server_with_another_key_is_refused(tmp_path: Path) -> None:
    with sftp_server(tmp_path / "one") as one:
        other = tmp_path / "other_hosts"
        port = one.url.split(":")[2].split("/")[0]
        stranger = (tmp_path / "one" / "user.pub").read_text().split()[:2]
        other.write_text(f"[127.0.0.1]:{port} {' '.join(stranger)}\n")
        for known in (other, tmp_path / "empty"):
            known.touch()
            with pytest.raises(LsiError, match="SSHException"):
                open_endpoint(one.model_copy(update={"known_hosts": known}))


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with sftp_server(tmp_path / "one") as one:
        (tmp_path / "one" / "user").chmod(0o644)
        with pytest.raises(LsiError) as refused:
            open_endpoint(one)
    assert refused.value.reason == "FileTooOpenError"


def test_a_server_that_is_away_is_told_without_its_credentials(tmp_path: Path) -> None:
    with s3_server(tmp_path / "one") as gone:
        pass
    with pytest.raises(LsiError) as refused, open_endpoint(gone) as there:
        there.listing("in")
    assert refused.value.reason == "PlaceUnreachableError"
    assert "test" not in str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://example.org/x"},
        {"url": "relative/folder"},
        {"url": "sftp://lsi:geheim@example.org/x", "key_file": "/k", "known_hosts": "/h"},
        {"url": "sftp://lsi@example.org/x"},
        {"url": "s3://bucket/x"},
    ],
)
def test_settings_that_are_unsafe_or_incomplete_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"sftp|s3|url"):
        EndpointSettings.model_validate(wrong)
