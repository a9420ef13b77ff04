"""The Open Bandit samples: 10,000 logged impressions each of three campaigns and two policies.

They lie inside the `obp` package. Its archive is fetched by pip and the CSV files are read from it;
nothing of it is installed.
"""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

CAMPAIGNS = ("all", "men", "women")
POLICIES = ("random", "bts")
USER = tuple(f"user_feature_{number}" for number in range(4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Impressions of one policy in one campaign; all arrays are (N,).

    Attributes:
        item: Shown, from 0.
        position: From 0.
        click: 0 or 1.
        propensity: With which it was shown.
        items: Number of items, K.
        context: (N, D) the user's features, one-hot, with a constant.
    """

    item: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]
    click: npt.NDArray[np.float64]
    propensity: npt.NDArray[np.float64]
    items: int
    context: npt.NDArray[np.float64]


@contextmanager
def archive() -> Iterator[Path | None]:
    """The package's archive, for the length of the block; None when it cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--ignore-requires-python", "--dest", folder, "obp==0.5.7"]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            yield None
        else:
            yield next(iter(sorted(Path(folder).glob("obp*"))))


def samples(archive: Path) -> dict[tuple[str, str], Sample]:
    """Every sample by campaign and policy."""
    tables = _tables(archive)
    return {
        (campaign, policy): _sample(tables, campaign, policy)
        for campaign in CAMPAIGNS
        for policy in POLICIES
    }


def _tables(archive: Path) -> dict[str, pd.DataFrame]:
    """CSV tables by `policy/campaign/file`, out of a wheel or a source archive."""
    found: dict[str, bytes] = {}
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            found = {name: wheel.read(name) for name in wheel.namelist() if name.endswith(".csv")}
    else:
        with tarfile.open(archive) as source:
            for member in source.getmembers():
                file = source.extractfile(member) if member.name.endswith(".csv") else None
                if file is not None:
                    found[member.name] = file.read()
    return {
        "/".join(name.split("/")[-3:]): pd.read_csv(BytesIO(raw), index_col=0)
        for name, raw in found.items()
        if "/obd/" in name and not name.endswith("item_context.csv")
    }


def _sample(tables: dict[str, pd.DataFrame], campaign: str, policy: str) -> Sample:
    both = {one: tables[f"{one}/{campaign}/{campaign}.csv"] for one in POLICIES}
    table = both[policy]
    users = pd.concat([one[list(USER)] for one in both.values()])
    hot = [np.ones((len(table), 1))]
    for name in USER:
        known = sorted(users[name].unique())
        hot.append(np.equal.outer(table[name].to_numpy(), np.array(known)).astype(np.float64))
    return Sample(
        item=table["item_id"].to_numpy(np.int64),
        position=table["position"].to_numpy(np.int64) - 1,
        click=table["click"].to_numpy(np.float64),
        propensity=table["propensity_score"].to_numpy(np.float64),
        items=int(max(one["item_id"].max() for one in both.values())) + 1,
        context=np.hstack(hot),
    )
