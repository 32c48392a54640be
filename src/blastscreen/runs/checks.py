"""Refuse, before its first node, a run that cannot work or would do something else than was asked for."""

import difflib
import logging
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import AbstractDataset, AbstractVersionedDataset, DataCatalog, MemoryDataset
from kedro.io.core import is_parameter
from kedro.pipeline import Pipeline
from kedro.validation.exceptions import ParameterValidationError

from blastscreen.models import MODELS
from blastscreen.runs.stored import find_stale, find_start, load_manifest, open_entry
from blastscreen.runs.typed import TEXT_PARAMETERS, list_kinds, place_paths
from blastscreen.vocabulary import Refusal, name_some

logger = logging.getLogger(__name__)

_SHOWN = 5


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
        try:
            # asked for before the run has named its pipelines, it holds the blocks of all of them against their models
            _ = context.params
        except ParameterValidationError as error:
            from blastscreen.runs.parameter_errors import describe_wrong_parameters

            texts = describe_wrong_parameters(conf, context._runtime_params or {})
            raise RunRefused("\n".join(texts) or str(error)) from error
        conf["catalog"] = place_paths(conf["catalog"], project_path=context.project_path)

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
                "This run needs the network, and TensorFlow is not installed. In a clone: make install. Elsewhere: "
                "pip install 'blastscreen[cnn]'. The forest runs without it: kedro run --pipeline=rf"
            )
        whole = sum((pipelines[name] for name in run_params["pipeline_names"] or ["__default__"]), Pipeline([]))
        _require_readers(run_params["runtime_params"] or {}, whole)
        inputs = {name: open_entry(catalog, name) for name in sorted(pipeline.inputs()) if not is_parameter(name)}
        if "external_cells" in inputs and not inputs["external_cells"].exists():
            folder = inputs["external_cells"]._describe().get("path")
            raise RunRefused(
                f"There is no folder '{folder}'. Add --params=external_images=<folder>, and the --env that "
                "the models were trained in: kedro run --pipelines=predict --params=external_images=<folder>"
            )
        _require_stored(inputs, run_params, whole, pipeline, catalog)
        _warn_of_mixed_versions(inputs)
        if run_params["only_missing_outputs"]:
            _require_fresh(whole, pipeline, catalog, self._context.params)
        if any(name.endswith("_model") for name in inputs):
            _require_same_settings(inputs, pipeline, catalog, self._context.params)


def _require_known(parameters: dict[str, Any], kinds: dict[str, Any]) -> None:
    # fields of the other blocks are known by their models
    plain = {name.rpartition(".")[0] for name in kinds if kinds[name.partition(".")[0]] is None}
    given = [str(block) for block in parameters if not str(block).startswith("_")]
    given += [
        f"{block}.{field}"
        for block in given
        if block in plain and isinstance(parameters[block], dict)
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
                f"{name} is {value!r}, not the name of a folder or file. In a file, put names that "
                f"look like numbers between quotes; on the command line type --params={name}=<path>"
            )


def _require_readers(given: dict[str, Any], whole: Pipeline) -> None:
    """Refuse a folder or sheet that no node reads."""
    for name in sorted(TEXT_PARAMETERS & given.keys()):
        if ("external_cells" if name.startswith("external_") else "raw_cells") not in whole.inputs():
            other = f"external_{name}" if "external_cells" in whole.inputs() else name.removeprefix("external_")
            hint = f", or give {other}" if other != name else ""
            raise RunRefused(f"--params={name}={given[name]} has no effect on this pipeline. Leave it out{hint}.")


def _require_same_settings(
    inputs: dict[str, AbstractDataset[Any, Any]], pipeline: Pipeline, catalog: DataCatalog, parameters: dict[str, Any]
) -> None:
    """Refuse to show a stored model cells that are made otherwise than those it learned from."""
    from blastscreen.compute.environment import compare_settings

    blocks = [name for name in ("preprocessing", "features") if f"params:{name}" in pipeline.inputs()]
    for name, model in inputs.items():
        if not name.endswith("_model") or not isinstance(model, AbstractVersionedDataset):
            continue
        version = model.resolve_load_version()
        made = load_manifest(catalog, version)
        if made is None:
            logger.warning("The run that made %s of %s left no manifest: its settings are unknown.", name, version)
            continue
        different = compare_settings(made["parameters"], parameters, blocks=blocks)
        if different:
            raise RunRefused(
                f"{name} of {version} learned from cells made with other settings: {'; '.join(different)}. "
                "Give the same settings, or train again."
            )
    for name in MODELS:
        if f"{name}_predictions" in inputs and f"params:{name}" in pipeline.inputs():
            _require_same_scoring(name, inputs[f"{name}_predictions"], catalog, parameters)


