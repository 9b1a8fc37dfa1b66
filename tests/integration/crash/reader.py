"""An independent reader of stores: a process of its own with Python's SQLite, read only, and nothing of the product.

Speaks lines of JSON. ``heads`` is cheap and asked often; ``all`` recomputes every chain and reads every row.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

GENESIS = bytes(32)
_SLOT = struct.Struct(">8s16sQ32s")
SLOT_BYTES = 128


def opened(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20, isolation_level=None)
    connection.execute("BEGIN")  # everything is seen at one moment
    return connection


def heads(path: str) -> dict[str, Any]:
    with closing(opened(path)) as db:
        return {
            "heads": {
                row[0].hex(): [row[1], row[2].hex()] for row in db.execute("SELECT origin, seq, hash FROM origin_head")
            },
            "own": [row[0].hex() for row in db.execute("SELECT origin FROM origin_head WHERE own = 1")],
            "letters": count(db, "letter WHERE state = ''"),
            "spooled": count(db, "spooled_commit"),
            "wanted": count(db, "row_wanted"),
            "held": count(db, "quarantine"),
            "acknowledged": [
                [peer, origin.hex(), seq, value.hex()]
                for peer, origin, seq, value in db.execute("SELECT peer, origin, seq, hash FROM acknowledged")
            ],
        }


def count(db: sqlite3.Connection, what: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


def everything(path: str, tables: list[str]) -> dict[str, Any]:
    """``ids``: per origin the ids that reports had where they came from, each as often as it stands there."""
    found = heads(path)
    with closing(opened(path)) as db:
        found["integrity"] = db.execute("PRAGMA integrity_check").fetchone()[0]
        found["commits"], found["faults"] = chains(db)
        found["aside"] = [row[0].hex() for row in db.execute("SELECT hash FROM side_commit")]
        found["alarms"] = [row[0] for row in db.execute("SELECT code FROM alarm ORDER BY id")]
        found["halted"] = {
            row[0].hex(): row[1] for row in db.execute("SELECT origin, halted FROM origin_head WHERE halted <> ''")
        }
        found["profiles"] = [
            [row[0].hex(), row[1], row[2]] for row in db.execute("SELECT origin, node_id, purpose FROM origin_profile")
        ]
        found["rows"] = {}
        found["ids"] = {}
        for table in tables:
            for row in db.execute(f"SELECT * FROM {table} ORDER BY origin, id"):
                found["rows"].setdefault(row[0].hex(), {}).setdefault(table, []).append(repr(row))
        for table in ("household", "person", "event"):
            for origin, name in db.execute(f"SELECT origin, source_id FROM {table} WHERE source_id <> ''"):
                found["ids"].setdefault(origin.hex(), []).append(f"{table} {name}")
    found["witnessed"] = witnessed(Path(f"{path}.witness"))
    return found


def chains(db: sqlite3.Connection) -> tuple[dict[str, list[str]], list[str]]:
    """The hashes of every origin in order, and what is wrong with them. Where a log was pruned, it begins with the
    commit of a snapshot, and stands "" for what came before.
    """
    commits: dict[str, list[str]] = {}
    faults: list[str] = []
    for origin, floor in db.execute("SELECT origin, floor FROM origin_head WHERE floor > 0"):
        row = db.execute("SELECT hash FROM snapshot WHERE origin = ? AND seq = ?", (origin, floor)).fetchone()
        if row is None:
            faults.append(f"the log of {origin.hex()} begins at {floor}, and no snapshot stands there")
        else:
            commits[origin.hex()] = [""] * (floor - 1) + [row[0].hex()]
    floors = {origin: len(hashes) for origin, hashes in commits.items()}
    for row in db.execute(
        "SELECT origin, seq, schema_version, recorded_at, author, kind, tag, changeset, hash FROM change_log ORDER BY origin, seq"
    ):
        origin, seq, value = row[0], row[1], row[8]
        known = commits.setdefault(origin.hex(), [])
        previous = bytes.fromhex(known[-1]) if known else GENESIS
        if seq <= floors.get(origin.hex(), 0):
            continue
        if seq != len(known) + 1:
            faults.append(f"commit {seq} of {origin.hex()} follows {len(known)}")
        if hash_of(previous, row) != value:
            faults.append(f"commit {seq} of {origin.hex()} does not follow from its content")
        known.append(value.hex())
    for origin, seq, value in db.execute("SELECT origin, seq, hash FROM origin_head"):
        known = commits.get(origin.hex(), [])
        if [seq, value.hex()] != [len(known), known[-1] if known else GENESIS.hex()]:
            faults.append(f"the head of {origin.hex()} is {seq}, its log ends at {len(known)}")
    return commits, faults


def hash_of(previous: bytes, row: tuple[Any, ...]) -> bytes:
    """As the rules of the chain have it (node/chain.py), written down once more."""
    origin, seq, version, recorded_at, author, kind, tag, changeset, _ = row
    content = struct.pack(">16sQIq", origin, seq, version, recorded_at)
    for part in (author.encode(), kind.encode(), tag.encode(), changeset):
        content += struct.pack(">I", len(part)) + part
    return hashlib.sha256(content + previous).digest()


def witnessed(path: Path) -> list[list[Any]]:
    content = path.read_bytes() if path.exists() else b""
    found = []
    for offset in range(0, len(content) - SLOT_BYTES + 1, SLOT_BYTES):
        body = content[offset : offset + _SLOT.size]
        check = content[offset + _SLOT.size : offset + _SLOT.size + 16]
        magic, origin, seq, value = _SLOT.unpack(body)
        if magic == b"DSNCWIT1" and hashlib.sha256(body).digest()[:16] == check:
            found.append([origin.hex(), seq, value.hex()])
    return found


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "heads":
            said = {name: heads(path) for name, path in request["paths"].items()}
        else:
            said = {name: everything(path, request["tables"]) for name, path in request["paths"].items()}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
