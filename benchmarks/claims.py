"""What the checks of copy find, and what they stop by mistake, on copy held out of the rules.

The copy is `tests/creative/copy/heldout.tsv`, written before a rule was tried on it and never
tuned on; `dev.tsv` beside it is what the rules were learned on. `fresh.tsv` was written after the
rules, to get past them: copy that claims without saying so. A bare word list runs over the same.

    python -m benchmarks.claims --json
"""

import csv
import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import arguments, show
from handbill.creative.goods import Product, read_goods
from handbill.creative.proof import proofread, worst

COPY = Path(__file__).parents[1] / "tests" / "creative" / "copy"

GROUNDED = (
    "number", "percent", "price", "material", "ingredient", "origin", "certification", "brand",
    "deadline",
)  # fmt: skip
"""Kinds that the catalogue decides; the law decides the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A labelled text.

    Attributes:
        packs: Market and platform it is for.
        product: What it is about.
        expect: `stop` (block or ask), `evidence` (ask, not block) or `pass`.
        kind: Of the claim that has to be found, or `clean`.
        evasion: How it is hidden; empty when it is not.
        text: As written.
    """

    packs: tuple[str, ...]
    product: Product
    expect: str
    kind: str
    evasion: str
    text: str


def read_cases(name: str) -> tuple[Case, ...]:
    """The labelled copy of one part: `dev`, `heldout` or `fresh`."""
    goods = read_goods(COPY / "goods.jsonl")
    with (COPY / f"{name}.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return tuple(
        Case(
            packs=tuple(one for one in (row["market"], row["platform"]) if one),
            product=goods[row["product"]],
            expect=row["expect"],
            kind=row["kind"],
            evasion=row["evasion"],
            text=row["text"],
        )
        for row in rows
    )


def outcomes(cases: Iterable[Case]) -> list[tuple[Case, str]]:
    """What the checks make of each case."""
    return [(one, worst(proofread(one.text, one.product, packs=one.packs))) for one in cases]


def bare_list() -> re.Pattern[str]:
    """What shops use today: a list of words, looked for as they stand."""
    words = Path(__file__).with_name("bare_list.txt").read_text("utf-8").split("\n")
    return re.compile(
        "|".join(
            rf"(?<!\w){re.escape(one)}(?!\w)" if one.isascii() else re.escape(one)
            for one in words
            if one
        )
    )


def share(part: int, whole: int) -> float:
    """A share in percent."""
    return round(100 * part / max(1, whole), 2)


def judge(judged: list[tuple[Case, str]]) -> dict[str, float]:
    """The figures of one part."""
    law = [out for case, out in judged if case.expect == "stop" and case.kind not in GROUNDED]
    facts = [out for case, out in judged if case.expect == "stop" and case.kind in GROUNDED]
    clean = [out for case, out in judged if case.expect == "pass"]
    return {
        "policy_recall": round(1 - law.count("pass") / len(law), 4),
        "policy_clean_blocked_pct": share(clean.count("block"), len(clean)),
        "claims_recall": round(1 - facts.count("pass") / len(facts), 4),
        "claims_false_reject_pct": share(len(clean) - clean.count("pass"), len(clean)),
        "let_through": law.count("pass") + facts.count("pass"),
    }


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """Held-out figures, those of the bare list, and the speed.

    Args:
        quick: Times fewer repetitions; the cases are all taken.
    """
    held, dev = read_cases("heldout"), read_cases("dev")
    proofread("warm up 预热", packs=["cn"])
    started = time.perf_counter()
    rounds = 1 if quick else 3
    for _ in range(rounds):
        judged = outcomes(held)
    seconds = time.perf_counter() - started
    found: dict[str, float | int] = dict(judge(judged))
    words = bare_list()
    listed = [(one, "block" if words.search(one.text.lower()) else "pass") for one in held]
    by_list = judge(listed)
    found |= {
        "bare_list_recall": by_list["policy_recall"],
        "bare_list_clean_blocked_pct": by_list["policy_clean_blocked_pct"],
        "copy_checks_s": round(rounds * len(held) / seconds, 1),
    }
    fresh = judge(outcomes(read_cases("fresh")))
    found |= {"implied_recall": fresh["policy_recall"]}
    return found, _notes(held, judged, judge(outcomes(dev)), fresh)


def _notes(
    held: tuple[Case, ...],
    judged: list[tuple[Case, str]],
    dev: dict[str, float],
    fresh: dict[str, float],
) -> list[str]:
    stops = [(case, out) for case, out in judged if case.expect == "stop"]
    kinds = Counter(case.kind for case, _ in stops)
    missed = Counter(case.kind for case, out in stops if out == "pass")
    hidden = Counter(case.evasion for case, _ in stops if case.evasion)
    slipped = Counter(case.evasion for case, out in stops if case.evasion and out == "pass")
    asked = sum(out == "evidence" for case, out in judged if case.expect == "pass")
    clean = sum(case.expect == "pass" for case in held)
    lawful = [out for case, out in judged if case.expect == "evidence"]
    return [
        f"claims: {len(held)} held-out texts, {len(stops)} to stop, {clean} clean; "
        f"{asked} of the clean went to a person",
        "claims: stopped by kind: "
        + ", ".join(f"{kind} {n - missed[kind]}/{n}" for kind, n in sorted(kinds.items())),
        "claims: stopped by disguise: "
        + ", ".join(f"{kind} {n - slipped[kind]}/{n}" for kind, n in sorted(hidden.items())),
        f"claims: lawful with proof, asked for and not blocked: "
        f"{lawful.count('evidence')}/{len(lawful)}",
        "claims: on the part the rules were learned on: "
        + ", ".join(f"{name} {value}" for name, value in dev.items()),
        "claims: on copy written to get past the rules, that claims without saying so: "
        + ", ".join(f"{name} {value}" for name, value in fresh.items()),
    ]


def main() -> None:
    """Print the table."""
    options = arguments(__doc__ or "")
    found, notes = figures(options.quick)
    show(found, notes, as_json=options.json)


if __name__ == "__main__":
    main()
