import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise

import pyarrow as pa
import pytest

from handbill.console.report import CONTENTS, write_report
from handbill.errors import WorkspaceError
from handbill.state import approvals, creatives, open_state
from handbill.workspace import Workspace, write_json, write_parquet

VOID = {"meta", "br", "hr", "img", "input", "link", "wbr"}
SVG_LEAVES = {"line", "path", "rect", "circle"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed where it should be, ids are unique."""

    def __init__(self, html: str):
        super().__init__()
        self.stack, self.ids, self.links, self.text, self.loads = [], [], [], [], []
        self.elements = []
        self.feed(html)
        self.close()
        assert not self.stack, self.stack

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.elements.append((tag, attrs))
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a":
            self.links.append(attrs["href"])
        self.loads += [attrs[k] for k in ("src", "srcset", "data", "poster") if k in attrs]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in SVG_LEAVES, tag
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1] == tag, (tag, self.stack[-3:])
        self.stack.pop()

    def handle_data(self, data):
        if not {"style", "script"} & set(self.stack):
            self.text.append(data)


@pytest.fixture(scope="module")
def html(build, shop):
    return build.written(shop)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.fixture(scope="module")
def figures(shop, html):
    return json.loads((shop.reports / "report.json").read_text(encoding="utf-8"))


@pytest.fixture
def copy(shop, tmp_path):
    """A shop of one's own to break."""
    shutil.copytree(shop.root, tmp_path / "shop")
    return Workspace(tmp_path / "shop")


def test_the_page_is_well_formed_and_its_links_lead_somewhere(page):
    assert len(page.ids) == len(set(page.ids))
    assert {f"#{one}" for one in CONTENTS} <= set(page.links)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    labels = [attrs["aria-labelledby"] for _, attrs in page.elements if "aria-labelledby" in attrs]
    assert labels and {name for one in labels for name in one.split()} <= set(page.ids)


def test_nothing_is_loaded_from_anywhere(html, page):
    assert not page.loads
    assert "http://" not in html and "https://" not in html
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|<link|<iframe|<img", html)
    assert len(html.encode()) < 1_500_000


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_chart_has_its_table(page):
    tags = [tag for tag, _ in page.elements]
    assert tags.count("figure") >= 11
    for index, tag in enumerate(tags):
        if tag == "figure":
            end = tags.index("figure", index + 1) if "figure" in tags[index + 1 :] else len(tags)
            inside = tags[index:end]
            assert inside.count("svg") == 2 and "table" in inside and "details" in inside


def test_data_cannot_inject_markup(build, html, page):
    assert build.HOSTILE in "".join(page.text)
    assert build.HOSTILE not in html
    assert sum(tag == "script" for tag, _ in page.elements) == 1


def test_the_headline_is_the_finding_with_its_interval(page):
    text = "".join(page.text)
    assert "One mailing in five would have reached 56% of those who redeemed a coupon." in text
    assert "只寄五分之一，就能触达 56% 的用券顾客。" in text
    assert "95% interval of 51–61%" in text
    assert "finds 26% (23–29%); choosing at random finds 20%" in text
    assert "lies within chance" not in text


def test_a_difference_within_chance_is_said(build, copy):
    build.write_backtest(copy, apart=False)
    assert "The difference between the two rankings lies within chance." in build.written(copy)


def test_a_ranking_no_better_than_chance_does_not_boast(build, copy):
    build.write_backtest(copy, low=0.15)
    html = build.written(copy)
    assert "cannot yet be told apart from chance" in html
    assert "would have reached" not in html


def test_figures_are_counted_from_the_tables(figures, page):
    collected, plan = figures["collected"], figures["plan"]
    assert (collected["people"], collected["baskets"], collected["mailed"]) == (60, 2760, 40)
    assert collected["spend_micros"] == 46 * 20 * (1 + 2 + 3) * 1_000_000
    assert (collected["first_day"], collected["last_day"]) == ("2017-01-02", "2017-11-19")
    assert (plan["messages"], plan["people"], plan["explored"], plan["spend_micros"]) == (
        30,
        30,
        1,
        15_000_000,
    )
    by_campaign = plan["campaigns"][0]
    assert by_campaign["expected"] == pytest.approx(sum(0.2 + 0.01 * n for n in range(30)))
    spend = {one["id"]: one["share_spend"] for one in figures["customers"]["segments"]}
    assert spend == pytest.approx({"s1": 1 / 6, "s2": 2 / 6, "s3": 3 / 6})
    assert figures["customers"]["top"] == pytest.approx([1 / 3, 1 / 2])
    assert "Received 2,770 = kept 2,760 + duplicate 4 + set aside 6." in "".join(page.text)


def test_a_segment_is_known_by_what_it_likes_more_than_others(figures):
    liked = {one["id"]: one["interests"] for one in figures["customers"]["segments"]}
    assert liked["s1"][0]["category"] == {"en": "Frozen pizza", "zh": "冷冻披萨"}
    assert liked["s1"][0]["ratio"] == pytest.approx(0.8 / 0.4)
    assert len(liked["s1"]) == 1  # below the average is no interest


def test_ads_stand_side_by_side_with_the_source_of_each_fact(page, figures):
    facts = [attrs["title"] for _, attrs in page.elements if attrs.get("class") == "fact"]
    assert "catalog/offers#label" in facts and "catalog/campaigns#ends_at" in facts
    pairs = figures["ads"]["pairs"]
    assert all([ad["language"] for ad in pair["ads"]] == ["en", "zh"] for pair in pairs)
    assert [tally["passed"] for tally in figures["ads"]["tallies"]] == [4, 4]
    assert figures["ads"]["rules"] == [["absolute-claim", 8]]


def test_unapproved_findings_are_not_called_passed(build, copy):
    path = copy.tables / "creatives.parquet"
    rows = [row for row in pa.parquet.read_table(path).to_pylist() if row["status"] != "rejected"]
    doubt = {"rule": "medicine", "span": "aspirin", "outcome": "evidence", "reason": "Look."}
    rows[0] |= {"status": "waiting", "findings": json.dumps([doubt])}
    write_parquet(path, pa.Table.from_pylist(rows))
    html = build.written(copy)
    figures = json.loads((copy.reports / "report.json").read_text())
    assert sum(tally["passed"] for tally in figures["ads"]["tallies"]) == len(rows) - 1
    assert "1 wait for a person’s approval." in html


def test_an_unmeasured_place_is_grey_and_counted(page, figures):
    unmeasured = [one for one in figures["moments"]["positions"] if one["uplift"] is None]
    assert [one["name"]["en"] for one in unmeasured] == ["In-shelf"]
    assert "1 of the 5 places have too few sales" in "".join(page.text)


def test_limits_are_gathered_once_from_everywhere(figures):
    said = [one["en"] for one in figures["limits"]]
    assert len(said) == len(set(said))
    assert any("simulated data" in one for one in said)
    assert any("records no consent" in one for one in said)
    assert "Campaign 16 has too few redeemers." in said
    assert said.count("Three offers had no ad.") == 1  # every stage said it


@pytest.mark.parametrize(("who", "said"), [("policy:checks", True), ("anna@shop.example", False)])
def test_ads_approved_by_a_rule_are_said_to_be(copy, build, who, said):
    engine = open_state(copy.state_url)
    day = build.at(build.AS_OF)
    ad = dict.fromkeys(creatives.columns.keys(), "x") | {"brief": {}, "findings": []}
    approval = {"id": "a", "creative_id": "x", "digest": "d", "decision": "approved"}
    with engine.begin() as connection:
        connection.execute(creatives.insert().values(ad | {"created_at": day}))
        made = approval | {"decided_by": who, "reason": "", "decided_at": day}
        connection.execute(approvals.insert().values(made))
    engine.dispose()
    assert ("are approved by rule" in build.written(copy)) is said


def test_a_damaged_state_is_named(copy, build):
    (copy.root / "state.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(WorkspaceError, match=r"state\.sqlite"):
        build.written(copy)


def test_another_source_is_not_called_simulated(build, copy):
    table = pa.parquet.read_table(copy.events / "date=2017-01-02" / "part.parquet").to_pylist()
    rows = [{**row, "source": "orders-csv 0.1.0"} for row in table]
    write_parquet(copy.events / "date=2017-01-02" / "part.parquet", pa.Table.from_pylist(rows))
    assert "simulated" not in build.written(copy)


def test_days_are_the_shops_own(build, copy):
    html = build.written(copy, timezone="Asia/Shanghai")
    assert "Campaign 16, 1 May" in html
    late = [
        {
            "event": "purchase",
            "person": "p_1",
            "is_human": True,
            "source": "x",
            "occurred_at": build.at(build.AS_OF, 23),
            "transaction_id": "t",
            "item_id": "i",
            "value_micros": 1,
        }
    ]
    shutil.rmtree(copy.events)
    write_parquet(copy.events / "date=2017-10-30" / "part.parquet", pa.Table.from_pylist(late))
    build.written(copy, timezone="Asia/Shanghai")
    assert (
        json.loads((copy.reports / "report.json").read_text())["collected"]["first_day"]
        == "2017-10-31"
    )


def test_the_same_tables_give_the_same_page(build, shop, html):
    assert build.written(shop) == html


def test_an_empty_shop_gets_a_page_that_says_what_is_missing(build, tmp_path):
    path = write_report(Workspace(tmp_path), build.profile(), ())
    text = "".join(Page(path.read_text(encoding="utf-8")).text)
    for sentence in (
        "There is nothing to report yet.",
        "No data was imported yet.",
        "No segments yet.",
        "No ads yet.",
        "No plan yet.",
        "No backtest yet.",
        "No stage has left a record",
    ):
        assert sentence in text


def test_a_shop_with_only_orders_gets_a_shorter_report(build, tmp_path):
    workspace = Workspace(tmp_path)
    build.write_orders(workspace)
    rows = pa.parquet.read_table(workspace.events / "date=2017-01-02" / "part.parquet").to_pylist()
    only = [row for row in rows if row["event"] == "purchase"]
    write_parquet(workspace.events / "date=2017-01-02" / "part.parquet", pa.Table.from_pylist(only))
    text = "".join(Page(build.written(workspace)).text)
    assert "60 customers, 2,760 orders" in text
    assert "The data holds no campaigns" in text


@pytest.mark.parametrize(
    "name",
    [
        "segments.json",
        "segments.parquet",
        "interests.parquet",
        "creatives.parquet",
        "positions.json",
        "curves.json",
        "send_times.parquet",
        "plan.json",
        "plan.parquet",
        "delivery.json",
        "backtest.json",
    ],
)
def test_any_one_table_may_be_missing(build, copy, name):
    (copy.tables / name).unlink()
    Page(build.written(copy))


def test_what_one_more_would_earn_and_what_changed_are_told(build, copy):
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", build.written(copy)))
    assert "What one more would earn" in text
    assert "$0.70" in text and "$0.09" in text
    assert "The plan before was made for" in text and "October 2" in text
    assert re.search(r"Expected redemptions.{0,40}8\.2 10\.4", text)
    assert re.search(r"budget 11\.0 20\.0", text)


def test_curves_are_drawn_and_what_is_unknown_says_why(build, copy):
    html = build.written(copy)
    assert "What a price cut does" in html and "Do messages wear out?" in html
    assert "Not enough data: no clock." in html and "数据不足：没有时刻。" in html
    (copy.tables / "curves.json").unlink()
    assert "What a price cut does" not in build.written(copy)


def test_too_little_to_compare_is_said_with_its_reason(build, copy):
    why = {"en": "Only 3 redeemers.", "zh": "只有 3 位用券顾客。"}
    write_json(copy.tables / "backtest.json", {"enough": False, "why": why, "unanswered": [why]})
    html = build.written(copy)
    assert "There is not enough data to compare anything" in html and "只有 3 位用券顾客。" in html
    assert "messages are ready for 30 customers" in re.sub("<[^>]+>", "", html)


def test_a_plan_that_mails_nobody_says_why(build, copy):
    empty = pa.parquet.read_table(copy.tables / "plan.parquet").slice(0, 0)
    write_parquet(copy.tables / "plan.parquet", empty)
    head = json.loads((copy.tables / "plan.json").read_text())
    why = {"en": "The budget is zero.", "zh": "预算为零。"}
    write_json(copy.tables / "plan.json", {**head, "why": why})
    assert "The budget is zero." in build.written(copy)


@pytest.mark.parametrize("name", ["segments.parquet", "plan.json"])
def test_a_damaged_table_is_named(build, copy, name):
    (copy.tables / name).write_bytes(b"not a table")
    with pytest.raises(WorkspaceError, match=name):
        build.written(copy)


def test_numbers_that_are_none_become_null(build, copy):
    rows = pa.parquet.read_table(copy.tables / "plan.parquet").to_pylist()
    rows = [{**row, "probability": float("nan")} for row in rows]
    write_parquet(copy.tables / "plan.parquet", pa.Table.from_pylist(rows))
    build.written(copy)
    found = json.loads((copy.reports / "report.json").read_text())
    assert found["plan"]["campaigns"][0]["expected"] is None


def test_importing_the_console_is_light():
    heavy = "[m for m in ('duckdb', 'ibis', 'jinja2') if m in sys.modules]"
    code = f"import sys, handbill.console; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_models_card_is_shown_whole(figures):
    (model,) = figures["making"]["models"]
    assert model["path"] == "response/v1"
    assert ["metrics.auc", "0.79"] in model["facts"]
    assert figures["making"]["steps"][0]["name"] == "events"


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    "theme", [":root {", ':root[data-theme="dark"] {', ":root:not([data-theme]) {"]
)
def test_text_and_marks_stand_out_enough(html, theme):
    """WCAG 2.2: 4.5 to 1 for text, 3 to 1 for what a chart draws."""
    block = html.split(theme, 1)[1].split("}", 1)[0]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-fA-F]{6})\b", block))
    for ground in ("paper", "raised"):
        for name in ("ink", "soft", "muted", "accent"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        assert contrast(colours["line"], colours[ground]) >= 3
