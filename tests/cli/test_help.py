"""The help of every command is there in Dutch and in English, and whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from cyclopts import App

from lsi_match.cli.help import dutch, texts
from lsi_match.cli.main import command_line, run


def commands(within: App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command and group."""
    yield path
    for name in within:
        if not name.startswith("-"):
            yield from commands(within[name], (*path, name))


def test_every_text_has_a_dutch_one_and_no_dutch_one_is_left_over() -> None:
    said = texts(command_line())
    assert not said - dutch().keys(), "these have no Dutch text in cli/help_nl.toml"
    assert not dutch().keys() - said, "these stand in cli/help_nl.toml, and nothing says them any more"
    assert all(nl.strip() and nl != en for en, nl in dutch().items())


def test_what_a_dutch_text_quotes_is_what_the_english_one_quotes() -> None:
    """Options, names of files, commands and addresses: those are not translated."""
    kept = re.compile(
        r"--[a-z-]+|[\w.*/-]*\.(?:json|yaml|csv|html|md|py|pem|tlog-proof|parquet)\b|`[^`<]+`|\b\d+\b|tls://\S+"
    )
    for en, nl in dutch().items():
        assert sorted(kept.findall(nl)) == sorted(kept.findall(en)), nl


@pytest.mark.parametrize("path", [*commands(command_line())], ids=" ".join)
def test_help_is_in_the_language_asked_for(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    shown = {}
    for language in ("nl", "en", "nl"):
        assert run([*path, "--help", "--lang", language]) == 0
        shown[language] = " ".join(capsys.readouterr().out.split())
    assert shown["nl"].startswith(f"Gebruik: {' '.join(('lsi-match', *path))}")
    assert not re.search(
        r"\b(the|and|with|which|by|this|Usage|Parameters|Commands|required|default)\b", shown["nl"]
    )
    assert shown["en"].startswith(f"Usage: {' '.join(('lsi-match', *path))}")
    assert not re.search(r"\b(het|een|met|deze|wordt|verplicht|standaard|Gebruik)\b", shown["en"])
