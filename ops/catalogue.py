"""Brings the catalogues up to date with the source: ``python -m ops.catalogue`` (a tool of development; needs babel).

The template ``dansync.pot`` holds every message, ``dansync.po`` the translations, ``dansync.mo`` the same as the
program reads it. Dates and line numbers are left out, so that the files change only when a message does.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from ops.i18n import DOMAIN, LOCALE_FOLDER
from ops.messages import Message, collect

TEMPLATE: Final = LOCALE_FOLDER / f"{DOMAIN}.pot"
PLURAL_FORMS: Final = "nplurals=1; plural=0;"  # of Vietnamese
NO_DATE: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Babel writes the present minute into every file otherwise."""
_WIDTH: Final = 120
_HEADER: Final = "# Messages of dansync. Written by: python -m ops.catalogue\n#"


def po_path(language: str) -> Path:
    return LOCALE_FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read_catalogue(path: Path, language: str | None = None) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language)


def built(messages: Iterable[Message], language: str | None, known: Mapping[str, str]) -> Catalog:
    """A catalogue of all messages; ``known`` are the translations, by English text."""
    catalogue = Catalog(
        locale=language, domain=DOMAIN, project=DOMAIN, header_comment=_HEADER, fuzzy=False, charset="utf-8"
    )
    for message in messages:
        modules = sorted({place.partition(":")[0] for place in message.places})
        english: str | tuple[str, str] = (message.text, message.plural) if message.plural else message.text
        translation = known.get(message.text, "")
        catalogue.add(
            english,
            (translation,) if message.plural and language else None if message.plural else translation,
            auto_comments=(", ".join(modules),),
        )
    return catalogue


def translations(catalogue: Catalog) -> dict[str, str]:
    """English text (the singular, where there are two) to translation, what is not translated left out."""
    found: dict[str, str] = {}
    for message in catalogue:
        english = message.id if isinstance(message.id, str) else message.id[0]
        translation = message.string if isinstance(message.string, str) else (message.string or ("",))[0]
        if english and translation:
            found[english] = translation
    return found


def written(catalogue: Catalog) -> bytes:
    """The text of a .po or .pot file, without what changes by itself."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=_WIDTH, sort_output=True, ignore_obsolete=True, omit_header=False)
    lines = buffer.getvalue().decode().splitlines(keepends=True)
    volatile = ('"POT-Creation-Date', '"PO-Revision-Date', '"Generated-By', '"Last-Translator', '"Report-Msgid')
    return "".join(line for line in lines if not line.startswith(volatile)).encode()


def compiled(po: bytes, language: str) -> bytes:
    """The .mo file of a .po file."""
    catalogue = read_po(io.BytesIO(po), locale=language)
    catalogue.creation_date = catalogue.revision_date = NO_DATE
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def update(language: str, messages: list[Message]) -> list[str]:
    """Write template, translations and compiled file; returns what is not translated yet."""
    path = po_path(language)
    known = translations(read_catalogue(path, language)) if path.exists() else {}
    TEMPLATE.write_bytes(written(built(messages, None, {})))
    po = written(built(messages, language, known))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(po)
    path.with_suffix(".mo").write_bytes(compiled(po, language))
    return [message.text for message in messages if message.text not in known]


def main() -> int:
    """Exit code 1 as long as something is not translated."""
    missing = update("vi", collect())
    for text in missing:
        sys.stderr.write(f"not translated: {text!r}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
