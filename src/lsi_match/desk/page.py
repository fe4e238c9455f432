"""What pages are made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from lsi_match.desk.render import Renderer

if TYPE_CHECKING:
    from lsi_match.desk.app import Desk

#: The desk, texts in one language, what was asked, and the project (that of a party, or of a site) → the page.
Page = Callable[["Desk", Renderer, Request, Any], Response]
#: Path below a project, whether it changes something, and the page.
Pages = tuple[tuple[str, bool, Page], ...]
