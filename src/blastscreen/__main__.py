"""Run an installed package: `blastscreen` and `python -m blastscreen` take the options of `kedro run`."""

from typing import Any

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main() -> Any:
    """Run as `kedro run` does, with the current folder as the project's."""
    package = "blastscreen"
    configure_project(package)
    return find_run_command(package)(prog_name=package)


if __name__ == "__main__":
    main()
