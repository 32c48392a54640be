"""Refuse, before its first node, a run that cannot work or would do something else than was asked for."""

import difflib
import logging
from importlib.util import find_spec
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import AbstractDataset, AbstractVersionedDataset, DataCatalog, MemoryDataset
from kedro.io.core import Version, is_parameter
from kedro.pipeline import Pipeline

from blastscreen.refusal import Refusal

logger = logging.getLogger(__name__)

RUN_ONLY_PARAMETERS = frozenset({"images", "labels", "external_images", "external_labels", "seed"})
"""Runtime parameters that conf reads by itself: no node takes them."""


class RunRefused(Refusal):
    """The run was stopped before its first node."""


class CheckRun:
    """Refuse runs that would do something else than was asked for."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse a misspelled runtime parameter, which Kedro would silently add beside the right one."""
        self._context = context
        known = RUN_ONLY_PARAMETERS | {
            name.removeprefix("params:").split(".")[0]
            for pipeline in pipelines.values()
            for name in pipeline.inputs()
            if name.startswith("params:")
        }
        for name in context._runtime_params or {}:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(sorted(known))}."
                raise RunRefused(f"Unknown parameter '{name}' in --params. {hint}")

    @hook_impl
    def after_catalog_created(self, conf_catalog: dict[str, Any], parameters: dict[str, Any]) -> None:
        """Refuse `images=` and `labels=` where the catalog does not read a folder, or no sheet with it."""
        for name, key in (("images", "path"), ("labels", "labels")):
            given = parameters["parameters"].get(name)
            if given is not None and key not in conf_catalog["raw_cells"]:
                raise RunRefused(
                    f"--params={name}={given} has no effect in this environment, whose raw_cells has no '{key}'. Add "
                    "--env=cnmc (leak-free protocol) or --env=paper (the paper's protocol) to read a folder of images."
                )

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Refuse ParallelRunner, whose workers read the versions of earlier runs, and inputs that are not there."""
        if "ParallelRunner" in run_params["runner"]:
            raise RunRefused(
                "ParallelRunner is not supported: its processes do not see the versions that this run saves, and would "
                "evaluate an older model without a word. Leave --runner out; work is spread over all cores inside the "
                "nodes (--params=compute.n_jobs=4 sets how many)."
            )
        if "params:cnn" in pipeline.inputs() and find_spec("tensorflow") is None:
            raise RunRefused(
                "This run needs the network, and TensorFlow is not installed. Install it: pip install "
                "'blastscreen[cnn]' (in a clone: pip install -e '.[cnn]'). The forest runs without it: "
                "kedro run --pipeline=rf"
            )
        inputs = {name: catalog[name] for name in sorted(pipeline.inputs()) if not is_parameter(name)}
        if "external_cells" in inputs and not inputs["external_cells"].exists():
            folder = inputs["external_cells"]._describe().get("path")
            raise RunRefused(
                f"There is no folder '{folder}'. Add --params=external_images=<folder>, and the --env that "
                "the models were trained in: kedro run --pipelines=predict --params=external_images=<folder>"
            )
        _require_stored(inputs)
        _warn_of_mixed_versions(inputs)
        if any(name.endswith("_model") for name in inputs):
            _require_same_settings(inputs, pipeline, catalog, self._context.params)


def _require_same_settings(
    inputs: dict[str, AbstractDataset[Any, Any]], pipeline: Pipeline, catalog: DataCatalog, parameters: dict[str, Any]
) -> None:
    """Refuse to show a stored model cells that are made otherwise than those it learned from."""
    from blastscreen.manifest import compare_settings

    blocks = [name for name in ("preprocessing", "features") if f"params:{name}" in pipeline.inputs()]
    manifests: Any = catalog["run_manifest"]
    for name, model in inputs.items():
        if not name.endswith("_model") or not isinstance(model, AbstractVersionedDataset):
            continue
        version = model.resolve_load_version()
        if version not in manifests.list_versions(full_path=False):
            logger.warning("The run that made %s of %s left no manifest: its settings are unknown.", name, version)
            continue
        made = manifests._copy(_version=Version(version, None)).load()
        different = compare_settings(made["parameters"], parameters, blocks=blocks)
        if different:
            raise RunRefused(
                f"{name} of {version} learned from cells made with other settings: {'; '.join(different)}. "
                "Give the same settings, or train again."
            )


def _require_stored(inputs: dict[str, AbstractDataset[Any, Any]]) -> None:
    results = (AbstractVersionedDataset, MemoryDataset)
    missing = {
        name: dataset for name, dataset in inputs.items() if isinstance(dataset, results) and not dataset.exists()
    }
    if missing:
        texts = [f"{name} ({_tell_versions(dataset)})" for name, dataset in missing.items()]
        raise RunRefused(
            f"This run starts from results that are not there: {', '.join(texts)}. Run the pipeline that makes them "
            "first, in the same --env, or include it: `kedro run` runs all of them."
        )


def _tell_versions(dataset: AbstractDataset[Any, Any]) -> str:
    if not isinstance(dataset, AbstractVersionedDataset):
        return "kept in memory, during one run only"
    versions = dataset.list_versions(full_path=False)
    return f"stored versions: {', '.join(versions)}" if versions else "no stored version"


def _warn_of_mixed_versions(inputs: dict[str, AbstractDataset[Any, Any]]) -> None:
    versions = {
        name: dataset.resolve_load_version()
        for name, dataset in inputs.items()
        if isinstance(dataset, AbstractVersionedDataset)
    }
    if len(set(versions.values())) > 1:
        texts = ", ".join(f"{name} of {version}" for name, version in versions.items())
        logger.warning(
            "This run reads results of different runs: %s. Name the ones you mean with --load-versions, or run the "
            "pipelines that made them again together.",
            texts,
        )
