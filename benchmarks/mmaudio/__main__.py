"""Compare MMAudio's networks with numbers and manifests of another implementation, or measure them."""

import argparse
import os
import sys
from pathlib import Path

# Threads that wait must not spin: what is measured beside them would look slow.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from v2a.cards import PRECISIONS
from v2a.errors import V2AError

SHARED = Path(__file__).parents[3] / "shared" / "fixtures" / "mmaudio"


def main(arguments: list[str] | None = None) -> int:
    """0 where everything is as wanted, 1 where something is missed, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mmaudio", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    parity = commands.add_parser("parity", help="every fixture file of a folder: largest absolute and relative errors")
    parity.add_argument("folder", type=Path, metavar="DIR")
    manifest = commands.add_parser("manifest", help="keys and shapes of all published configurations")
    manifest.add_argument("--manifests", type=Path, default=SHARED, help="folder of manifest.json, manifest_aux.json")
    speed = commands.add_parser("speed", help="seconds of each stage with random weights, against the machine's floor")
    speed.add_argument("--variant", default="small_16k")
    speed.add_argument("--device", default="cpu")
    speed.add_argument("--dtype", default="auto", choices=PRECISIONS)
    speed.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    memory = commands.add_parser("memory", help="the most memory in each stage, with files of full size, on a CPU")
    memory.add_argument("--variant", default="large_44k_v2")
    memory.add_argument("--dtype", default="bfloat16", choices=[name for name in PRECISIONS if name != "auto"])
    memory.add_argument("--room", type=float, metavar="GB", help="as if so much were free (default: enough for all)")
    commands.add_parser("solvers", help="error of solvers and steps of time, on flows that need no published weights")
    commands.add_parser("training-memory", help="what fine-tuning needs, computed from shapes")
    options = parser.parse_args(arguments)
    try:
        if options.command == "parity":
            from benchmarks.mmaudio.parity import run

            return run(options.folder)
        if options.command == "manifest":
            from benchmarks.mmaudio.manifest import run as compare

            return compare(options.manifests)
        if options.command == "speed":
            from benchmarks.mmaudio.speed import run as measure

            return measure(options.variant, options.device, options.dtype, as_json=options.json)
        if options.command == "memory":
            from benchmarks.mmaudio.memory import run as weigh

            return weigh(options.variant, options.dtype, options.room)
        if options.command == "training-memory":
            from benchmarks.mmaudio.training_memory import run as compute

            return compute()
        from benchmarks.mmaudio.solvers import run as solve

        return solve()
    except V2AError as error:
        print(error, file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
