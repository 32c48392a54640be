"""Record what a run was made of."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog

from blastscreen.runs.explain import describe_full_disk, find_full_disk
from blastscreen.runs.stored import identify_files

logger = logging.getLogger(__name__)


class RunManifest:
    """Save, beside the results, what the run was made of."""

    def __init__(self) -> None:
        self._load_versions: dict[str, str] = {}
        self._saved: set[str] = set()
        self._files: dict[str, str] = {}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember the project and its parameters."""
        self._context = context
        self._started = datetime.now(UTC)

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog) -> None:
        """Remember the catalog, to ask it for versions."""
        self._catalog = catalog
        self._load_versions = {}
        self._saved = set()
        self._files = {}

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: object) -> None:
        """Note the version that was read; of incoming files, a hash that changes with them."""
        files = None if dataset_name in self._files else identify_files(data)
        if files:
            self._files[dataset_name] = files
        resolve = getattr(self._catalog[dataset_name], "resolve_load_version", None)
        version = resolve() if resolve else None
        if version:
            self._load_versions[dataset_name] = version

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Note what was written."""
        self._saved.add(dataset_name)

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Save the manifest of a finished run."""
        try:
            self._save(run_params, outcome="finished")
        except Exception as error:
            if fault := find_full_disk(error):
                error.add_note(describe_full_disk(fault, "run_manifest", self._catalog))
            raise

    @hook_impl
    def on_pipeline_error(self, error: Exception, run_params: dict[str, Any]) -> None:
        """Save the manifest of a failed run; where that fails, too, the run's own error is the one to be read."""
        try:
            self._save(run_params, outcome=f"failed: {type(error).__name__}")
        except Exception:
            logger.exception("The manifest of the failed run could not be saved.")

    def _save(self, run_params: dict[str, Any], *, outcome: str) -> None:
        from blastscreen.compute.environment import describe_environment
        from blastscreen.redaction import redact

        manifest = {
            "run_id": run_params["run_id"],
            "outcome": outcome,
            "started": self._started.isoformat(timespec="seconds"),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": run_params["env"] or "local",
            "pipelines": run_params["pipeline_names"] or ["__default__"],
            "runtime_parameters": redact(run_params["runtime_params"]),
            "parameters": redact(self._context.params),
            "files": self._files,
            "load_versions": dict(sorted(self._load_versions.items())),
            "save_version": run_params["run_id"],
            "saved": sorted(self._saved),
        }
        self._catalog.save("run_manifest", manifest | describe_environment(Path(self._context.project_path)))
