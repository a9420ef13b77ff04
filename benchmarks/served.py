"""How much of what ads say is borne out, and how much they say.

Two counts, neither by the checks themselves. On labelled copy for a catalogue with rich text
(`tests/creative/copy/`): of the held-out texts that the checks let run, what the labels call
unsupported, and how many of the product's own values each text states. On a workspace's ads
(`HANDBILL_SHOP`, a folder): every slot looked up in the catalogue again, and every typed claim that
a person, who read the ads, found no ground for (`tests/creative/copy/read.jsonl`).

    HANDBILL_SHOP=shop python -m benchmarks.served --json
"""

import hashlib
import json
import os
import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from benchmarks.claims import COPY, Case, outcomes, read_cases
from benchmarks.harness import arguments, show

MONTHS = "January February March April May June July August September October November December"


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """The figures of both counts; those of a workspace only where there is one."""
    found, notes = rich()
    folder = os.environ.get("HANDBILL_SHOP", "")
    if folder and (Path(folder) / "tables" / "creatives.parquet").is_file():
        figures, said = workspace(Path(folder))
        found |= figures
        notes += said
    else:
        notes.append("served: no workspace (HANDBILL_SHOP): its ads were not counted")
    return found, notes


def rich() -> tuple[dict[str, float | int], list[str]]:
    """Labelled copy on a catalogue with materials, origins and certificates."""
    served = [case for case, out in outcomes(read_cases("heldout")) if out == "pass"]
    wrong = sum(case.expect == "stop" for case in served)
    facts = [stated(case) for case in served if case.expect != "stop"]
    return {
        "served_rich_supported_pct": round(100 * sum(facts) / (sum(facts) + wrong), 2),
        "served_rich_facts_per_ad": round(sum(facts) / len(served), 2),
    }, [
        f"served: {len(served)} held-out texts ran on the rich catalogue, {wrong} of them with an "
        "unsupported claim by their label; facts are values of the product found in the text"
    ]


def stated(case: Case) -> int:
    """How many fields of the product a text states, by a number, four letters or two characters."""
    text = case.text.lower()
    count = 0
    for field in case.product.fields:
        if field.name in ("id", "description"):
            continue
        value = field.value.lower()
        words = re.findall(r"\d+(?:\.\d+)?|[a-z]{4,}|[\u4e00-\u9fff]{2}", value)
        count += any(word in text for word in words)
    return count


def workspace(folder: Path) -> tuple[dict[str, float | int], list[str]]:
    """The ads of a shop: slots against the catalogue, typed words against a person's reading."""
    truth = _truth(folder)
    read = {
        row["text"]: row["unsupported"]
        for row in map(json.loads, (COPY / "read.jsonl").read_text("utf-8").splitlines())
    }
    rows = pq.read_table(folder / "tables" / "creatives.parquet").to_pylist()
    counts: Counter[str] = Counter()
    for row in rows:
        if row["status"] not in ("approved", "waiting"):
            continue
        key = fingerprint(row["headline"], row["body"], row["call_to_action"])
        if row["origin"] == "model" and key not in read:
            counts["unread"] += 1
            continue
        slots = json.loads(row["slots"])
        good = sum(
            slot["value"] in truth.get((row["offer_id"], row["language"], name), ())
            for name, slot in slots.items()
        )
        counts["ads"] += 1
        counts["model"] += row["origin"] == "model"
        counts["facts"] += good
        counts["wrong"] += len(slots) - good + read.get(key, 0)
    if not counts["ads"]:
        return {}, [f"served: no ad of {folder.name} could be counted"]
    return {
        "served_supported_pct": round(
            100 * counts["facts"] / (counts["facts"] + counts["wrong"]), 2
        ),
        "served_facts_per_ad": round(counts["facts"] / counts["ads"], 2),
    }, [
        f"served: {counts['ads']} ads of {folder.name}, {counts['model']} by a model, "
        f"{counts['facts']} claims borne out, {counts['wrong']} not; {counts['unread']} ads that "
        "nobody has read were left out"
    ]


def fingerprint(*texts: str) -> str:
    """Of an ad's template, by which a person's reading of it is kept."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _truth(folder: Path) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """What each slot of each offer may say, straight from the catalogue."""

    def table(name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(folder / "catalog" / name).to_pylist()
        return rows

    ends: dict[str, datetime] = {one["id"]: one["ends_at"] for one in table("campaigns.parquet")}
    settings = (folder / "handbill.toml").read_text("utf-8")
    name = re.search(r'^name = "(.+)"', settings, re.M)
    shop = (name[1],) if name else ()
    clock = re.search(r'^timezone = "(.+?)"', settings, re.M)
    zone = ZoneInfo(clock[1] if clock else "UTC")
    found: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for offer in table("offers.parquet"):
        last = (ends[offer["campaign_id"]] - timedelta(seconds=1)).astimezone(zone)
        labels = {"en": offer["label"] or "", "zh": offer["label_zh"] or ""}
        days = {
            "en": f"{MONTHS.split()[last.month - 1]} {last.day}",
            "zh": f"{last.month}月{last.day}日",
        }
        for language, label in labels.items():
            more = f"{label} and more" if language == "en" else f"{label}等商品"
            lower = label[:1].lower() + label[1:]
            values = {
                "category": (label, lower, more, f"{lower} and more"),
                "shop": shop,
                "offer_ends": (days[language],),
                "products": (str(offer["products"]),),
                "offer": ("coupon", "优惠券"),
            }
            for slot, allowed in values.items():
                found[offer["id"], language, slot] = allowed
    return found


def main() -> None:
    """Print the table."""
    options = arguments(__doc__ or "")
    found, notes = figures(options.quick)
    show(found, notes, as_json=options.json)


if __name__ == "__main__":
    main()
