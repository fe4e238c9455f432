"""A month of a project in accelerated time, with kills: what came of it is what the simple rules of `month.plan` say."""

from __future__ import annotations

from pathlib import Path

import pytest
from month.plan import PARTNERS, outcome, plan
from month.story import People, Story
from servers import s3_server, sftp_server
from site_process import SiteProcess

pytestmark = pytest.mark.slow


def test_a_month_ends_as_the_rules_say(tmp_path: Path) -> None:
    """Four partners deliver weekly, some late, some broken, some twice, over folders, SFTP and S3; every round is held, and
    released, refused by one or left; the site is killed."""
    played = plan(10, 4, PARTNERS[:4], holds=True)
    ended = {week.decision: outcome(played, week).held for week in played.weeks}
    assert ended == {"release": True, "not all": True, "change": True}
    with sftp_server(tmp_path / "sftp") as sftp, s3_server(tmp_path / "s3") as s3, SiteProcess() as process:
        story = Story([People(played, tmp_path / "month", {"b": sftp, "c": s3})], process)
        assert story.play() == []
    assert story.seen["kills"] > 5, "the site was hardly killed"
    assert story.seen["runs"] >= 4
