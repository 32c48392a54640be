"""Refuse, before its first node, a run that cannot work or would do something else than was asked for."""

import difflib
import json
import logging
from pathlib import PurePath
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import AbstractDataset, AbstractVersionedDataset, DataCatalog, MemoryDataset
from kedro.io.core import Version, is_parameter
from kedro.pipeline import Pipeline

from blastscreen.refusal import Refusal
from blastscreen.runs.typed import TEXT_PARAMETERS, list_kinds, place_paths

logger = logging.getLogger(__name__)


class RunRefused(Refusal):
    """The run was stopped before its first node."""


class CheckRun:
    """Refuse runs that would do something else than was asked for."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse parameters that no node reads or that mean nothing, and spell paths in full."""
        self._context = context
        conf = context.config_loader
        _require_known(conf["parameters"], list_kinds())
        _require_text(conf["parameters"])
        _ = (
            context.params
        )  # asked for here, it holds every block against its model, those that this run leaves alone, too
        conf["catalog"] = place_paths(conf["catalog"], project_path=context.project_path)

    @hook_impl
    def after_catalog_created(self, conf_catalog: dict[str, Any], parameters: dict[str, Any]) -> None:
        """Refuse `images=` where the catalog does not read a folder."""
        images = parameters["parameters"].get("images")
        if images is not None and "path" not in conf_catalog["raw_cells"]:
            raise RunRefused(
                f"--params=images={images} has no effect in this environment, which draws its sample cells. "
                "Add --env=cnmc (leak-free protocol) or --env=paper (the paper's protocol) to read a folder of images."
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


def _require_known(parameters: dict[str, Any], kinds: dict[str, Any]) -> None:
    named = {name.rpartition(".")[0] for name in kinds}
    given = [str(block) for block in parameters if not str(block).startswith("_")]
    given += [
        f"{block}.{field}"
        for block in given
        if block in named and isinstance(parameters[block], dict)
        for field in parameters[block]
    ]
    unknown = [f"'{name}'{_suggest(name, kinds)}" for name in given if name not in kinds]
    if unknown:
        raise RunRefused(
            f"Unknown parameter {'; '.join(unknown)}. It stands in --params or in a file of conf/: correct it there."
        )


def _suggest(name: str, kinds: dict[str, Any]) -> str:
    field = name.rpartition(".")[2]
    close = difflib.get_close_matches(name, kinds, n=1) or [known for known in kinds if known.endswith(f".{field}")]
    if close:
        return f" (did you mean '{close[0]}'?)"
    return f" (known: {', '.join(sorted(known for known in kinds if '.' not in known))})"


def _require_text(parameters: dict[str, Any]) -> None:
    for name in sorted(TEXT_PARAMETERS & parameters.keys()):
        value = parameters[name]
        if not isinstance(value, str | PurePath) or not str(value):
            raise RunRefused(
                f"{name} is {json.dumps(value)}, not the name of a folder or file. In a file, put names that "
                f"look like numbers between quotes; on the command line type --params={name}=<path>"
            )


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
