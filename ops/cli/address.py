"""Network addresses on the command line."""

from __future__ import annotations

from typing import Any

import rich_click as click

from ops.i18n import _


class Address(click.ParamType[str]):
    """host:port."""

    name = "host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        host, _colon, port = text.rpartition(":")
        if text and (not host or not port.isdecimal() or int(port) > 65_535):
            self.fail(_("{value} is no address of the form host:port.").format(value=text), param, ctx)
        return text
