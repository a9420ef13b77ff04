from datetime import UTC, date, datetime

import pytest

from handbill import config
from handbill.errors import ConfigError, SourceError
from handbill.workspace import Workspace


def load(workspace: Workspace, text: str) -> config.Config:
    workspace.settings_path.write_text(text, encoding="utf-8")
    return config.load(workspace, now=datetime(2026, 11, 23, 20, 0, tzinfo=UTC))


def test_defaults_hold_where_nothing_is_said(workspace: Workspace) -> None:
    settings = load(workspace, "")
    assert settings.shop.currency == "USD"
    assert settings.shop.as_of == date(2026, 11, 23)


def test_today_is_the_shops_today(workspace: Workspace) -> None:
    settings = load(workspace, '[shop]\ntimezone = "Asia/Shanghai"\n')
    assert settings.shop.as_of == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[shop]\nnmae = 'x'\n", "unknown setting shop.nmae; known: as_of, currency"),
        ("[shpo]\n", "unknown section shpo; known: audience"),
        ("shop = 3\n", "shop must be a section"),
        ("[shop]\ncurrency = 'dollars'\n", "ISO 4217"),
        ("[shop]\ntimezone = 'Mars/Olympus'\n", "IANA zone"),
        ("[shop]\nlanguage = 'fr'\n", "shop.language"),
        ("[shop]\nas_of = 'soon'\n", "shop.as_of"),
        ("[shop\n", "not valid TOML"),
    ],
)
def test_a_wrong_setting_is_named(workspace: Workspace, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace(".", r"\.").replace("[", r"\[")):
        load(workspace, text)


def test_a_template_needs_its_source() -> None:
    with pytest.raises(SourceError):
        config.template("no-such-folder")
