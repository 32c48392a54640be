"""What lets an interrupted run go on: the command to type, and what is kept until a run ends well."""

import signal
import threading
from types import FrameType
from typing import Any, NoReturn

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node


class ResumeHint:
    """When Ctrl-C stops a training, say what to type to go on, and exit with 130."""

    def __init__(self) -> None:
        self._watching = False

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Remember what was typed."""
        self._run_params = run_params

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Listen to Ctrl-C while a node writes checkpoints, unless somebody else does."""
        model = next((name.removesuffix("_checkpoint") for name in node.inputs if name.endswith("_checkpoint")), None)
        in_main_thread = threading.current_thread() is threading.main_thread()
        if model and in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            from blastscreen.compute.environment import resume_command

            self._command = resume_command(self._run_params, model=model)
            self._watching = True
            signal.signal(signal.SIGINT, self._stop)

    @hook_impl
    def after_node_run(self) -> None:
        """Listen no more."""
        self._forget()

    @hook_impl
    def on_node_error(self) -> None:
        """Listen no more."""
        self._forget()

    def _forget(self) -> None:
        if self._watching:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._watching = False

    def _stop(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        from rich.console import Console

        self._forget()
        Console(stderr=True).print(
            f"\nTraining was interrupted. To go on from its last whole epoch, type:\n{self._command}",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
        raise SystemExit(128 + signal.SIGINT)


class ForgetUnfinished:
    """Empty the places where nodes keep what they have finished."""

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Forget what an interrupted run would have gone on from: this one has stored its results."""
        for name in sorted(pipeline.datasets()):
            forget = getattr(catalog.get(name), "forget_unfinished", None)
            if forget is not None:
                forget()
