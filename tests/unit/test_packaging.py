"""Our packages have bare names and our locks no addresses; both hold only as long as somebody looks."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL_NAMES = ("node", "hub", "conflict", "ops", "dansync")
# None of these patterns matches its own source, so this file needs no exception.
REGISTRY_ADDRESSES = (
    re.compile(r"--(extra-)?index-url\b"),
    re.compile(r"--(find-links|trusted-host)\b"),
    re.compile(r"https?://\S*(py[p]i\.org|pythonhosted|/[s]imple\b|registry\.npm|crates\.io/api)"),
    re.compile(r"file://+\S*/[s]imple\b"),
    re.compile(r"""^\s*"?resolved"?[:\s]+"(https?|file):""", re.MULTILINE),
    re.compile(r"""^(registry|source) = .*\b(url|registry)\b.*https?:""", re.MULTILINE),
)


def tracked_files() -> list[Path]:
    """What git knows or would add; a tree without git is read as it lies there, without what we build ourselves."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode()
        paths = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [path for path in ROOT.rglob("*") if not {".venv", ".git"} & set(path.relative_to(ROOT).parts)]
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("name", TOP_LEVEL_NAMES)
def test_no_other_distribution_claims_our_top_level_name(name: str) -> None:
    owners = set(importlib.metadata.packages_distributions().get(name, []))
    assert owners <= {"dansync"}


@pytest.mark.parametrize("name", TOP_LEVEL_NAMES)
def test_our_top_level_name_is_found_in_this_tree(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} cannot be imported: run make setup"
    places = {Path(place).resolve() for place in spec.submodule_search_locations or ()}
    assert places == {ROOT / "proto" / name if name == "dansync" else ROOT / name}


def test_no_file_holds_the_address_of_a_package_registry() -> None:
    found = []
    for path in tracked_files():
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [
            f"{path.relative_to(ROOT)}: {pattern.pattern}" for pattern in REGISTRY_ADDRESSES if pattern.search(text)
        ]
    assert found == []


@pytest.mark.parametrize("lock", ["runtime.txt", "dev.txt", "windows.txt", "linkage.txt"])
def test_a_lock_pins_every_package_with_hashes_and_names_no_place(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    assert "/" not in re.sub("-[cr] requirements/", "", text)
    entries = re.findall(r"^([a-z0-9][\w.-]*)(.*(?:\n    --hash=.*)*)", text, re.MULTILINE)
    assert entries
    for name, rest in entries:
        assert re.match(r"==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", rest), name


def test_the_runtime_lock_is_a_part_of_the_development_lock() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / lock).read_text(encoding="utf-8"), re.MULTILINE))

    assert pins("runtime.txt") <= pins("dev.txt")