def _require_same_scoring(
    name: str,
    own: AbstractDataset[Any, Any],
    catalog: DataCatalog,
    parameters: dict[str, Any],
) -> None:
    """Refuse to score cells otherwise than those that a model's threshold and calibration were settled on."""
    from blastscreen.compute.environment import compare_settings

    made = load_manifest(catalog, own.resolve_load_version()) if isinstance(own, AbstractVersionedDataset) else None
    found = compare_settings(made["parameters"], parameters, blocks=[name]) if made else []
    different = [text for text in found if text.split()[0].removeprefix(f"{name}.") in MODELS[name].scoring]
    if different:
        raise RunRefused(
            f"The threshold of {name} was settled on scores that were made otherwise: {'; '.join(different)}. "
            f"Give the same settings, or score and evaluate the cohort's cells again: kedro run --pipelines={name}"
        )


def _require_stored(
    inputs: dict[str, AbstractDataset[Any, Any]],
    run_params: dict[str, Any],
    whole: Pipeline,
    pipeline: Pipeline,
    catalog: DataCatalog,
) -> None:
    results = (AbstractVersionedDataset, MemoryDataset)
    missing = {
        name: dataset for name, dataset in inputs.items() if isinstance(dataset, results) and not dataset.exists()
    }
    if not missing:
        return
    texts = [f"{name} ({_tell_versions(dataset)})" for name, dataset in missing.items()]
    asked = run_params["node_names"] or ()
    users = [node.name for node in pipeline.nodes if missing.keys() & set(node.inputs)]
    start = find_start(whole, [*users, *asked], catalog, followers=not asked)
    if missing.keys().isdisjoint(whole.all_outputs()):
        advice = (
            "Run the pipeline that makes them first, in the same --env, or include it: `kedro run` runs all of them."
        )
    elif asked:
        advice = f"Run what makes them, too: --nodes={','.join(start)}"
    else:
        advice = f"Start where they are made: --from-nodes={','.join(start)}"
    raise RunRefused(f"This run starts from results that are not there: {', '.join(texts)}. {advice}")


def _require_fresh(whole: Pipeline, pipeline: Pipeline, catalog: DataCatalog, parameters: dict[str, Any]) -> None:
    stale = list(find_stale(whole, pipeline.nodes, catalog, parameters))
    if stale:
        start = find_start(whole, {node.name for node, _ in stale}, catalog, followers=True)
        texts = [text for _, text in stale[:_SHOWN]] + [f"and {len(stale) - _SHOWN} more"] * (len(stale) > _SHOWN)
        raise RunRefused(
            "Nothing ran: --only-missing-outputs would keep results that were made otherwise than this run would make "
            f"them.\n{chr(10).join(texts)}\n"
            f"Make them again, with all that follows from them: --from-nodes={','.join(start)} instead of "
            "--only-missing-outputs."
        )
    kept = [open_entry(catalog, name) for name in pipeline.all_outputs()]
    if all(dataset.exists() for dataset in kept if not isinstance(dataset, MemoryDataset)):
        logger.warning("Nothing has to run: all results are stored, and none is known to have been made otherwise.")


def _tell_versions(dataset: AbstractDataset[Any, Any]) -> str:
    if not isinstance(dataset, AbstractVersionedDataset):
        return "kept in memory, during one run only"
    versions = dataset.list_versions(full_path=False)
    return f"stored versions: {', '.join(versions)}" if versions else "no stored version"


def _warn_of_mixed_versions(inputs: dict[str, AbstractDataset[Any, Any]]) -> None:
    names: dict[str, list[str]] = {}
    for name, dataset in inputs.items():
        version = dataset.resolve_load_version() if isinstance(dataset, AbstractVersionedDataset) else None
        if version:
            names.setdefault(version, []).append(name)
    if len(names) > 1:
        logger.warning(
            "This run reads results of different runs: %s. Name the ones you mean with --load-versions, or run the "
            "pipelines that made them again together.",
            "; ".join(f"{name_some(found)} of {version}" for version, found in names.items()),
        )
