"""Run a measurement: python -m benchmarks.serving NAME [--scale S]. Prints a table as Markdown."""

import argparse
import os
import platform
import sys
import time
from importlib import import_module

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

NAMES = (
    "kills", "overload", "watchers", "cancel", "peers", "drain", "start", "upload",
    "reroll", "eight", "hour", "batching", "faults",
)  # fmt: skip


def main() -> int:
    """0 where everything is as wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size (default: 1, the full size)")
    options = parser.parse_args()
    module = import_module(f"benchmarks.serving.{options.name}")
    print(f"## {options.name}\n\n{(module.__doc__ or '').splitlines()[0]}\n", flush=True)
    print(f"Scale {options.scale:g}, {time.strftime('%Y-%m-%d')}, {machine()}.\n", flush=True)
    print("| what | seen | wanted | |\n|---|---|---|---|", flush=True)
    began_s, missed = time.perf_counter(), 0
    for figure in module.figures(options.scale):
        missed += not figure.met
        mark = ("met" if figure.met else "**missed**") if figure.wanted else ""
        print(f"| {figure.what} | {figure.seen} | {figure.wanted} | {mark} |", flush=True)
    print(f"\n{time.perf_counter() - began_s:.0f} s in all; load at the end {os.getloadavg()[0]:.1f}.\n", flush=True)
    return min(missed, 1)


def machine() -> str:
    """What it was measured on."""
    names = [line for line in _cpuinfo() if line.startswith("model name")]
    processor = names[0].split(":", 1)[1].strip() if names else platform.machine()
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


def _cpuinfo() -> list[str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            return file.read().splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
