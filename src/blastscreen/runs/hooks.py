"""What happens around a run, and in which order."""

import logging
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from blastscreen.runs.checks import check_images, check_parameters, check_run
from blastscreen.runs.explain import add_cause
from blastscreen.runs.log import RunLog
from blastscreen.runs.manifest import RunRecord
from blastscreen.runs.screen import RunScreen

logger = logging.getLogger(__name__)


class RunHooks:
    """Check a run before its first node, show and log what it does, and record what it was made of.

    Attributes:
        log: The file with everything that was logged.
        screen: Lines on the screen.
        run_params: Of the run that began last, as Kedro gives them.
        node: The step that began last.
    """

    def __init__(self) -> None:
        self.log = RunLog()
        self.screen = RunScreen()
        self.run_params: dict[str, Any] = {}
        self.node: Node | None = None
        self._saving: str | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters."""
        check_parameters(context)
        self._context = context

    @hook_impl
    def after_catalog_created(
        self, catalog: DataCatalog, conf_catalog: dict[str, Any], parameters: dict[str, Any]
    ) -> None:
        """Check where images come from, and begin the record of a run."""
        check_images(conf_catalog, parameters["parameters"])
        self._record = RunRecord(self._context, catalog)

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Check that this run can work; only then is there a log."""
        check_run(run_params, pipeline, catalog, self._context.params)
        self.run_params, self.node, self._saving = run_params, None, None
        self.log.open(catalog, run_params["run_id"])
        # how many steps have missing outputs is known to the runner only
        self.screen.begin(self.log.path, n_steps=None if run_params["only_missing_outputs"] else len(pipeline.nodes))

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Begin a step with the first of its inputs; one that has none, when it runs."""
        self.node, self._saving = node, None
        self.screen.begin_step(node.name)

    before_node_run = before_dataset_loaded

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: object) -> None:
        """Record what was read."""
        self._record.note_loaded(dataset_name, data)

    @hook_impl
    def before_dataset_saved(self, dataset_name: str) -> None:
        """Remember what is being saved."""
        self._saving = dataset_name

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Record what was written; a step ends with the last of its outputs."""
        self._record.saved.append(dataset_name)
        if set(node.outputs) <= set(self._record.saved):
            self.screen.end_step(node.name)

    @hook_impl
    def on_pipeline_error(self, error: Exception, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        """Record the failure; where that fails, too, the run's own error is the one to be read."""
        add_cause(error, node=self.node, entry=self._saving, catalog=catalog)
        try:
            self._record.save(run_params, outcome=f"failed: {type(error).__name__}")
        except Exception:
            logger.exception("The manifest of the failed run could not be saved.")
        self.log.close(error)
        self.screen.fail()

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Forget what only an interrupted run needs, record success, and end with a summary."""
        for name in sorted(pipeline.datasets()):
            if forget := getattr(catalog.get(name), "forget_unfinished", None):
                forget()
        try:
            self._record.save(run_params, outcome="finished")
        except Exception as error:
            add_cause(error, entry="run_manifest", catalog=catalog)
            raise
        self.log.close()
        self.screen.end(catalog, self._record.saved, log=self.log.path)
