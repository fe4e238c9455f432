"""For the shell: completion, and the manual page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import Parameter, signature
from typing import Literal

from cyclopts import App

from lsi_match import __version__
from lsi_match.cli.console import language, out

completion = App(name="completion")
man = App(name="man")
#: The script of zsh defines a function. Loaded by itself from a file of any name, zsh would only define it the first time; read
#: with `source`, it would not know for which command it is.
_CALLED = """
if [[ ${funcstack[1]} == _lsi-match ]]; then _cyclopts_lsi-match "$@"; else compdef _cyclopts_lsi-match lsi-match; fi
"""


@completion.default
def complete(shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print what this shell needs to complete commands and options.

    For bash: lsi-match completion bash > ~/.local/share/bash-completion/completions/lsi-match

    For zsh: a file _lsi-match in a folder of fpath. For fish: ~/.config/fish/completions/lsi-match.fish

    Args:
        shell: which one.
    """
    from lsi_match.cli.help import translate

    script = _spoken().generate_completion(prog_name="lsi-match", shell=shell)
    for said in ("Display this message and exit.", "Display application version."):
        script = script.replace(said, translate(said, language()))
    out.print(script + _CALLED * (shell == "zsh"), end="")


@man.default
def manual() -> None:
    """Print the manual page (roff): every command with its arguments. For man: lsi-match man > lsi-match.1"""
    from lsi_match.cli.help import translate
    from lsi_match.cli.main import HELP

    app = _spoken()
    title = f'.TH LSI-MATCH 1 "" "lsi-match {__version__}"'
    lines = [title, ".SH NAME", r"lsi\-match \- " + _roff(translate(HELP, language()).partition("\n")[0])]
    lines += [
        ".SH SYNOPSIS",
        r".B lsi\-match",
        ".I COMMAND",
        ".SH DESCRIPTION",
        _roff(translate(HELP, language())),
    ]
    lines += [".SH COMMANDS", *_commands(app, "lsi-match")]
    out.print("\n".join(lines))


def _spoken() -> App:
    """All commands, with what they are for in the language of the user."""
    from functools import partial

    from lsi_match.cli.help import speak, translate
    from lsi_match.cli.main import command_line

    app = command_line(partial(translate, language=language()))
    speak(app, language())
    return app


def _commands(app: App, called: str) -> Iterator[str]:
    for name in sorted(one for one in app if not one.startswith("-")):
        part = app[name]
        command = part.default_command
        if command is None or any(not one.startswith("-") for one in part):
            yield from _commands(part, f"{called} {name}")
        if command is not None and command.__doc__:
            yield f".SS {_roff(f'{called} {name}')}"
            text, _, arguments = command.__doc__.partition("Args:\n")
            yield _roff(text)
            yield from _arguments(arguments, signature(command).parameters)


def _arguments(text: str, known: Mapping[str, Parameter]) -> Iterator[str]:
    """Each argument with what it is for, called as it is given on a command line."""
    for line in map(str.strip, text.splitlines()):
        name, _, said = line.partition(": ")
        if name in known:
            given = f"--{name}" if known[name].kind is Parameter.KEYWORD_ONLY else name.upper()
            yield f".TP\n.B {_roff(given.replace('_', '-'))}\n{_roff(said)}"
        elif line:
            yield _roff(line)


def _roff(text: str) -> str:
    lines = (line.strip() for line in text.strip().replace("\\", "\\e").replace("-", "\\-").splitlines())
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line or ".PP" for line in lines)
