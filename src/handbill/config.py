"""handbill.toml -> frozen settings. Each stage owns its section and its bounds."""

import dataclasses
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from handbill import audience, creative, delivery, events, feedback, placement
from handbill.errors import ConfigError
from handbill.events import collector
from handbill.types import LANGUAGES, Language, ShopProfile
from handbill.workspace import Workspace

Section = TypeVar("Section")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopSettings:
    """The `[shop]` section.

    Attributes:
        name: As customers see it.
        currency: ISO 4217 code.
        timezone: IANA zone of the shop's clock.
        language: `en` or `zh`.
        as_of: Day the plan is made; today in the shop's zone when absent.
    """

    name: str = "My shop"
    currency: str = "USD"
    timezone: str = "UTC"
    language: Language = "en"
    as_of: date | None = None

    def __post_init__(self) -> None:
        if len(self.currency) != 3 or not self.currency.isupper():
            raise ConfigError(f"shop.currency = {self.currency!r}: give an ISO 4217 code like USD")
        if self.language not in LANGUAGES:
            raise ConfigError(f"shop.language = {self.language!r}: one of {', '.join(LANGUAGES)}")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigError(
                f"shop.timezone = {self.timezone!r}: give an IANA zone like Asia/Shanghai"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of a workspace, checked.

    Attributes:
        shop: What every stage knows.
        events: Stage 1.
        audience: Stage 2.
        creative: Stage 3.
        placement: Stage 4.
        delivery: Stage 5.
        feedback: Stage 6.
        collector: What `handbill serve` takes in.
    """

    shop: ShopProfile
    events: events.Settings
    audience: audience.Settings
    creative: creative.Settings
    placement: placement.Settings
    delivery: delivery.Settings
    feedback: feedback.Settings
    collector: collector.Settings


SECTIONS: dict[str, type[Any]] = {
    "shop": ShopSettings,
    "events": events.Settings,
    "audience": audience.Settings,
    "creative": creative.Settings,
    "placement": placement.Settings,
    "delivery": delivery.Settings,
    "feedback": feedback.Settings,
    "collector": collector.Settings,
}


def load(workspace: Workspace, *, now: datetime | None = None) -> Config:
    """Read and check the settings.

    Args:
        workspace: Whose `handbill.toml` to read.
        now: The present, for a shop whose `as_of` is not fixed; the system's clock when None.

    Raises:
        ConfigError: A section or setting is unknown, of the wrong type or out of its bounds.
    """
    path = workspace.settings_path
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    known(raw, SECTIONS, "section")
    parts = {name: section(name, cls, raw.get(name, {})) for name, cls in SECTIONS.items()}
    shop: ShopSettings = parts.pop("shop")
    today = (now or datetime.now(UTC)).astimezone(ZoneInfo(shop.timezone)).date()
    profile = ShopProfile(
        name=shop.name,
        currency=shop.currency,
        timezone=shop.timezone,
        language=shop.language,
        as_of=shop.as_of or today,
    )
    return Config(shop=profile, **parts)


def template(source: str) -> str:
    """The text of a new workspace's `handbill.toml`.

    Args:
        source: `complete-journey`, a folder of the shop's own CSV exports, or `imports` for none.

    Raises:
        SourceError: The source is not there.
    """
    own = source != events.COMPLETE_JOURNEY
    if own and source != events.IMPORTS:
        source = str(Path(source).expanduser().resolve())
    events.fingerprint(events.Settings(source=source))  # a missing source fails now, by name
    name = "own-exports.toml" if own else "complete-journey.toml"
    text = resources.files("handbill").joinpath("settings", name).read_text(encoding="utf-8")
    return text.replace("{{source}}", source.replace("\\", "/"))


def section(name: str, cls: type[Section], raw: Any) -> Section:
    """Turn one TOML table into its frozen settings.

    Raises:
        ConfigError: A setting is unknown, of the wrong type or out of its bounds.

    Example:
        >>> section("shop", ShopSettings, {"nmae": "Corner shop"})
        Traceback (most recent call last):
        handbill.errors.ConfigError: unknown setting shop.nmae; known: as_of, currency, ...
    """
    if not isinstance(raw, dict):
        raise ConfigError(f"{name} must be a section: write [{name}] on a line of its own")
    known(raw, [field.name for field in dataclasses.fields(cls)], "setting", f"{name}.")  # type: ignore[arg-type]
    try:
        return msgspec.convert(raw, cls)
    except msgspec.ValidationError as error:
        raise ConfigError(f"[{name}] {error}".replace("`$.", f"`{name}.")) from error


def known(given: Any, names: Any, what: str, prefix: str = "") -> None:
    """Refuse keys that nobody reads."""
    for key in given:
        if key not in names:
            raise ConfigError(f"unknown {what} {prefix}{key}; known: {', '.join(sorted(names))}")
