"""The commands of this project: Kedro's `run`, with a screen that shows what a user needs and nothing else."""

import copy
import faulthandler
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines, settings
from kedro.logging import RichHandler
from kedro.utils import find_kedro_project
from rich.console import Console
from rich.text import Text

from blastscreen.runs.explain import advise_after_ctrl_c, explain
from blastscreen.runs.screen import Warnings, shorten
from blastscreen.runs.user_input import split_params, suggest
from blastscreen.settings import RUN
from blastscreen.vocabulary import Refusal


class Run(click.Command):
    """Kedro's `run`, whose every error of the user's ends with the same exit status."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.exit_code = 1  # type: ignore[misc]
            raise


def _run(*, verbose: bool, **options: Any) -> Any:
    if options["pipeline"] and not options["pipelines"]:
        # Kedro takes this spelling, too, with a warning that it is the older one
        options |= {"pipeline": None, "pipelines": [options["pipeline"]]}
    with _clear_screen(verbose=verbose):
        try:
            _require_known(options)
            return kedro_run.callback(**options)  # type: ignore[misc]
        except KeyboardInterrupt:
            RUN.screen.close()
            _print_error(f"\n{advise_after_ctrl_c(RUN.run_params, RUN.node)}")
            raise SystemExit(130) from None
        except Exception as error:
            RUN.screen.close()
            text = None if verbose else _explain(error)
            if text is None:
                sys.excepthook(type(error), error, error.__traceback__)
                text = "" if verbose else "This is a fault of blastscreen, not yours: report it with this log."
            # the cause comes last, where people look
            _print_error(f"The whole log: {shorten(RUN.log.path)}" if RUN.log.path else "", text)
            raise SystemExit(1) from error


def _read_options() -> Iterator[click.Parameter]:
    """Copy Kedro's options, with `--params` read in our way."""
    for option in map(copy.copy, kedro_run.params):
        if option.name == "params":
            option.callback = split_params
        yield option
    yield click.Option(
        ["--verbose", "-v"],
        is_flag=True,
        envvar="BLASTSCREEN_VERBOSE",
        help="Show what Kedro and libraries log, and the traceback of every error.",
    )


run = Run(name="run", help=kedro_run.help, callback=_run, params=list(_read_options()))


@click.group(name="blastscreen", commands=[run])
def cli() -> None:
    """Commands that replace Kedro's own."""


@contextmanager
def _clear_screen(*, verbose: bool) -> Iterator[None]:
    """Show warnings of ours only; everything goes to the log, what TensorFlow writes past Python included."""
    root = logging.getLogger()
    logging.captureWarnings(True)
    if verbose:
        for handler in root.handlers:
            if isinstance(handler, RichHandler):
                handler.setLevel(logging.INFO)
        yield
        return
    usual, screen = sys.stderr, os.dup(2)
    handlers, root.handlers = root.handlers, [Warnings()]
    RUN.log.remember()
    crashes = not faulthandler.is_enabled()
    if crashes:
        # what a library says when it crashes is in the log only
        faulthandler.enable(screen, all_threads=False)
    with os.fdopen(screen, "w", buffering=1, encoding=usual.encoding, errors="backslashreplace") as sys.stderr:
        try:
            yield
        finally:
            RUN.screen.close()
            RUN.log.close()
            os.dup2(screen, 2)
            if crashes:
                faulthandler.disable()
            sys.stderr, root.handlers = usual, handlers


def _explain(error: Exception) -> str | None:
    if isinstance(error, click.ClickException):
        return error.format_message()
    return explain(error) or (str(error) if RUN.log.path is None and _is_of_kedro(error) else None)


def _is_of_kedro(error: BaseException) -> bool:
    """Check whether Kedro itself, or what it reads conf with, has stopped the run before it began."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).startswith(("kedro.", "omegaconf", "yaml"))


def _require_known(options: dict[str, Any]) -> None:
    """Refuse names that nothing has, with the nearest that something has."""
    conf = Path(options["conf_source"] or (find_kedro_project(Path.cwd()) or Path.cwd()) / settings.CONF_SOURCE)
    env = options["env"] or os.environ.get("KEDRO_ENV")
    if not options["conf_source"] and not conf.is_dir():
        raise Refusal(
            f"There is no folder '{conf}'. Type this in a clone of blastscreen, or name the folder or archive of conf: "
            "--conf-source=<path>"
        )
    # an archive of conf is left to Kedro
    if env and conf.is_dir():
        _require_one_of("environment", [env], {folder.name for folder in conf.iterdir() if folder.is_dir()})
    _require_one_of("pipeline", options["pipelines"], pipelines)
    chosen = [pipelines[name] for name in options["pipelines"] or ["__default__"]]
    nodes = [node for pipeline in chosen for node in pipeline.nodes]
    for option in ("node_names", "from_nodes", "to_nodes"):
        _require_one_of("node", options[option], {node.name for node in nodes})
    _require_one_of("tag", options["tags"], {tag for node in nodes for tag in node.tags})
    for option in ("from_inputs", "to_outputs", "load_versions"):
        _require_one_of("entry", options[option] or (), {name for one in chosen for name in one.datasets()})


def _require_one_of(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    existing = set(known)
    for name in names:
        if name not in existing:
            raise Refusal(f"There is no {kind} '{name}'. {suggest(name, existing)}")


def _print_error(*lines: str) -> None:
    Console(stderr=True).print(Text("\n".join(filter(None, lines))), soft_wrap=True)
