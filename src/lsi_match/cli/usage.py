"""What is wrong about a command line, in both languages: the library that reads it says so in English only."""

from __future__ import annotations

import re

from cyclopts import CycloptsError
from cyclopts.exceptions import (
    CoercionError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)

from lsi_match.base.errors import WrongUseError, wrong_use


def told(error: CycloptsError) -> WrongUseError:
    """The same as an error of ours, with where to read how the command is used."""
    error.verbose = False
    command = " ".join(["lsi-match", *(error.command_chain or ()), "--help"])
    return wrong_use(
        "cli.usage", error=str(error), error_nl=f"{_dutch(error)}.{_hint(str(error))}", command=command
    )


def _hint(english: str) -> str:
    """What the library suggests, which only its text has."""
    meant = re.search(r'Did you mean "?([^\s"?]+)"?\?', english)
    choices = re.search(r'Choose from: (["\w, -]+)', english)
    return (f" Bedoelde u {meant[1]}?" if meant else "") + (f" Kies uit: {choices[1]}." if choices else "")


def _dutch(error: CycloptsError) -> str:
    match error:
        case UnknownOptionError():
            return f"de optie {error.token.keyword or error.token.value} is hier niet bekend"
        case UnknownCommandError():
            return f"de opdracht '{(error.unused_tokens or ['?'])[0]}' bestaat niet"
        case UnusedCliTokensError():
            return f"dit staat er te veel: {' '.join(error.unused_tokens or ())}"
        case MissingArgumentError():
            return f"{error.keyword or _name(error)} ontbreekt, of er staat geen waarde achter"
        case RepeatArgumentError():
            return f"{error.token.keyword} staat er meer dan één keer"
        case CoercionError() | ValidationError():
            return f"de waarde van {_name(error)} past niet"
        case _:
            return f"zo is het niet te lezen ({error})"


def _name(error: CycloptsError) -> str:
    return error.argument.name if error.argument is not None else "?"
