"""Weights that come in packages: put together, checked, and turned into safetensors once."""

import hashlib
import importlib.util
import io
import shutil
import struct
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from handbill.creative.models import quiet
from handbill.errors import ModelError
from handbill.workspace import read_json, write_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A model whose weights come in packages, so that a machine without a hub can have it.

    Attributes:
        install: What to type to get it.
        parts: (import package, file in it), in order; several are one file in pieces.
        file: Name of the whole file.
        sha256: Of the whole file.
        licence: SPDX name or the terms' name.
        terms: Where they stand.
        must_accept: Whether the shop has to accept the terms by name first.
    """

    install: str
    parts: tuple[tuple[str, str], ...]
    file: str
    sha256: str
    licence: str
    terms: str
    must_accept: bool


def convert(name: str, package: Package, path: Path) -> None:
    """Turn the quantised file into safetensors, in a folder that appears only when whole.

    Raises:
        ModelError: It is not installed, of another content, or no model.
    """
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _assemble(name, package, part / package.file)
        _dequantise(name, part, package.file)
        (part / package.file).unlink()
        weights = part / "model.safetensors"
        card = {
            "name": name,
            "version": path.name,
            "licence": package.licence,
            "terms": package.terms,
            "parents": [{"file": package.file, "sha256": package.sha256}],
            "sha256": {"model.safetensors": sha256(weights)},
        }
        write_json(part / "card.json", card)
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _assemble(name: str, package: Package, target: Path) -> None:
    """Put the pieces together and check that they are the file that was published."""
    with target.open("wb") as whole:
        for module, file in package.parts:
            # find_spec does not run the package, whose own imports may not be installed
            spec = importlib.util.find_spec(module)
            if spec is None or not spec.submodule_search_locations:
                raise ModelError(f"{name} is not installed; run: {package.install}")
            piece = Path(next(iter(spec.submodule_search_locations))) / file
            if not piece.is_file():
                raise ModelError(f"{module} lacks {file}; reinstall it: {package.install}")
            with piece.open("rb") as handle:
                shutil.copyfileobj(handle, whole, 1 << 22)
    found = sha256(target)
    if found != package.sha256:
        raise ModelError(
            f"{package.file} is not the file that was published (SHA-256 {found[:12]}..., expected "
            f"{package.sha256[:12]}...); reinstall it: {package.install} --force-reinstall"
        )


def _dequantise(name: str, folder: Path, file: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        # the bar of the conversion heeds no setting, so it draws into nothing
        with quiet(), redirect_stderr(io.StringIO()):
            tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file, local_files_only=True)
            model = AutoModelForCausalLM.from_pretrained(
                folder, gguf_file=file, dtype=torch.float32, local_files_only=True
            )
            # transformers keeps calling the model quantised, and then refuses to save it
            model.__dict__.pop("hf_quantizer", None)
            model.__dict__.pop("quantization_method", None)
            model.is_quantized = False
            if hasattr(model.config, "quantization_config"):
                del model.config.quantization_config
            model.to(torch.float16).save_pretrained(folder)  # 4-bit values fit; half the disk
            tokenizer.save_pretrained(folder)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, struct.error) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{name} could not be converted: {reason}") from error


def verify(path: Path) -> None:
    """A model that was damaged since it came is told by its card.

    Raises:
        ModelError: A file is missing or another.
    """
    card = read_json(path / "card.json")
    for file, expected in card["sha256"].items():
        if not (path / file).is_file() or sha256(path / file) != expected:
            raise ModelError(f"{path / file} is damaged; delete {path} and run again")


def folder_version(path: Path, *, full: bool = False) -> str:
    """A model folder by its content.

    Raises:
        ModelError: It holds no safetensors.
    """
    weights = sorted(path.glob("*.safetensors"))
    if not weights:
        raise ModelError(f"{path} holds no *.safetensors; Handbill loads no other format")
    digest = hashlib.sha256()
    for file in (path / "config.json", *weights):
        digest.update(sha256(file).encode() if file.is_file() else b"")
    return digest.hexdigest() if full else digest.hexdigest()[:12]


def sha256(path: Path) -> str:
    """A file by its content."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
