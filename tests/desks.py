"""A desk over the folder of a partner of an `Operation`, for tests: asked as its browser does."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import uvicorn
import yaml_out
from axe_playwright_python.sync_playwright import Axe
from browser import CHROMIUM
from operation import PROJECT, Operation
from playwright.sync_api import Page, sync_playwright
from starlette.testclient import TestClient

from lsi_match.desk.app import Desk
from lsi_match.desk.guard import MARK, Keys
from lsi_match.desk.operator_pages import work_in
from lsi_match.library.judging import judging
from lsi_match.partner.home import Home
from lsi_match.partner.work_settings import WorkSettings, set_work

OWN = "uwv"
#: The one script there is, on pages where a text is typed.
SCRIPT = '<script src="/static/typing.js" defer></script>'
#: How a page is looked at: what the browser is told of its user.
MEDIA: tuple[dict[str, Any], ...] = (
    {"color_scheme": "light"}, {"color_scheme": "dark"}, {"forced_colors": "active"}, {"media": "print"},
)  # fmt: skip


def use(op: Operation, who: str = OWN, *, delivers: bool = True, home: Home | None = None) -> None:
    """What `lsi-match use` does for a party."""
    place = op.folder / f"{who}.place.yaml"
    yaml_out.write(place, json.loads(op.places[who].model_dump_json(exclude_none=True)))
    settings = WorkSettings(place=place, folder=op.folder / "work" / who)
    if delivers:
        mapping = op.folder / "config" / "mappings" / f"{who}.yaml"
        settings = settings.model_copy(update={"mapping": mapping, "extracts": op.world.extracts})
    set_work(home or op.world.home(who), PROJECT, settings)


class Browser:
    """The pages of one party."""

    def __init__(self, op: Operation, who: str = OWN, *, home: Home | None = None) -> None:
        self.keys = Keys()
        self.desk = Desk(work_in(home or op.world.home(who)), self.keys, op.clock, judging)
        self.client = TestClient(
            self.desk.app(), base_url=f"http://{self.keys.address}", follow_redirects=True
        )
        assert self.client.get(f"/enter/{self.keys.token}").status_code == 200

    def get(self, page: str, lang: str = "nl") -> str:
        """A page of the project, once the log is verified where it shows that."""
        for _ in range(200):
            answer = self.client.get(f"/{lang}/{PROJECT}/{page}")
            if 'id="waits"' not in answer.text:
                return answer.text
            time.sleep(0.05)
        raise AssertionError("the log is not verified")

    def home(self, lang: str = "nl") -> str:
        return self.client.get(f"/{lang}/").text

    def post(self, page: str, **form: str) -> Any:
        """The answer to a form of that page."""
        data, headers = {MARK: self.keys.mark, **form}, {"origin": self.keys.origin}
        return self.client.post(f"/nl/{PROJECT}/{page}", data=data, headers=headers)


@contextmanager
def in_chromium(*desks: Desk, scripts: bool = True) -> Iterator[Callable[..., Page]]:
    """Opens pages of desks in one Chromium, served as `lsi-match desk` does; from the entrance on. The policy of a page lets no
    script run but its own; what a test asks of one comes by the debugger.

    Args:
        scripts: switched off, nothing can be asked of a page but its text and its parts.
    """
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with ExitStack() as stack:
        for desk in desks:
            stack.enter_context(_served(desk))
        playwright = stack.enter_context(sync_playwright())
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        pages = []
        for desk in desks:
            pages.append(started.new_context(locale="nl-NL", java_script_enabled=scripts).new_page())
            pages[-1].goto(desk.keys.entrance)
            pages[-1].wait_for_url("**/nl/")

        def opened(path: str, desk: int = 0) -> Page:
            pages[desk].goto(f"{desks[desk].keys.origin}{path}")
            return pages[desk]

        yield opened
        started.close()


@contextmanager
def _served(desk: Desk) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        desk.keys.port = bound.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(desk.app(), log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join()


#: What can have the focus of the keyboard (those of a group of choices count once), how many that is, and what has it from now on,
#: with whether one sees that.
_LISTEN = """() => {
  const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')];
  const wanted = all.filter(one => one.checkVisibility()), groups = new Set();
  window.reached = new Map();
  document.addEventListener('focusin', event => {
    const style = getComputedStyle(event.target);
    const marked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none';
    // of a date its parts have the mark
    if (wanted.includes(event.target)) window.reached.set(event.target, marked || event.target.type === 'date');
  });
  return wanted.filter(one => one.type !== 'radio' || (!groups.has(one.name) && groups.add(one.name))).length;
}"""
_REACHED = "() => [window.reached.size, [...window.reached].filter(([one, seen]) => !seen).map(([one]) => one.outerHTML)]"
_AXE = Axe().axe_script
#: Looked for by axe-core where only the colours are others.
_OF_COLOURS = ("color-contrast", "link-in-text-block")
COLOURS: dict[str, Any] = {"runOnly": {"type": "rule", "values": list(_OF_COLOURS)}}
#: And where only the language is another.
TEXTS: dict[str, Any] = {"rules": {name: {"enabled": False} for name in _OF_COLOURS}}


def faults(page: Page, **options: Any) -> list[Any]:
    """What axe-core finds on a page that is open: rule and places."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE)
    asked = {"resultTypes": ["violations"], **options}
    told = "options => axe.run(options).then(found => found.violations.map(one => [one.id, one.nodes.map(node => node.html)]))"
    return list(page.evaluate(told, asked))


def check_page(page: Page, path: str, *, whole: bool = True) -> None:
    """A page that is open has no fault that axe-core finds (light; what a medium changes also dark, with forced colours, and in print),
    is no wider than a small screen, and everything on it can be reached by the keyboard alone, where one sees where one is.

    Args:
        whole: false for a page that was looked at in another language: then not what is the same in each, colours and the keyboard.
    """
    page.set_viewport_size({"width": 320, "height": 640})
    assert not page.query_selector("script:not([src='/static/typing.js']), [onclick], [onload]"), path
    for one in MEDIA if whole else MEDIA[:1]:
        page.emulate_media(**{"media": "screen", "color_scheme": "light", "forced_colors": "none", **one})
        asked = COLOURS if one is not MEDIA[0] else {} if whole else TEXTS
        assert faults(page, **asked) == [], (path, one)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, (path, one)
    if not whole:
        return
    page.emulate_media(media="screen", color_scheme="light", forced_colors="none")
    number, reached, unseen = page.evaluate(_LISTEN), 0, []
    for _ in range(3):  # from where one is to the end of the page, and round once more
        for _ in range(number + 10):
            page.keyboard.press("Tab")
        reached, unseen = page.evaluate(_REACHED)
        assert not unseen, (path, "nobody sees where the focus is", unseen)
        if reached >= number:
            return
    raise AssertionError((path, number, reached))
