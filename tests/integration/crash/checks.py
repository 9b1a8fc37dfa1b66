"""What must hold after a kill, told from what the independent reader saw. Pure: looks in, complaints out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Look = dict[str, Any]
"""One store at one moment, as ``reader.everything`` tells it."""

PRUNED = ""  # in the place of a commit that a snapshot stands for


def honest(looks: Mapping[str, Look]) -> list[str]:
    """At any moment, also right after the kill: stores are sound, nobody was promised what is not there, and no witness
    leads.
    """
    found = []
    for name, look in looks.items():
        if look["integrity"] != "ok":
            found.append(f"{name}: {look['integrity']}")
        found += [f"{name}: {fault}" for fault in look["faults"]]
        for peer, origin, seq, value in look["acknowledged"]:
            above = looks.get(peer)
            if seq and above is not None and not _has(above, origin, seq, value):
                found.append(f"{peer} has acknowledged commit {seq} of {origin} to {name} and does not have it")
        for origin, seq, value in look["witnessed"]:
            newest = max(entry[1] for entry in look["witnessed"] if entry[0] == origin)
            if seq == newest and seq and not _has(look, origin, seq, value) and value not in look["aside"]:
                found.append(f"{name}: the witness knows commit {seq} of {origin}, the store does not")
    return found


def _has(look: Look, origin: str, seq: int, value: str) -> bool:
    commits = look["commits"].get(origin, [])
    return len(commits) >= seq and commits[seq - 1] in {value, PRUNED}


def _same_log(one: list[str], other: list[str]) -> bool:
    return len(one) == len(other) and all(a == b or PRUNED in {a, b} for a, b in zip(one, other, strict=True))


def kept(before: Mapping[str, Look], after: Mapping[str, Look]) -> list[str]:
    """Nothing that was on a disk is gone: it is in the log, or put aside."""
    found = []
    for name, look in before.items():
        if name not in after:
            continue
        there = {value for commits in after[name]["commits"].values() for value in commits} | set(after[name]["aside"])
        for origin, commits in look["commits"].items():
            lost = [
                seq
                for seq, value in enumerate(commits, 1)
                if value not in there and not _has(after[name], origin, seq, value) and value != PRUNED
            ]
            if lost:
                found.append(f"{name} has lost commits {lost} of {origin}")
    return found


def equal(looks: Mapping[str, Look], origin: str, nodes: Iterable[str]) -> list[str]:
    """The log and every table of an origin are the same at these nodes, of which the first is its holder."""
    holder, *others = nodes
    found = []
    for name in others:
        if not _same_log(looks[holder]["commits"].get(origin, []), looks[name]["commits"].get(origin, [])):
            found.append(f"the log of {origin} at {name} is not that of {holder}")
        ours, theirs = looks[holder]["rows"].get(origin, {}), looks[name]["rows"].get(origin, {})
        found += [
            f"{table} of {origin} at {name} is not that of {holder}"
            for table in sorted(ours.keys() | theirs.keys())
            if ours.get(table) != theirs.get(table)
        ]
    return found


def whole(look: Look, origin: str, expected: Iterable[str]) -> list[str]:
    """Every report is there once: nothing lost, nothing doubled."""
    there, wanted = Counter(look["ids"].get(origin, ())), set(expected)
    found = [f"{name} is there {count} times" for name, count in there.items() if count > 1]
    found += [f"{name} is lost" for name in sorted(wanted - there.keys())]
    found += [f"{name} is there, and nobody reported it" for name in sorted(there.keys() - wanted)]
    return found


def calm(before: Mapping[str, Look], after: Mapping[str, Look], allowed: Iterable[str]) -> list[str]:
    """A killed process is no reason for an alarm; ``allowed`` are those that the workload itself deserves."""
    found = []
    for name, look in after.items():
        known = len(before[name]["alarms"]) if name in before else 0
        new = set(look["alarms"][known:]) - set(allowed)
        found += [f"{name} has raised {code}" for code in sorted(new)]
        if look["held"]:
            found.append(f"{name} still holds {look['held']} rows back")
    return found
