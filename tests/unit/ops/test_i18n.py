from __future__ import annotations

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import i18n
from ops.catalogue import TEMPLATE, built, compiled, po_path, read_catalogue, translations, written
from ops.i18n import translated, use, wanted_language
from ops.messages import Message, collect
from tests.unit.ops.cli.command_line import commune, dansync

MESSAGES = collect()
UPDATE = "bring the catalogues up to date with: python -m ops.catalogue"
SHAPE = re.compile(r"\{\d+\}")


@pytest.fixture(autouse=True)
def _english_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LANGUAGE", "en")
    yield
    use("en")


def placeholders(text: str) -> list[str]:
    if "{" not in text:
        return []
    return sorted(
        {f"{name}!{conversion}" for _, name, _, conversion in string.Formatter().parse(text) if name is not None}
    )


def test_every_message_has_a_vietnamese_translation() -> None:
    known = translations(read_catalogue(po_path("vi"), "vi"))
    assert [message.text for message in MESSAGES if not known.get(message.text)] == [], UPDATE


def test_no_translation_has_lost_its_message() -> None:
    known = translations(read_catalogue(po_path("vi"), "vi"))
    assert set(known) <= {message.text for message in MESSAGES}, UPDATE


def test_translations_have_the_same_values_as_their_messages() -> None:
    known = translations(read_catalogue(po_path("vi"), "vi"))
    for message in MESSAGES:
        if message.plural:  # Vietnamese has one form: that of many
            allowed = (placeholders(message.text), placeholders(message.plural))
            assert placeholders(known[message.text]) in allowed, message
        elif known.get(message.text):
            assert placeholders(known[message.text]) == placeholders(message.text), message


def test_translations_begin_and_end_like_their_messages() -> None:
    known = translations(read_catalogue(po_path("vi"), "vi"))
    for message in MESSAGES:
        text, translation = message.text, known.get(message.text, message.text)
        assert text[:1].isspace() == translation[:1].isspace() and text[-1:].isspace() == translation[-1:].isspace()
        assert text.endswith(".") == translation.endswith("."), message.text
        assert text.count("\n") == translation.count("\n"), message.text


def test_translations_are_written_in_composed_letters() -> None:
    for text in translations(read_catalogue(po_path("vi"), "vi")).values():
        assert not re.search("[\u0300-\u036f]", text), text


def test_the_files_are_what_the_source_makes_of_them() -> None:
    path = po_path("vi")
    known = translations(read_catalogue(path, "vi"))
    assert TEMPLATE.read_bytes() == written(built(MESSAGES, None, {})), UPDATE
    assert path.read_bytes() == written(built(MESSAGES, "vi", known)), UPDATE


def test_the_compiled_file_is_in_step_with_the_translations() -> None:
    path = po_path("vi")
    assert path.with_suffix(".mo").read_bytes() == compiled(path.read_bytes(), "vi"), UPDATE


@pytest.mark.parametrize("message", [m for m in MESSAGES if SHAPE.search(m.text)], ids=lambda m: m.text[:60])
def test_a_finished_sentence_is_recognised_by_its_shape(message: Message) -> None:
    use("vi")
    values = iter(["17", "'a b'", "x.csv", "9", "10", "11"])
    given: dict[str, str] = {}
    sentence = SHAPE.sub(lambda found: given.setdefault(found.group(), next(values)), message.text)
    expected = SHAPE.sub(lambda found: given[found.group()], i18n._(message.text))
    assert translated(sentence) == expected


def test_a_sentence_of_unknown_shape_stays_english() -> None:
    use("vi")
    assert translated("Nobody has ever written this.") == "Nobody has ever written this."


def test_a_value_that_is_a_message_is_translated_too() -> None:
    use("vi")
    assert translated("The person 'P1' is not known here.") == "Người này 'P1' không có trong sổ ở đây."
    assert translated("The parent at h:1 did not take everything: link_lost the link to the parent was cut") == (
        "Cấp trên tại h:1 chưa nhận hết mọi thứ: link_lost đường nối tới cấp trên bị cắt"
    )
    assert translated("is none of M, F or empty") == "không thuộc M, F hoặc để trống"


def test_english_is_left_alone() -> None:
    use("en")
    assert translated("There is no store at x.") == "There is no store at x."


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, "en"),
        ([], {"LANG": "vi_VN.UTF-8"}, "vi"),
        ([], {"LANG": "C.UTF-8"}, "en"),
        ([], {"LANG": "fr_FR"}, "en"),
        ([], {"LC_ALL": "vi", "LANG": "en_US"}, "vi"),
        ([], {"LC_MESSAGES": "vi_VN", "LANG": "en_US"}, "vi"),
        ([], {"LC_ALL": "", "LANG": "vi"}, "vi"),
        ([], {"DANSYNC_LANG": "en", "LC_ALL": "vi_VN"}, "en"),
        (["--lang", "vi"], {"DANSYNC_LANG": "en"}, "vi"),
        (["status", "--lang=vi"], {}, "vi"),
        (["--", "--lang", "vi"], {}, "en"),
        (["--lang"], {"LANG": "vi"}, "vi"),
    ],
)
def test_the_language_is_what_was_asked_for(arguments: list[str], environment: dict[str, str], expected: str) -> None:
    assert wanted_language(arguments, environment) == expected


def test_help_errors_and_results_speak_vietnamese(tmp_path: Path) -> None:
    folder = commune(tmp_path / "n")
    assert "Nhật ký riêng" in dansync("status", folder, language="vi").stdout
    assert "Tùy chọn" in dansync("status", "--help", "--lang", "vi").stdout
    assert dansync("status", tmp_path, language="vi").stderr == (
        f"Lỗi: Không có nút nào trong {tmp_path} (thiếu node.toml).\nCần làm: Hãy tạo bằng lệnh: dansync init\n"
    )
    assert "Thiếu tham số" in dansync("status", language="vi").stderr


def test_the_language_of_one_call_does_not_stay_for_the_next() -> None:
    dansync("init", "--help", language="vi")
    assert "Make a node" in dansync("init", "--help", language="en").stdout


def test_json_speaks_the_same_keys_in_every_language(tmp_path: Path) -> None:
    folder = commune(tmp_path)
    spoken = dansync("log", folder, "--json", language="vi").stdout
    assert spoken == dansync("log", folder, "--json", language="en").stdout
