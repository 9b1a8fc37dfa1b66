"""Broken variants of the product, made in the process that is to be broken: what the checks must notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

VARIANTS: Final[dict[str, Callable[[], None]]] = {}
