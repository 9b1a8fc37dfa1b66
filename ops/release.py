"""Which release this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _release() -> str:
    try:
        return version("dansync")
    except PackageNotFoundError:  # run from a tree that is not installed
        return "0+unknown"


RELEASE = _release()
