"""Encrypted stores, with the SQLite that can: in processes of their own, because it has the import name of the plain one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.encryption import PLAIN_HEADER, StoreKey, header_of, load_key, make_key
from node.errors import StoreDamaged, StoreError
from ops.config import load_config
from tests.integration.test_command_line import ROOT, dansync, environment

CIPHER = Path(sys.prefix) / "cipher"
pytestmark = pytest.mark.skipif(
    not (CIPHER / "apsw").is_dir(), reason="apsw-sqlite3mc is not installed beside this environment: make .venv/.cipher"
)
SECRET = "Nguyễn Thị Bí Mật"
PATHS = os.pathsep.join(map(str, (CIPHER, ROOT, ROOT / "proto")))


def ciphered(*arguments: object) -> subprocess.CompletedProcess[str]:
    return dansync(*arguments, PYTHONPATH=PATHS)


def python(script: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        env=environment(PYTHONPATH=PATHS),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    """A node with an encrypted store and one person in it."""
    folder, key = tmp_path / "c", tmp_path / "c.key"
    made = ciphered("init", folder, "--node-id", "c", "--tier", "commune", "--encrypt", f"file:{key}")
    assert made.returncode == 0, made.stderr
    assert "Keep a copy of its key elsewhere" in made.stdout
    assert key.stat().st_mode & 0o777 == 0o600
    recorded = ciphered("record", "person", folder, "--name", SECRET, "--sex", "F")
    assert recorded.returncode == 0, recorded.stderr
    return folder


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def test_no_file_of_the_node_shows_what_is_in_the_store(encrypted: Path) -> None:
    keep_open = (
        "import random, sys, os, pathlib\n"
        "from node.store import Store\nfrom node.clock import SystemClock\nfrom ops.config import load_config\n"
        "config = load_config(pathlib.Path(sys.argv[1]))\n"
        "s = Store.open(config.store_path, clock=SystemClock(), source=random.Random(1), key=config.store_key())\n"
        "with s.capture(author='x', kind='register', recorded_at=1) as c:\n"
        "    c.connection.execute('INSERT INTO person (origin, id, full_name) VALUES (?,?,?)',"
        " (c.origin, s.new_row_id(1), sys.argv[2]))\n"
        "there = b''.join(p.read_bytes() for p in config.folder.iterdir() if p.is_file())\n"
        "assert config.store_path.with_name('store.db-wal').stat().st_size > 0\n"
        "print(sys.argv[2].encode() in there, b'CREATE TABLE' in there)\n"
    )
    assert python(keep_open, encrypted, SECRET).split() == ["False", "False"]
    assert header_of(encrypted / "store.db") != PLAIN_HEADER
    assert SECRET.encode() not in everything(encrypted)


def test_without_the_cipher_or_without_the_key_nothing_opens_it(encrypted: Path, tmp_path: Path) -> None:
    plain = dansync("status", encrypted)
    assert plain.returncode == 3 and "apsw-sqlite3mc" in plain.stderr
    settings = encrypted / "node.toml"
    with_key = settings.read_text(encoding="utf-8")
    settings.write_text("\n".join(line for line in with_key.splitlines() if "encryption" not in line), encoding="utf-8")
    for command in (dansync, ciphered):
        done = command("status", encrypted)
        assert done.returncode == 3
        assert "encrypted" in done.stderr and "node.toml" in done.stderr
    settings.write_text(with_key, encoding="utf-8")
    (tmp_path / "c.key").write_text("00" * 32 + "\n", encoding="ascii")
    wrong = ciphered("status", encrypted)
    assert wrong.returncode == 3 and "cannot be read with this key" in wrong.stderr
    (tmp_path / "c.key").chmod(0o644)
    assert "chmod 600" in ciphered("status", encrypted).stderr
    (tmp_path / "c.key").unlink()
    assert "cannot be read" in ciphered("status", encrypted).stderr


def test_encryption_that_was_killed_before_its_last_step_is_finished_with_the_right_key_only(
    encrypted: Path, tmp_path: Path
) -> None:
    settings = encrypted / "node.toml"
    with_key = settings.read_text(encoding="utf-8")
    settings.write_text("\n".join(line for line in with_key.splitlines() if "encryption" not in line), encoding="utf-8")
    none = ciphered("encrypt", encrypted, "--key", f"file:{tmp_path / 'other'}")
    assert none.returncode == 3 and not (tmp_path / "other").exists(), "no new key is made for a store that has one"
    make_key(f"file:{tmp_path / 'other'}", "c")
    wrong = ciphered("encrypt", encrypted, "--key", f"file:{tmp_path / 'other'}")
    assert wrong.returncode == 3 and "cannot be read with this key" in wrong.stderr
    assert not load_config(encrypted).encryption
    right = ciphered("encrypt", encrypted, "--key", f"file:{tmp_path / 'c.key'}")
    assert right.returncode == 0, right.stderr
    assert load_config(encrypted).encryption == f"file:{tmp_path / 'c.key'}"
    assert ciphered("status", encrypted).returncode == 0


def test_a_plain_store_is_refused_where_encryption_is_configured(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    assert dansync("init", folder, "--node-id", "c", "--tier", "commune").returncode == 0
    make_key(f"file:{tmp_path / 'k'}", "c")
    with (folder / "node.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'encryption = "file:{tmp_path / "k"}"\n')
    before = (folder / "store.db").read_bytes()
    for command in ("status", "run"):
        done = ciphered(command, folder)
        assert done.returncode in (3, 8)
    assert "plain file" in ciphered("status", folder).stderr
    assert (folder / "store.db").read_bytes() == before


def test_encryption_that_cannot_be_had_makes_no_plain_file(tmp_path: Path) -> None:
    done = dansync("init", tmp_path / "c", "--node-id", "c", "--tier", "x", "--encrypt", f"file:{tmp_path / 'k'}")
    assert done.returncode == 3 and "apsw-sqlite3mc" in done.stderr
    assert not (tmp_path / "c").exists() and not (tmp_path / "k").exists()


def test_a_flipped_bit_is_an_error_and_never_a_wrong_row(encrypted: Path) -> None:
    path = encrypted / "store.db"
    whole = path.read_bytes()
    told = 0
    for offset in range(4_096 + 100, len(whole) - 1, max(len(whole) // 12, 1)):
        spoilt = bytearray(whole)
        spoilt[offset] ^= 1
        path.write_bytes(bytes(spoilt))
        done = ciphered("log", encrypted, "--verify")
        told += done.returncode == 3
        assert done.returncode in (0, 3), done.stderr
    path.write_bytes(whole)
    assert told > 0
    assert ciphered("log", encrypted, "--verify").returncode == 0


def test_what_one_encrypted_store_records_another_applies(tmp_path: Path) -> None:
    script = (
        "import random, sys, pathlib, apsw\n"
        "assert apsw.mc_version\n"
        "from node.encryption import StoreKey\nfrom node.store import Store, Profile\nfrom node.clock import SystemClock\n"
        "from node.replay import Replay\nfrom node.ids import NodeId, Seq\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "def make(name, byte):\n"
        "    return Store.create(folder / name, Profile(NodeId(name), NodeId(''), 'x', '', '', name),"
        " clock=SystemClock(), source=random.Random(name), key=StoreKey(bytes([byte]) * 32))\n"
        "a, b = make('a', 1), make('b', 2)\n"
        "for n in range(300):\n"
        "    with a.capture(author='x', kind='register', recorded_at=n) as c:\n"
        "        c.connection.execute('INSERT INTO person (origin, id, full_name) VALUES (?,?,?)',"
        " (c.origin, a.new_row_id(n), f'Trần {n}'))\n"
        "origin = a.own_origin()\n"
        "with b.database.transaction() as connection:\n"
        "    r = Replay(connection, {})\n"
        "    r.apply(a.read_commits(origin, Seq(0), count=1000))\n"
        "print(r.quarantined, a.digest(origin) == b.digest(origin))\n"
    )
    assert python(script, tmp_path).split() == ["[]", "True"]


def test_a_plain_store_becomes_an_encrypted_one(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    assert ciphered("init", folder, "--node-id", "c", "--tier", "commune").returncode == 0
    assert ciphered("record", "person", folder, "--name", SECRET, "--sex", "F").returncode == 0
    before = json.loads(ciphered("status", folder, "--json").stdout)["own"]
    assert header_of(folder / "store.db") == PLAIN_HEADER
    done = ciphered("encrypt", folder, "--key", f"file:{tmp_path / 'k'}")
    assert done.returncode == 0, done.stderr
    assert load_config(folder).encryption == f"file:{tmp_path / 'k'}"
    assert json.loads(ciphered("status", folder, "--json").stdout)["own"] == before
    assert SECRET.encode() not in everything(folder)
    assert not [path for path in folder.iterdir() if "encrypting" in path.name], "nothing of the copy is left"
    again = ciphered("encrypt", folder, "--key", f"file:{tmp_path / 'k'}")
    assert again.returncode == 2 and "already" in again.stderr


def test_a_backup_of_an_encrypted_store_is_encrypted_and_can_be_restored(encrypted: Path, tmp_path: Path) -> None:
    backup = tmp_path / "b"
    made = ciphered("backup", encrypted, "--to", backup)
    assert made.returncode == 0, made.stderr
    assert "Without the key nobody can open it" in made.stdout and "c.key" in made.stdout
    assert header_of(backup) != PLAIN_HEADER and SECRET.encode() not in backup.read_bytes()
    assert ciphered("record", "person", encrypted, "--name", "Later", "--sex", "F").returncode == 0
    (encrypted / "store.db").write_bytes(b"noise" * 2_000)
    lost = ciphered("status", encrypted)
    assert lost.returncode == 3 and "damaged" in lost.stderr
    done = ciphered("restore", encrypted, "--from", backup, "--json")
    assert done.returncode == 0, done.stderr
    assert [(loss["from"], loss["to"]) for loss in json.loads(done.stdout)["missing"]] == [(3, 3)]
    assert [own["seq"] for own in json.loads(ciphered("status", encrypted, "--json").stdout)["own"]] == [2]
    assert SECRET.encode() not in everything(encrypted)
    sound = ciphered("scrub", encrypted, "--thorough")
    assert sound.returncode == 0, sound.stdout


def test_a_backup_of_another_key_of_no_key_or_with_a_flipped_bit_is_refused(encrypted: Path, tmp_path: Path) -> None:
    backup, plain = tmp_path / "b", tmp_path / "plain"
    assert ciphered("backup", encrypted, "--to", backup).returncode == 0
    whole = backup.read_bytes()
    for offset in range(4_096 + 100, len(whole), len(whole) // 5):
        spoilt = bytearray(whole)
        spoilt[offset] ^= 1
        backup.write_bytes(bytes(spoilt))
        done = ciphered("restore", encrypted, "--from", backup, "--dry-run")
        assert done.returncode == 3, offset
    backup.write_bytes(whole)
    key = tmp_path / "c.key"
    secret = key.read_text(encoding="ascii")
    key.write_text("00" * 32 + "\n", encoding="ascii")
    wrong = ciphered("restore", encrypted, "--from", backup)
    assert wrong.returncode == 3 and "cannot be read with this key" in wrong.stderr
    key.write_text(secret, encoding="ascii")
    other = tmp_path / "other"
    assert ciphered("init", other, "--node-id", "c", "--tier", "commune").returncode == 0
    assert ciphered("backup", other, "--to", plain).returncode == 0
    unencrypted = ciphered("restore", encrypted, "--from", plain)
    assert unencrypted.returncode == 3 and "is a plain file" in unencrypted.stderr
    assert "dansync encrypt" in unencrypted.stderr
    assert not list(encrypted.glob("aside-*")), "nothing was touched"
    assert ciphered("restore", encrypted, "--from", backup).returncode == 0


def test_a_page_of_an_encrypted_store_that_is_damaged_is_found_by_a_scrub(encrypted: Path) -> None:
    path = encrypted / "store.db"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
    done = ciphered("scrub", encrypted)
    assert done.returncode == 3 and "dansync restore" in done.stdout + done.stderr, done.stdout


def test_a_key_shows_in_no_text_and_has_its_length(tmp_path: Path) -> None:
    key = make_key(f"file:{tmp_path / 'k'}", "c")
    assert key.hex() not in repr(key) + str(key) + f"{key!r}"
    again = load_key(f"file:{tmp_path / 'k'}", "c")
    assert again is not None and again.hex() == key.hex()
    with pytest.raises(StoreError, match="32 bytes"):
        StoreKey(b"short")
    (tmp_path / "k").write_text("no key", encoding="ascii")
    with pytest.raises(StoreError, match="is no key"):
        load_key(f"file:{tmp_path / 'k'}", "c")
    assert not issubclass(StoreError, StoreDamaged)


def test_a_keyring_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="keyring"):
        load_key("keyring:dansync", str(tmp_path))
