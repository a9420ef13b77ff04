"""Sheets: approved copy in the columns that each platform imports."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from handbill.creative.dossier import dossiers
from handbill.creative.forms.current import Ready, current
from handbill.creative.forms.form import Form, read_form
from handbill.creative.forms.letter import MARK, as_html, as_text
from handbill.types import ShopProfile
from handbill.workspace import Workspace, write_text

Row = dict[str, str]

_ACTIONS = {"Shop now": "SHOP_NOW", "去逛逛": "SHOP_NOW"}
_MATCH = {"[": "Exact", '"': "Phrase"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export holds.

    Attributes:
        text: CSV.
        count: Pieces in it.
        stale: Approved pieces that rest on facts that have changed since, by id, with why.
    """

    text: str
    count: int
    stale: Mapping[str, str]


def export(
    workspace: Workspace, shop: ShopProfile, engine: Engine, kind: str, signatures: int
) -> Exported:
    """Approved copy of one kind as CSV.

    Only what hashes to what was approved goes out, with the facts that the catalogue has now; what
    rests on a changed fact stays and says so. Price, discount and stock stay slots: they are
    rendered when a message is sent.

    Args:
        workspace: With catalogue and state.
        shop: Its name is a fact.
        engine: The state.
        kind: A form's name.
        signatures: People who have to approve.

    Raises:
        ConfigError: No such kind.
    """
    form = read_form(kind, "en")
    ready: list[Ready] = []
    stale: dict[str, str] = {}
    for one in dossiers(engine, signatures):
        if one.channel == form.channel and one.state == "approved":
            found = current(workspace, shop, one)
            if isinstance(found, Ready):
                ready.append(found)
            else:
                stale[one.id] = found
    rows: list[Row] = []
    for piece in ready:
        rows += [row for row in _ROWS.get(kind, _plain)(piece) if row not in rows]
    return Exported(text=_csv(rows, _columns(kind, form)), count=len(ready), stale=stale)


def _columns(kind: str, form: Form) -> tuple[str, ...]:
    """The header row of a kind."""
    group = ("Campaign", "Ad Group")
    match kind:
        case "rsa":
            heads = [f"Headline {n}" for n in range(1, form.field("headline").most + 1)]
            texts = [f"Description {n}" for n in range(1, form.field("description").most + 1)]
            return (*group, "Ad type", *heads, *texts, "Path 1", "Path 2", "Final URL")
        case "keywords":
            return (*group, "Keyword", "Criterion Type", "Final URL")
        case "meta":
            return ("Ad Name", "Title", "Body", "Link Description", "Call to Action", "Link")
        case "email":
            return ("id", "language", "subject", "preheader", "text", "html")
        case "title" | "description":
            return ("id", kind)
        case _:
            return ("creative", "id", "language", *(one.name for one in form.fields), "link")


def _search_ad(one: Ready) -> Iterator[Row]:
    numbered = (("headline", "Headline"), ("description", "Description"), ("path", "Path"))
    texts = {
        f"{column} {number}": text
        for name, column in numbered
        for number, text in enumerate(one.fields[name], start=1)
    }
    yield _group(one) | {"Ad type": "Responsive search ad", "Final URL": one.product.link} | texts


def _keywords(one: Ready) -> Iterator[Row]:
    for name, before in (("keyword", ""), ("negative", "Negative ")):
        for text in one.fields[name]:
            kind = _MATCH.get(text[0], "Broad")
            row = {"Keyword": text.strip('[]"'), "Criterion Type": f"{before}{kind}"}
            yield _group(one) | row | ({} if before else {"Final URL": one.product.link})


def _group(one: Ready) -> Row:
    return {"Campaign": f"{one.shop} {one.language}", "Ad Group": one.name}


def _meta(one: Ready) -> Iterator[Row]:
    (button,) = one.fields["button"]
    yield {
        "Ad Name": f"{one.name} {one.id}",
        "Title": one.fields["headline"][0],
        "Body": one.fields["primary"][0],
        "Link Description": one.fields["description"][0],
        "Call to Action": _ACTIONS.get(button, "LEARN_MORE"),
        "Link": one.product.link,
    }


def _letter(one: Ready) -> Iterator[Row]:
    yield {
        "id": one.product.id,
        "language": one.language,
        "subject": f"{MARK[one.language]}{one.fields['subject'][0]}",
        "preheader": one.fields["preheader"][0],
        "text": as_text(one.fields, one.product.link),
        "html": as_html(one.fields, one.product.link, one.shop, one.language),
    }


def _plain(one: Ready) -> Iterator[Row]:
    fields = {name: texts[0] for name, texts in one.fields.items() if texts}
    kept = {
        "creative": one.id,
        "id": one.product.id,
        "language": one.language,
        "link": one.product.link,
    }
    yield kept | fields


_ROWS: Mapping[str, Callable[[Ready], Iterator[Row]]] = {
    "rsa": _search_ad,
    "keywords": _keywords,
    "meta": _meta,
    "email": _letter,
}


def _csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    sheet = io.StringIO()
    writer = csv.DictWriter(
        sheet, columns, restval="", extrasaction="ignore", lineterminator="\r\n"
    )
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return sheet.getvalue()


def _harmless(value: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def save(exported: Exported, path: Path) -> None:
    """Write a sheet, with the mark by which spreadsheets know UTF-8."""
    write_text(path, f"\ufeff{exported.text}")
