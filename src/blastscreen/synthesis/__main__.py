"""Command line: write drawn cells into a folder, `python -m blastscreen.synthesis --out DIR`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from blastscreen.cohort.names import CNMC_2019
from blastscreen.synthesis.drawing import write_cells
from blastscreen.synthesis.plan import plan_cohort, plan_sample


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the tree that the command line asks for, and say what was written."""
    parser = argparse.ArgumentParser(
        prog="python -m blastscreen.synthesis",
        description="Draw cells that look like those of C-NMC 2019 into a folder tree of its layout.",
    )
    parser.add_argument("--out", type=Path, required=True, help="new or empty folder that will hold fold_0 and so on")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--cnmc", action="store_true", help="as many images and subjects per fold as C-NMC 2019")
    size.add_argument("--cells", type=int, default=480, help="images of a sample with awkward ones (default: 480)")
    parser.add_argument("--subjects", type=int, default=24, help="subjects of the sample (default: 24)")
    parser.add_argument("--distinct", type=int, help="draw only this many cells per label and vary their position")
    parser.add_argument("--seed", type=int, default=42, help="fixes every pixel (default: 42)")
    options = parser.parse_args(arguments)
    try:
        if options.cnmc:
            plans = plan_cohort(CNMC_2019, seed=options.seed)
        else:
            plans = plan_sample(n_cells=options.cells, n_subjects=options.subjects, seed=options.seed)
        write_cells(options.out, plans, seed=options.seed, distinct=options.distinct)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    subjects = len({plan.subject_id for plan in plans})
    message = f"Wrote {len(plans):,} drawn cells of {subjects} subjects to {options.out}: generated, not patient data."
    Console(soft_wrap=True, highlight=False, markup=False).print(message)


if __name__ == "__main__":
    main()
