"""The rows that the benchmarks write: persons as a commune would register them, the same for every contestant."""

from __future__ import annotations

import random

import sqlalchemy as sa

from node.ids import OriginId, RowId
from node.schema import PERSON_COLUMNS, person, sql
from node.store import Store

GIVEN = (
    "An",
    "Bình",
    "Châu",
    "Dũng",
    "Giang",
    "Hạnh",
    "Khánh",
    "Linh",
    "Minh",
    "Ngọc",
    "Phúc",
    "Quân",
    "Sơn",
    "Thảo",
    "Vân",
    "Yến",
)
FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ")

COLUMNS = ("origin", "id", "source_id", "household_id", *PERSON_COLUMNS)
# Positional: the fastest binding, for raw as for us.
INSERT_PERSON = f"INSERT INTO person ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
UPDATE_PHONE = sql(
    sa.update(person)
    .where(person.c.origin == sa.bindparam("which_origin"), person.c.id == sa.bindparam("which_id"))
    .values(phone=sa.bindparam("new_phone"))
)

Row = tuple[str | bytes, ...]


def persons(store: Store, origin: OriginId, count: int, seed: int) -> list[Row]:
    """``count`` persons, about 3.6 a household."""
    source = random.Random(seed)
    result: list[Row] = []
    household: RowId | None = None
    for number in range(count):
        if household is None or source.random() < 1 / 3.6:
            household = store.new_row_id(1_700_000_000_000 + number)
        year = source.randrange(1935, 2024)
        male = source.random() < 0.5
        name = f"{source.choice(FAMILY)} {'Văn' if male else 'Thị'} {source.choice(GIVEN)}"
        values = {
            "full_name": name,
            "sex": "M" if male else "F",
            "birth_date": f"{year}-{source.randrange(1, 13):02d}-{source.randrange(1, 29):02d}",
            "personal_id": f"052{(0 if year < 2000 else 2) + (not male)}{year % 100:02d}{source.randrange(10**6):06d}",
            "old_card_id": "",
            "insurance_id": "",
            "ethnicity": "Kinh",
            "relationship": source.choice(("chủ hộ", "vợ", "con", "con", "mẹ")),
            "marital_status": source.choice(("single", "married")),
            "father_name": f"{source.choice(FAMILY)} Văn {source.choice(GIVEN)}",
            "mother_name": f"{source.choice(FAMILY)} Thị {source.choice(GIVEN)}",
            "phone": f"09{source.randrange(10**8):08d}" if source.random() < 0.6 else "",
            "residence": "permanent",
        }
        row_id = store.new_row_id(1_700_000_000_000 + number)
        result.append((origin, row_id, f"P{number:06d}", household, *(values[column] for column in PERSON_COLUMNS)))
    return result


def insert_captured(store: Store, rows: list[Row], *, a_commit: int) -> None:
    """Write rows through captures, ``a_commit`` rows each."""
    for start in range(0, len(rows), a_commit):
        with store.capture(author="bench", kind="import", recorded_at=store.clock.wall_ms(), tag="bench") as capture:
            capture.connection.executemany(INSERT_PERSON, rows[start : start + a_commit])


def update_captured(store: Store, rows: list[Row], count: int, seed: int) -> None:
    """``count`` commits that change one phone number each."""
    source = random.Random(seed)
    for _ in range(count):
        row = source.choice(rows)
        with store.capture(author="officer", kind="register", recorded_at=store.clock.wall_ms()) as capture:
            capture.connection.execute(
                UPDATE_PHONE,
                {"which_origin": row[0], "which_id": row[1], "new_phone": f"09{source.randrange(10**8):08d}"},
            )
