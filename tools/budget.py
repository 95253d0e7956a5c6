"""Compiles every kernel by itself, and prints what each costs: seconds of CPU, KB of code, MB of the compiler.

    python tools/budget.py [--isas baseline,avx2,avx512]

Needs cmake and ninja. The figures are those of CONTRIBUTING.md's table; nothing that is installed changes.
"""

import argparse
import json
import re
import resource
import shlex
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
KERNEL = re.compile(r"tilepool_kernels_([a-z0-9]+)_([a-z_]+)\.dir")


def cost(command: list[str], folder: str) -> tuple[float, int, float]:
    """Seconds, KB and MB of a compiler's call."""
    target = Path(folder) / command[command.index("-o") + 1]
    target.parent.mkdir(parents=True, exist_ok=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    timed = ["/usr/bin/env", "python3", "-c", MEASURED, *command]
    memory = int(subprocess.run(timed, cwd=folder, check=True, capture_output=True, text=True).stdout)
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    sizes = subprocess.run(["size", target], check=True, capture_output=True, text=True).stdout.split("\n")[1].split()
    return seconds, round((int(sizes[0]) + int(sizes[1])) / 1000), memory / 1000


MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--isas", default="baseline,avx2,avx512")
    isas = parser.parse_args().isas.split(",")
    parts: dict[str, dict[str, tuple[float, int, float]]] = defaultdict(dict)
    with tempfile.TemporaryDirectory() as folder:
        options = [f"-DTILEPOOL_ISAS={';'.join(isas)}", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", "-GNinja"]
        subprocess.run(["cmake", "-S", ROOT, "-B", folder, *options], check=True, capture_output=True)
        for entry in json.loads((Path(folder) / "compile_commands.json").read_text()):
            found = KERNEL.search(entry["command"])
            if found:
                parts[found[2]][found[1]] = cost(shlex.split(entry["command"]), folder)
    print("| part |" + "".join(f" {isa} |" for isa in isas))
    print("|---|" + "---|" * len(isas))
    for part, costs in sorted(parts.items()):
        cells = [costs.get(isa) for isa in isas]
        print(f"| `{part}` |" + "".join(f" {c[0]:.1f} s, {c[1]} KB |" if c else " - |" for c in cells))
    every = [cell for costs in parts.values() for cell in costs.values()]
    print(f"\n{sum(cell[0] for cell in every):.0f} s, {sum(cell[1] for cell in every)} KB; the largest compiler took")
    print(f"{max(cell[2] for cell in every):.0f} MB.")


if __name__ == "__main__":
    main()
