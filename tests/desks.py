"""A desk over the folder of a partner of an `Operation`, for tests: asked as its browser does."""

from __future__ import annotations

import json
import time
from typing import Any

import yaml_out
from operation import PROJECT, Operation
from starlette.testclient import TestClient

from lsi_match.cli.log import judging
from lsi_match.desk.app import Desk
from lsi_match.desk.guard import MARK, Keys
from lsi_match.desk.operator import work_in
from lsi_match.partner.home import Home
from lsi_match.partner.work_settings import WorkSettings, set_work

OWN = "uwv"


def use(op: Operation, who: str = OWN, *, delivers: bool = True) -> None:
    """What `lsi-match use` does for a party."""
    place = op.folder / f"{who}.place.yaml"
    yaml_out.write(place, json.loads(op.places[who].model_dump_json(exclude_none=True)))
    settings = WorkSettings(place=place, folder=op.folder / "work" / who)
    if delivers:
        mapping = op.folder / "config" / "mappings" / f"{who}.yaml"
        settings = settings.model_copy(update={"mapping": mapping, "extracts": op.world.extracts})
    set_work(op.world.home(who), PROJECT, settings)


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
            if 'http-equiv="refresh" content="2"' not in answer.text:
                return answer.text
            time.sleep(0.05)
        raise AssertionError("the log is not verified")

    def home(self, lang: str = "nl") -> str:
        return self.client.get(f"/{lang}/").text

    def post(self, page: str, **form: str) -> Any:
        """The answer to a form of that page."""
        data, headers = {MARK: self.keys.mark, **form}, {"origin": self.keys.origin}
        return self.client.post(f"/nl/{PROJECT}/{page}", data=data, headers=headers)
