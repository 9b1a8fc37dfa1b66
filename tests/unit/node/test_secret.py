"""A file with a secret appears whole or not at all, is its owner's alone, and never takes the place of another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.secret import write_secret


def test_a_secret_is_whole_and_its_owners_alone(tmp_path: Path) -> None:
    write_secret(tmp_path / "key", b"secret")
    assert (tmp_path / "key").read_bytes() == b"secret"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"], "nothing is left beside it"


def test_what_a_killed_try_has_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".key.part").write_bytes(b"sec")
    write_secret(tmp_path / "key", b"secret")
    assert (tmp_path / "key").read_bytes() == b"secret"
    assert not (tmp_path / ".key.part").exists()


def test_a_secret_that_is_there_stays(tmp_path: Path) -> None:
    write_secret(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_secret(tmp_path / "none" / "key", b"secret")
