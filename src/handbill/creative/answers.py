"""Answers written before, so that a repeated or interrupted run does not write them again."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from handbill.workspace import read_json, write_json


@dataclass(slots=True)
class Answers:
    """The answers to prompts under one way of writing, kept in a file.

    Attributes:
        path: The file of this way of writing.
        known: Prompt to answers.
    """

    path: Path
    known: dict[str, list[str]]

    @classmethod
    def open(cls, folder: Path, **way: str | int | float) -> "Answers":
        """Answers written this way before, if any.

        Args:
            folder: Where the file lies.
            way: All that decides the answers besides the prompt: model, adapter, seed, ...
        """
        text = json.dumps(way, sort_keys=True, ensure_ascii=False)
        path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
        return cls(path=path, known=dict(read_json(path)) if path.is_file() else {})

    def add(self, prompts: list[str], texts: list[list[str]]) -> None:
        """Keep some answers; they are on disk when this returns."""
        self.known.update(zip(prompts, texts, strict=True))
        write_json(self.path, self.known)
