"""A desk over the folder of a partner of an `Operation`, for tests: asked as its browser does."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
import yaml_out
from axe_playwright_python.sync_playwright import Axe
from browser import CHROMIUM
from operation import PROJECT, Operation
from playwright.sync_api import Page, sync_playwright
from starlette.testclient import TestClient

from lsi_match.cli.log import judging
from lsi_match.desk.app import Desk
from lsi_match.desk.guard import MARK, Keys
from lsi_match.desk.operator import work_in
from lsi_match.partner.home import Home
from lsi_match.partner.work_settings import WorkSettings, set_work

OWN = "uwv"
#: How a page is looked at: language, and what the browser is told of its user.
MEDIA: tuple[tuple[str, dict[str, Any]], ...] = (
    ("nl", {"color_scheme": "light"}),
    ("en", {"color_scheme": "dark"}),
    ("nl", {"forced_colors": "active"}),
    ("en", {"media": "print"}),
)


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
def in_chromium(desk: Desk) -> Iterator[Callable[..., Page]]:
    """Opens pages of a desk in Chromium, served as `lsi-match desk` does; from the entrance on."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    keys = desk.keys
    with socket.create_server(("127.0.0.1", 0)) as bound:
        keys.port = bound.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(desk.app(), log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            with sync_playwright() as playwright:
                started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                page = started.new_context(locale="nl-NL").new_page()
                page.goto(keys.entrance)
                page.wait_for_url("**/nl/")

                def opened(path: str, **media: Any) -> Page:
                    page.emulate_media(
                        **{"media": "screen", "color_scheme": "light", "forced_colors": "none", **media}
                    )
                    page.goto(f"{keys.origin}{path}")
                    return page

                yield opened
                started.close()
        finally:
            server.should_exit = True
            thread.join()


def check_pages(browse: Callable[..., Page], pages: Sequence[str]) -> None:
    """No page has a fault that axe-core finds, or is wider than a small screen: in both languages, light and dark; and by turns
    with forced colours and on paper."""
    axe = Axe()
    for number, path in enumerate(pages):
        for lang, media in (*MEDIA[:2], MEDIA[2 + number % 2]):
            page = browse(path.format(lang=lang), **media)
            page.set_viewport_size({"width": 320, "height": 640})
            found = axe.run(page)
            assert found.violations_count == 0, (path, media, found.generate_report())
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
            page.set_viewport_size({"width": 1000, "height": 800})
