"""The commands of this project: Kedro's `run`, with `--params` as `blastscreen.runs.typed` reads it."""

import copy

import click
from kedro.framework.cli.project import run as kedro_run

from blastscreen.runs.typed import split_params

run = copy.copy(kedro_run)
run.params = [copy.copy(option) for option in kedro_run.params]
next(option for option in run.params if option.name == "params").callback = split_params


@click.group(name="blastscreen")
def cli() -> None:
    """Commands that replace Kedro's own."""


cli.add_command(run)
