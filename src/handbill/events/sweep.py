"""What a day's traffic tells beside the events: robots, and who signed in on which device.

Incremental by day: `.handbill/sweep.json` remembers the files that each day was judged from, so a
new day costs a day. What was found lies beside the log, which stays as it came.
"""

import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow as pa

from handbill.engine import connect
from handbill.events.bots import TRAFFIC, find_robots
from handbill.events.compact import PREFIX
from handbill.events.settings import Settings
from handbill.trust.people import SIGN_INS, read_consents, sign_ins_path, write_links
from handbill.trust.reading import ROBOTS, robots_path
from handbill.workspace import Workspace, read_json, write_json, write_parquet

MEMORY_GB = 1.5
CODE = ("bots.py", "robots.py", "robots.toml", "sweep.py")
"""Files of this package that decide what is found; when one changes, every day is judged again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep did and found.

    Attributes:
        days: Days that were judged now.
        robots: Spans of robots now on record, by reason, all days.
        devices: Devices that have an owner at some time.
    """

    days: int
    robots: Mapping[str, int]
    devices: int


def sweep(workspace: Workspace, settings: Settings) -> Swept:
    """Judge each day whose files have changed; then say anew whose the devices are.

    Killed at any moment, it leaves whole files and is done again for the days in question.

    Args:
        workspace: Its `log/events` and `log/decisions` are read.
        settings: What no person does, and when a device is nobody's.
    """
    record_path = sweep_record(workspace)
    rules = rules_digest(settings)
    before = read_json(record_path) if record_path.exists() else {}
    known = before.get("days", {}) if before.get("rules") == rules else {}
    now = days_of(workspace)
    changed = sorted(day for day, state in now.items() if known.get(day) != state)
    gone = before.get("days", {}).keys() - now.keys()
    backend = connect(memory_gb=MEMORY_GB)
    try:
        found = judge_days(backend.con, workspace, settings, changed)
    finally:
        backend.disconnect()
    for folder, name, schema in (
        (robots_path(workspace), "robots", ROBOTS),
        (sign_ins_path(workspace), "sign_ins", SIGN_INS),
    ):
        for day in (*changed, *gone):
            place = folder / f"date={day}"
            rows = found[name].get(day)
            if rows is not None:
                write_parquet(place / f"{name}.parquet", rows.select(schema.names).cast(schema))
            elif place.exists():
                shutil.rmtree(place)
    devices = write_links(workspace, settings.people_per_device)
    if before != (record := {"rules": rules, "days": now}):
        write_json(record_path, record)
    return Swept(days=len(changed), robots=_on_record(robots_path(workspace)), devices=devices)


def sweep_record(workspace: Workspace) -> Path:
    """Which files each day was judged from, and by which rules; without it all is judged again."""
    return workspace.root / ".handbill" / "sweep.json"


def rules_digest(settings: Settings) -> str:
    """Hash of what decides, settings and code, hex SHA-256."""
    chosen = {name: value for name, value in asdict(settings).items() if name.startswith("robot_")}
    digest = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode())
    for name in CODE:
        digest.update(files("handbill.events").joinpath(name).read_bytes())
    return digest.hexdigest()


def days_of(workspace: Workspace) -> dict[str, str]:
    """Each day of the log with a hash of its files' names, sizes and times, the ledger's too."""
    states: dict[str, list[str]] = defaultdict(list)
    for folder in (workspace.events, workspace.decisions):
        for path in sorted(folder.glob("date=*/*.parquet")):
            status = path.stat()
            line = f"{folder.name}/{path.name} {status.st_size} {status.st_mtime_ns}"
            states[path.parent.name.removeprefix("date=")].append(line)
    return {
        day: hashlib.sha256("\n".join(lines).encode()).hexdigest()
        for day, lines in sorted(states.items())
        if (workspace.events / f"date={day}").exists()
    }


def collected(workspace: Workspace) -> str:
    """Hash of what reached the log beside the import: collected files, decisions on merging.

    Args:
        workspace: The shop.

    Returns:
        64 hexadecimal characters, the same as long as nothing was added.
    """
    digest = hashlib.sha256()
    for path in sorted(workspace.events.glob(f"date=*/{PREFIX}*.parquet")):
        status = path.stat()
        digest.update(str(path.relative_to(workspace.events)).encode())
        digest.update(f" {status.st_size} {status.st_mtime_ns}\n".encode())
    for row in sorted(map(str, read_consents(workspace.state_url).to_pylist())):
        digest.update(row.encode())
    return digest.hexdigest()


def judge_days(
    connection: duckdb.DuckDBPyConnection,
    workspace: Workspace,
    settings: Settings,
    days: Iterable[str],
) -> dict[str, dict[str, pa.Table]]:
    """Robots and sign-ins of some days.

    Args:
        connection: A fresh one.
        workspace: Whose log.
        settings: What no person does.
        days: `YYYY-MM-DD`.

    Returns:
        `robots` and `sign_ins`, each by day; days without any are absent.
    """
    paths = _files(workspace.events, days)
    if not paths:
        return {"robots": {}, "sign_ins": {}}
    connection.from_parquet(paths).create_view("log_days")
    # Most of an imported log is the shop's books; the columns that only traffic needs stay unread.
    connection.execute(
        f"""CREATE TEMP TABLE judged AS SELECT *, occurred_at::DATE AS date FROM log_days
        WHERE split_part(source, '/', 1) IN {TRAFFIC}"""
    )
    _read_letters(connection, workspace, days)
    find_robots(connection, settings)
    sign_ins = connection.sql(
        """SELECT date, device, person, moment AS "at" FROM (
            SELECT *, lag(person) OVER (
                PARTITION BY date, device ORDER BY moment, person) AS before
            FROM (SELECT DISTINCT date, context ->> '$.device' AS device, person,
                    occurred_at AS moment
                FROM judged WHERE context ->> '$.device' <> person
                AND context ->> '$.device' NOT LIKE '{%'))
        WHERE before IS DISTINCT FROM person ORDER BY ALL"""
    ).to_arrow_table()
    robots = connection.sql("FROM robots ORDER BY ALL").to_arrow_table()
    return {"robots": _by_day(robots), "sign_ins": _by_day(sign_ins)}


def _read_letters(
    connection: duckdb.DuckDBPyConnection, workspace: Workspace, days: Iterable[str]
) -> None:
    """Table `letters`: when an e-mail went to whom, from the ledger of those days."""
    paths = _files(workspace.decisions, days)
    connection.execute("CREATE TEMP TABLE letters (person VARCHAR, send_at TIMESTAMPTZ)")
    if paths:
        connection.from_parquet(paths, union_by_name=True).create_view("ledger")
        connection.execute(
            "INSERT INTO letters SELECT DISTINCT person, send_at FROM ledger "
            "WHERE channel = 'email'"
        )


def _files(folder: Path, days: Iterable[str]) -> list[str]:
    return [str(path) for day in days for path in sorted(folder.glob(f"date={day}/*.parquet"))]


def _by_day(rows: pa.Table) -> dict[str, pa.Table]:
    days = rows["date"].unique().to_pylist()
    return {str(day): rows.filter(pa.compute.equal(rows["date"], day)) for day in days}


def _on_record(folder: Path) -> dict[str, int]:
    if next(folder.rglob("*.parquet"), None) is None:
        return {}
    pattern = str(folder / "**" / "*.parquet")
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT reason, count(*) FROM read_parquet($1) GROUP BY 1 ORDER BY 2 DESC, 1", [pattern]
        ).fetchall()
    return dict(rows)
