"""Refuse, before its first node, a run that cannot work or would do something else than was asked for."""

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.project import pipelines
from kedro.io import AbstractDataset, AbstractVersionedDataset, DataCatalog, MemoryDataset
from kedro.io.core import is_parameter
from kedro.pipeline import Pipeline

from blastscreen.models import MODELS
from blastscreen.runs.explain import require_memory
from blastscreen.runs.manifest import compare_settings, find_stale, find_start, load_manifest, open_entry
from blastscreen.runs.user_input import TEXT_PARAMETERS, find_wrong_parameters, place_paths
from blastscreen.vocabulary import Refusal, name_some

logger = logging.getLogger(__name__)

Entries = dict[str, AbstractDataset[Any, Any]]
_SHOWN = 5


def check_parameters(context: KedroContext) -> None:
    """Refuse parameters that don't exist or can't have their value, and spell paths of the catalog in full."""
    conf = context.config_loader
    if wrong := list(find_wrong_parameters(conf, context._runtime_params or {})):
        raise Refusal("\n".join(wrong))
    conf["catalog"] = place_paths(conf["catalog"], project_path=context.project_path)


def check_images(conf_catalog: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    """Refuse `images=` and `labels=` where the catalog does not read a folder, or no sheet with it."""
    for name, key in (("images", "path"), ("labels", "labels")):
        given = parameters.get(name)
        if given is not None and key not in conf_catalog["raw_cells"]:
            raise Refusal(
                f"--params={name}={given} has no effect in this environment, whose raw_cells has no '{key}'. Add "
                "--env=cnmc (leak-free protocol) or --env=paper (the paper's protocol) to read a folder of images."
            )


def check_run(
    run_params: Mapping[str, Any], pipeline: Pipeline, catalog: DataCatalog, parameters: dict[str, Any]
) -> None:
    """Refuse what is not supported or not installed, and inputs that are not there or do not fit together."""
    if "ParallelRunner" in run_params["runner"]:
        raise Refusal(
            "ParallelRunner is not supported: its processes do not see the versions that this run saves, and would "
            "evaluate an older model without a word. Leave --runner out; work is spread over all cores inside the "
            "nodes (--params=compute.n_jobs=4 sets how many)."
        )
    if "params:cnn" in pipeline.inputs() and find_spec("tensorflow") is None:
        raise Refusal(
            "This run needs the network, and TensorFlow is not installed. In a clone: make install. Elsewhere: "
            "pip install 'blastscreen[cnn]'. The forest runs without it: kedro run --pipeline=rf"
        )
    require_memory(with_network="cnn_model" in pipeline.datasets())
    whole = sum((pipelines[name] for name in run_params["pipeline_names"] or ["__default__"]), Pipeline([]))
    _require_readers(run_params["runtime_params"] or {}, whole)
    inputs = {name: open_entry(catalog, name) for name in sorted(pipeline.inputs()) if not is_parameter(name)}
    _require_stored(inputs, whole, pipeline, catalog)
    _warn_of_mixed_versions(inputs)
    if run_params["only_missing_outputs"]:
        _require_fresh(whole, pipeline, catalog, parameters)
    _require_same_settings(inputs, pipeline, catalog, parameters)


def _require_readers(given: dict[str, Any], whole: Pipeline) -> None:
    """Refuse a folder or sheet that no node reads."""
    for name in sorted(TEXT_PARAMETERS & given.keys()):
        if ("external_cells" if name.startswith("external_") else "raw_cells") not in whole.inputs():
            other = f"external_{name}" if "external_cells" in whole.inputs() else name.removeprefix("external_")
            hint = f", or give {other}" if other != name else ""
            raise Refusal(f"--params={name}={given[name]} has no effect on this pipeline. Leave it out{hint}.")


def _require_stored(inputs: Entries, whole: Pipeline, pipeline: Pipeline, catalog: DataCatalog) -> None:
    if "external_cells" in inputs and not inputs["external_cells"].exists():
        raise Refusal(
            f"There is no folder '{inputs['external_cells']._describe().get('path')}'. Add "
            "--params=external_images=<folder>, and the --env that the models were trained in: "
            "kedro run --pipelines=predict --params=external_images=<folder>"
        )
    results = (AbstractVersionedDataset, MemoryDataset)
    missing = {name: entry for name, entry in inputs.items() if isinstance(entry, results) and not entry.exists()}
    if missing:
        texts = [f"{name} ({_describe_versions(entry)})" for name, entry in missing.items()]
        users = [node.name for node in pipeline.nodes if missing.keys() & set(node.inputs)]
        advice = (
            "Run the pipeline that makes them first, in the same --env, or include it: `kedro run` runs all of them."
            if missing.keys().isdisjoint(whole.all_outputs())
            else f"Start where they are made: --from-nodes={','.join(find_start(whole, users, catalog))}"
        )
        raise Refusal(f"This run starts from results that are not there: {', '.join(texts)}. {advice}")


def _describe_versions(entry: AbstractDataset[Any, Any]) -> str:
    if not isinstance(entry, AbstractVersionedDataset):
        return "kept in memory, during one run only"
    versions = entry.list_versions(full_path=False)
    return f"stored versions: {', '.join(versions)}" if versions else "no stored version"


def _require_fresh(whole: Pipeline, pipeline: Pipeline, catalog: DataCatalog, parameters: dict[str, Any]) -> None:
    stale = list(find_stale(whole, pipeline.nodes, catalog, parameters))
    if stale:
        start = find_start(whole, {node.name for node, _ in stale}, catalog)
        texts = [text for _, text in stale[:_SHOWN]] + [f"and {len(stale) - _SHOWN} more"] * (len(stale) > _SHOWN)
        raise Refusal(
            "Nothing ran: --only-missing-outputs would keep results that other settings or inputs made.\n"
            f"{chr(10).join(texts)}\n"
            f"Make them again, with all that depends on them: --from-nodes={','.join(start)} instead of "
            "--only-missing-outputs."
        )
    kept = [open_entry(catalog, name) for name in pipeline.all_outputs()]
    if all(entry.exists() for entry in kept if not isinstance(entry, MemoryDataset)):
        logger.warning("Nothing has to run: all results are stored, and none is known to be out of date.")


def _require_same_settings(
    inputs: Entries, pipeline: Pipeline, catalog: DataCatalog, parameters: dict[str, Any]
) -> None:
    """Refuse to show a stored model cells made otherwise than those it learned from, or was calibrated on."""
    blocks = [name for name in ("preprocessing", "features") if f"params:{name}" in pipeline.inputs()]
    for name, model in inputs.items():
        if not name.endswith("_model") or not isinstance(model, AbstractVersionedDataset):
            continue
        version = model.resolve_load_version()
        made = load_manifest(catalog, version)
        if made is None:
            logger.warning("The run that made %s of %s left no manifest: its settings are unknown.", name, version)
        elif different := compare_settings(made["parameters"], parameters, blocks=blocks):
            raise Refusal(
                f"{name} of {version} learned from cells made with other settings: {'; '.join(different)}. "
                "Give the same settings, or train again."
            )
    for name, kind in MODELS.items():
        scores = inputs.get(f"{name}_predictions")
        if f"params:{name}" not in pipeline.inputs() or not isinstance(scores, AbstractVersionedDataset):
            continue
        made = load_manifest(catalog, scores.resolve_load_version())
        found = compare_settings(made["parameters"], parameters, blocks=[name]) if made else []
        if different := [text for text in found if text.split()[0].removeprefix(f"{name}.") in kind.scoring]:
            raise Refusal(
                f"The threshold of {name} was settled on scores that were made otherwise: {'; '.join(different)}. "
                f"Give the same settings, or score and evaluate the cohort's cells again: kedro run --pipelines={name}"
            )


def _warn_of_mixed_versions(inputs: Entries) -> None:
    names: dict[str, list[str]] = {}
    for name, entry in inputs.items():
        if isinstance(entry, AbstractVersionedDataset) and (version := entry.resolve_load_version()):
            names.setdefault(version, []).append(name)
    if len(names) > 1:
        logger.warning(
            "This run reads results of different runs: %s. Name the ones you mean with --load-versions, or run the "
            "pipelines that made them again together.",
            "; ".join(f"{name_some(found)} of {version}" for version, found in names.items()),
        )
