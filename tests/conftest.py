"""What all tests share."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from handbill.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return Workspace.create(tmp_path / "shop", "")


@pytest.fixture
def needs(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Find a program, or report the test as not run; in CI a missing one fails."""
    import os

    def find(program: str) -> str:
        path = shutil.which(program)
        if path is None and os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not installed; .ci/run must install it")
        if path is None:
            pytest.skip(f"not run: {program} is not installed")
        return path

    return find
