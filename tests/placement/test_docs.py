"""Every example of docs/placement.md runs, and every name it drops exists."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from handbill.placement.bidding import RecordedTick
from handbill.placement.response.model import fit, save

PAGE = Path(__file__).parents[2] / "docs" / "placement.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def days(count: int) -> list[list[RecordedTick]]:
    rng = np.random.default_rng(0)
    return [
        [
            RecordedTick(
                value=(value := rng.uniform(0.01, 0.1, 20)),
                value_sd=np.zeros(20),
                price=rng.uniform(1, 10, 20),
                conversion=(rng.random(20) < value).astype(float),
            )
            for _ in range(48)
        ]
        for _ in range(count)
    ]


def model(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"baskets_90": rng.normal(size=300), "kind": "A", "person": "p"})
    frame["campaign_id"] = "k"
    return save(fit(frame.assign(redeemed=rng.random(300) < 0.3), seed=0), folder, {})


def test_there_is_an_example_for_each_part() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_run(example: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = {"np": np, "days": days(4), "folder": model(tmp_path)}
    exec(compile(example, str(PAGE), "exec"), known)  # noqa: S102
    said = capsys.readouterr().out
    if "print" in example:
        assert said
    if "chances" in known:
        assert known["chances"].shape == (50,)
    if "now" in known and "curve" in known:
        assert known["now"][1].estimate > 1


def test_packages_and_classes_that_the_page_names_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    packages = set(re.findall(r"handbill\.placement\.[a-z_.]+[a-z]", text))
    assert len(packages) >= 6
    modules = {name: import_module(name) for name in packages}
    public = {name for one in modules.values() for name in getattr(one, "__all__", dir(one))}
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", text))
    assert named <= public | {"NaN"}
