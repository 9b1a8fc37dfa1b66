"""Generates the protobuf code (``*_pb2.py``, ``*_pb2.pyi``, ``*_pb2_grpc.py``) beside every ``.proto`` file below.

``python proto/generate.py`` writes; ``python proto/generate.py --check`` generates into a temporary folder, compares,
and ends with 1 if the committed code differs, lacks a file or holds one whose ``.proto`` is gone. The compiler is the
locked grpcio-tools: no network, no protoc on the machine. This folder is a source root, so
``dansync/sync/v1/sync.proto`` becomes ``import dansync.sync.v1.sync_pb2``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
GENERATED_SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")


def proto_files() -> list[str]:
    """The ``.proto`` files below this folder, as paths relative to it, sorted so that every run is the same."""
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.proto"))


def expected_names(protos: list[str]) -> set[str]:
    """The relative paths of all the files that belong beside ``protos``."""
    return {proto.removesuffix(".proto") + suffix for proto in protos for suffix in GENERATED_SUFFIXES}


def present_names() -> set[str]:
    """The relative paths of the generated files that exist now."""
    return {
        path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*_pb2*.py*") if path.name.endswith(GENERATED_SUFFIXES)
    }


def generate_into(out: Path, protos: list[str]) -> None:
    """Run the compiler; raises ``CalledProcessError`` after it has printed what is wrong with a file."""
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={ROOT}"]
    command += [f"--{plugin}_out={out}" for plugin in ("python", "pyi", "grpc_python")]
    subprocess.run([*command, *protos], check=True, cwd=ROOT)


def differences(protos: list[str]) -> list[str]:
    """One line for every generated file that is missing, stale or left over."""
    expected, present = expected_names(protos), present_names()
    found = [f"missing: {name}" for name in sorted(expected - present)]
    found += [f"left over: {name}" for name in sorted(present - expected)]
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate_into(fresh, protos)
        found += [
            f"stale: {name}"
            for name in sorted(expected & present)
            # Text, not bytes: a checkout on Windows may have other line ends.
            if (fresh / name).read_text(encoding="utf-8") != (ROOT / name).read_text(encoding="utf-8")
        ]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate the protobuf code beside the .proto files.")
    parser.add_argument("--check", action="store_true", help="change nothing, end with 1 if the code is not up to date")
    arguments = parser.parse_args()
    protos = proto_files()
    if not protos:
        print(f"there is no .proto file in {ROOT.name}/", file=sys.stderr)
        return 1
    if arguments.check:
        found = differences(protos)
        for line in found:
            print(line, file=sys.stderr)
        if found:
            print("run 'make proto' and commit the result", file=sys.stderr)
        return 1 if found else 0
    for name in sorted(present_names() - expected_names(protos)):
        (ROOT / name).unlink()
    generate_into(ROOT, protos)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
