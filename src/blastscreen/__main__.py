"""Run an installed package: `blastscreen` and `python -m blastscreen` take the options of `kedro run`."""

import logging
from typing import Any


def main() -> Any:
    """Run as `kedro run` does, with the current folder as the project's."""
    # outside a project, Kedro tells on import by which settings of its own it logs
    logging.disable(logging.INFO)
    from kedro.framework.cli.utils import find_run_command
    from kedro.framework.project import configure_project

    logging.disable(logging.NOTSET)
    package = "blastscreen"
    configure_project(package)
    return find_run_command(package)(prog_name=package)


if __name__ == "__main__":
    main()
