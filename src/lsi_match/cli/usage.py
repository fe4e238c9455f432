"""What is wrong about a command line, in both languages: the library that reads it says so in English only."""

from __future__ import annotations

import re
from pathlib import Path

from cyclopts import CycloptsError, exceptions

from lsi_match.base.catalogue import catalogue
from lsi_match.base.errors import WrongUseError, wrong_use


def told(error: CycloptsError) -> WrongUseError:
    """The same as an error of ours, with where to read how the command is used."""
    error.verbose = False
    command = " ".join(["lsi-match", *(error.command_chain or ()), "--help"])
    facts = {"error": str(error), "error_nl": f"{_dutch(error)}.{_hint(str(error))}"}
    return wrong_use("cli.usage", command=command, **facts)


def _hint(english: str) -> str:
    """What the library suggests, which only its text has."""
    meant = re.search(r'Did you mean "?([^\s"?]+)"?\?', english)
    choices = re.search(r'Choose from: (["\w, -]+)', english)
    return (_say("meant", said=meant[1]) if meant else "") + (
        _say("choices", said=choices[1]) if choices else ""
    )


def _dutch(error: CycloptsError) -> str:
    match error:
        case exceptions.UnknownOptionError():
            return _say("unknown_option", said=error.token.keyword or error.token.value)
        case exceptions.UnknownCommandError():
            return _say("unknown_command", said=(error.unused_tokens or ["?"])[0])
        case exceptions.UnusedCliTokensError():
            return _say("too_much", said=" ".join(error.unused_tokens or ()))
        case exceptions.MissingArgumentError():
            return _say("missing", said=error.keyword or _name(error))
        case exceptions.RepeatArgumentError():
            return _say("repeated", said=error.token.keyword or "?")
        case exceptions.CoercionError() | exceptions.ValidationError():
            return _say("unfit", said=_name(error))
        case _:
            return _say("unreadable", said=str(error))


def _say(key: str, said: str) -> str:
    return str(catalogue(Path(__file__).with_suffix(".toml"))[key]).format(said=said)


def _name(error: CycloptsError) -> str:
    return error.argument.name if error.argument is not None else "?"
