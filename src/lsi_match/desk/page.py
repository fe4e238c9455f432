"""What pages are made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from lsi_match.base.errors import Language, LsiError
from lsi_match.desk.render import Renderer

if TYPE_CHECKING:
    from lsi_match.desk.app import Desk


@dataclass
class Visit:
    """Somebody asks for a page of a project.

    Attributes:
        work: the project, of a party or of a site.
        form: what was filled in; nothing where a page is only looked at.
        refused: why the form was refused.
        done: what was done, and `brought` whether nothing of it is left here, for the page that says so.
    """

    desk: Desk
    renderer: Renderer
    request: Request
    work: Any
    form: dict[str, str] = field(default_factory=dict)
    refused: LsiError | None = None
    done: Any = ""
    brought: bool = True

    @property
    def lang(self) -> Language:
        return self.renderer.lang

    def text(self, key: str, /, **facts: object) -> str:
        """A text of the desk in the language of this visit."""
        return self.renderer.text(key, **facts)

    def then(self, page: Callable[..., Response], done: str, *more: object) -> Response:
        """The page after something was done: of the project as it is now, with that brought where it can be."""
        work = self.work.again()
        visit = replace(self, work=work, form={}, done=done, brought=work.bring())
        return page(visit, work, *more)

    def number(self, name: str, otherwise: int = 0) -> int:
        """A whole number in the address."""
        given = self.request.query_params.get(name, "")
        return int(given) if given.isascii() and given.isdecimal() and len(given) < 9 else otherwise

    def page(self, template: str, title: str = "", **facts: Any) -> Response:
        """A page of the project; its title is that of its template where no other is given."""
        named = f"{template.removesuffix('.html')}_title"
        return self.desk.page(self, template, title or self.text(named, **self.request.path_params), **facts)

    def nowhere(self) -> Response:
        """The page for an address that leads nowhere."""
        return self.desk.nowhere(self.request)


#: What answers a visit to a project.
Page = Callable[[Visit, Any], Response]
#: Path below a project, whether it changes something, and the page.
Pages = tuple[tuple[str, bool, Page], ...]
