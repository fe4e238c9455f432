"""The catalogues that say what each part of a document is for."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import lsi_match.manifest
import lsi_match.partner.extract
import lsi_match.protocol
from lsi_match.base.catalogue import catalogue
from lsi_match.manifest import Document


@pytest.mark.parametrize("room", [lsi_match.manifest, lsi_match.protocol, lsi_match.partner.extract])
def test_every_text_of_a_catalogue_is_about_a_field_that_there_is(room: ModuleType) -> None:
    folder = Path(str(room.__file__)).parent
    modules = [
        importlib.import_module(f"{room.__name__}.{one.name}") for one in pkgutil.iter_modules([str(folder)])
    ]
    models = {name: one for module in modules for name, one in vars(module).items() if _is_part(one, room)}
    texts = catalogue(folder / "descriptions.toml")
    assert texts
    for name, fields in texts.items():
        assert fields.keys() <= models[name].model_fields.keys(), name
        assert all(one.keys() == {"nl", "en"} for one in fields.values()), name


def _is_part(one: object, room: ModuleType) -> bool:
    return isinstance(one, type) and issubclass(one, Document) and one.__module__.startswith(room.__name__)
