"""The demo: a small two-province tree as real processes, shown to a person in about a minute."""

from ops.demo.play import DemoOptions, DemoResult, DemoRow, run_demo

__all__ = ["DemoOptions", "DemoResult", "DemoRow", "run_demo"]
