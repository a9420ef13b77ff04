"""A person's word counts: what waits, what runs once approved, what stops once taken back."""

from pathlib import Path

import pytest
from tests.loop.small_shop import AS_OF, write_small_shop

from handbill import Shop
from handbill.errors import PolicyError

SETTINGS = """
[shop]
as_of = {as_of}
[events]
source = "{source}"
[creative]
languages = ["en"]
models = {{}}
approval = "person"
[placement]
walk_forward_pairs = 20
[delivery]
consent_basis = "replay"
"""


def test_nothing_runs_before_a_person_says_so(tmp_path: Path) -> None:
    source = write_small_shop(tmp_path / "exports")
    created = Shop.create(tmp_path / "shop", source=str(source))
    created.workspace.settings_path.write_text(SETTINGS.format(as_of=AS_OF, source=source))
    shop = Shop.open(tmp_path / "shop")

    shop.run()
    assert shop.figures()["delivery"]["messages"] == 0
    ids = [one.id for one in shop.waiting()]
    assert ids

    with pytest.raises(PolicyError, match="--by"):
        shop.decide(ids, decision="approved", by="policy:checks")
    with pytest.raises(PolicyError, match="no ad c_none"):
        shop.decide([*ids, "c_none"], decision="approved", by="Mei")
    assert [one.id for one in shop.waiting()] == ids, "a refused decision records nothing"

    assert shop.decide(ids, decision="approved", by="Mei") == len(ids)
    assert shop.waiting() == ()
    runs = {run.name: run.skipped for run in shop.run()}
    assert runs["audience"]
    assert not runs["delivery"]
    sent = shop.figures()["delivery"]["messages"]
    assert isinstance(sent, int)
    assert sent > 0

    with pytest.raises(PolicyError, match="--reason"):
        shop.decide(ids, decision="rejected", by="Mei")
    shop.decide(ids, decision="rejected", by="Mei", reason="the offer ended early")
    shop.run()
    assert shop.figures()["delivery"]["messages"] == 0
