"""What was made under version 1 stays readable and verifiable; nothing new is made under it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from handmade import document
from old_logs import FOLDER
from pydantic import ValidationError

from lsi_match.agreement.approvals import load_manifest
from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.crypto.signing import verify
from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import DropDescriptor, ReleaseDescriptor

FORMER: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "former-v1.json").read_text(encoding="utf-8")
)
MODELS = {"drop": DropDescriptor, "release": ReleaseDescriptor}


@pytest.mark.parametrize("name", MODELS)
def test_a_signed_document_of_version_1_is_verified_and_has_its_own_bytes(name: str) -> None:
    vector, model = FORMER[name], MODELS[name]
    file = vector["file"].encode()
    assert digest_of_bytes(file) == vector["digest"]
    read = verify(file, model, vector["signing_key"], what="A document", party="noord")
    assert read.format == f"lsi-match/{name}/v1"  # type: ignore[attr-defined]
    assert canonical_json(read.model_dump(mode="json")) == base64.b64decode(json.loads(file)["payload"])


def test_a_version_has_its_own_members_and_no_other() -> None:
    vector = FORMER["release"]
    read = verify(
        vector["file"].encode(), ReleaseDescriptor, vector["signing_key"], what="A", party="b"
    ).model_dump()
    assert "attributes" not in read
    with pytest.raises(ValidationError):
        ReleaseDescriptor.model_validate({**read, "attributes": {}})
    present = ReleaseDescriptor.model_validate({**read, "format": "lsi-match/release/v2"})
    assert present.model_dump()["attributes"] == {}


def test_a_manifest_of_version_1_is_read_and_keeps_its_digest() -> None:
    data = (FOLDER / "handed-out.manifest.json").read_bytes()
    manifest = load_manifest(data)
    assert manifest.format == "lsi-match/manifest/v1"
    assert manifest.digest == digest_of_bytes(data)


def test_no_manifest_is_completed_under_version_1() -> None:
    former = {**document(), "format": "lsi-match/manifest/v1"}
    assert Manifest.model_validate(former).format == "lsi-match/manifest/v1"
    with pytest.raises(ValidationError, match="v2"):
        Manifest.from_draft(former)
