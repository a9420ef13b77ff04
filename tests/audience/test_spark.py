"""The stage's way to the log on Spark: what it prepares there is what it prepares on DuckDB."""

import warnings
from datetime import date
from importlib.util import find_spec
from shutil import which

import pytest

from handbill.audience import Settings
from handbill.audience.days import days_of
from handbill.audience.kept_days import keep_days
from handbill.audience.tables import open_log
from handbill.engine import open_engine

DAY = date(2026, 3, 31)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(find_spec("pyspark") is None or which("java") is None, reason="no Spark here")
def test_the_engine_is_a_setting_and_changes_no_value(corner):
    events = [
        corner.buys(f"p{n % 5}", f"2026-0{1 + n % 3}-{1 + n % 27:02d}T10:00", "milk", 1.0 + n % 11)
        for n in range(60)
    ]
    corner.write(
        [*events, corner.told("p1", "2026-03-01T05:00", "c1")],
        campaigns=[corner.campaign("c1", "2026-03-01T05:00", "2026-04-01"),
                   corner.campaign("c2", "2026-04-05T05:00", "2026-05-01")],
        offers={"c1-x": ["milk"], "c2-y": ["milk", "tea"]},
    )  # fmt: skip

    def features(engine):
        backend = open_engine(engine)
        try:
            kept = keep_days(backend, corner.workspace, "UTC")
            log = open_log(backend, corner.workspace, corner.profile(str(DAY)))
            days = days_of(log, kept.customers, DAY, Settings(departments=1))
            rows = days.features(DAY).to_pylist()
            return log.starts, rows
        finally:
            backend.disconnect()

    here = features("duckdb")
    with warnings.catch_warnings():
        # Spark 4.3 warns of pandas 3, through which nothing of ours goes, and leaves sockets open.
        warnings.simplefilter("ignore")
        there = features("local[1]")
    assert here[0] == there[0] and len(here[1]) == len(there[1]) == 5
    for left, right in zip(here[1], there[1], strict=True):
        assert left.keys() == right.keys()
        for name, value in left.items():
            known = pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
            assert right[name] == known, name
