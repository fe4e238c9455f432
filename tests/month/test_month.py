"""A month of a project in accelerated time, with kills: what came of it is what the simple rules of `month.plan` say."""

from __future__ import annotations

from pathlib import Path

import pytest
from month.plan import plan
from month.story import Story
from servers import s3_server, sftp_server
from site_process import SiteProcess

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("seed", "holds"), [(8, True)])
def test_a_month_ends_as_the_rules_say(tmp_path: Path, seed: int, holds: bool) -> None:
    """Eight partners deliver weekly, some late, some broken, some twice, over folders, SFTP and S3; the site is killed."""
    with sftp_server(tmp_path / "sftp") as sftp, s3_server(tmp_path / "s3") as s3, SiteProcess() as process:
        story = Story(plan(seed, 4, holds=holds), tmp_path / "month", process, {"b": sftp, "c": s3})
        assert story.play() == []
    assert story.seen["kills"] > 5, "the site was hardly killed"
