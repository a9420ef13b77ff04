"""The commands on the example shop: what a person would type, and what a mistake says."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from handbill.cli import app
from handbill.errors import ConfigError, SourceError
from handbill.shop import Shop

EXAMPLE = Path(__file__).parents[2] / "examples" / "orders"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop") / "shop"
    settings = Shop.create(folder, source=str(EXAMPLE)).workspace.settings_path
    with settings.open("a", encoding="utf-8") as file:
        file.write("\n[audience]\nrecommendations = 0\n")
    Shop.open(folder).run(until="audience")
    return folder


def call(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_portrait_is_shown_written_and_given_as_json(folder, tmp_path):
    said = call("portrait", folder, "--customer", "K1001", "--lang", "zh")
    assert "下一步" in said and "购买" in said
    page = tmp_path / "k.html"
    assert str(page) in call("portrait", folder, "--customer", "K1001", "--html", page)
    assert "<html" in page.read_text(encoding="utf-8")
    facts = json.loads(call("portrait", folder, "--customer", "K1001", "--json"))
    assert facts["visits"] >= 1
    again = json.loads(call("portrait", folder, "--customer", facts["person"], "--json"))
    assert again == facts


def test_an_unknown_customer_or_language_is_named(folder):
    with pytest.raises(SourceError, match="customer 'K9' before"):
        call("portrait", folder, "--customer", "K9")
    with pytest.raises(ConfigError, match=r"--lang is 'fr'"):
        call("portrait", folder, "--customer", "K1001", "--lang", "fr")


def test_segments_are_listed(folder):
    assert "全部顾客" in call("audience", "segments", folder)
    found = json.loads(call("audience", "segments", folder, "--json"))
    assert len(found["rfm"]) == 10 and found["rules"] == []


def test_lookalikes_of_a_short_list_are_refused_and_a_bad_list_is_named(folder, tmp_path):
    listed = tmp_path / "list.csv"
    listed.write_text("\ufeffcustomer_id\nK1001\n\nK9,x\n", encoding="utf-8")
    found = json.loads(call("audience", "lookalikes", folder, listed, "-n", "5", "--json"))
    assert found["members"] == 1 and found["unknown"] == 2 and found["people"] == []
    assert "20 are needed" in found["why"]["en"]
    with pytest.raises(ConfigError, match=r"missing\.csv"):
        call("audience", "lookalikes", folder, tmp_path / "missing.csv")
    listed.write_text("\n\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no customer ids"):
        call("audience", "lookalikes", folder, listed)


def test_lookalikes_before_a_run_say_what_to_run(tmp_path):
    shop = Shop.create(tmp_path / "new", source=str(EXAMPLE))
    with pytest.raises(SourceError, match="handbill run"):
        shop.lookalikes(["K1001"])
