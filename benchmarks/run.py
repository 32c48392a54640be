"""All benchmarks, one after the other: a table of ratios with their spread, and the same as JSON.

    make bench

Every ratio compares two things that took turns in the same process or minute, so it says more than seconds do; where
the machine is noisy the spread shows it.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from json import loads
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from timing import describe_machine, write_json

HERE = Path(__file__).parent
BENCHMARKS = ("features", "pipelines", "cnn_throughput")
"""Each a script of its own, in a process of its own: threads and memory of one do not touch the next."""


def run(name: str, *, tiny: bool) -> dict[str, Any]:
    """Run one benchmark and give what it wrote."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "results.json"
        options = ["--tiny"] if tiny else []
        subprocess.run([sys.executable, str(HERE / f"{name}.py"), f"--out={out}", *options], check=True, cwd=HERE)
        return dict(loads(out.read_text()))


def find_ratios(results: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, float]]]:
    """Give every ratio in nested results, with its place."""
    if isinstance(results, dict):
        if {"ratio", "low", "high"} <= results.keys():
            yield " / ".join(path), results
        else:
            for key, value in results.items():
                yield from find_ratios(value, (*path, key))


def format_table(results: dict[str, Any]) -> str:
    """Spell out every ratio with its spread, a line each."""
    rows = list(find_ratios(results))
    width = max(len(place) for place, _ in rows)
    lines = [f"{place:{width}} {row['ratio']:8.2f} {row['low']:8.2f} - {row['high']:.2f}" for place, row in rows]
    return "\n".join([f"{'':{width}} {'ratio':>8} {'rounds':>8}", *lines])


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run all, print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--tiny", action="store_true", help="shows that everything runs; figures mean nothing")
    options = parser.parse_args(argv)
    results = {name: run(name, tiny=options.tiny) for name in BENCHMARKS}
    print(f"\n{format_table(results)}")
    write_json(options.out, {"machine": describe_machine(), **results})
    return results


if __name__ == "__main__":
    main()
