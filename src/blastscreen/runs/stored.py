"""What a run would take from the store: whether it is there, and whether it is what this run would make."""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from kedro.io import AbstractDataset, AbstractVersionedDataset, DataCatalog, MemoryDataset
from kedro.io.core import Version, is_parameter
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

logger = logging.getLogger(__name__)

# parameters that change how long a run takes, not what it makes
_WITHOUT_EFFECT = ("compute.", "cnn.resume ")


def open_entry(catalog: DataCatalog, name: str) -> AbstractDataset[Any, Any]:
    """Give an entry of the catalog; what is in none is kept in memory."""
    return catalog.get(name) or MemoryDataset()


def load_manifest(catalog: DataCatalog, version: str | None) -> dict[str, Any] | None:
    """Load the manifest of the run that saved a version; None if it left none."""
    manifests: Any = catalog["run_manifest"]
    if version not in manifests.list_versions(full_path=False):
        return None
    manifest: dict[str, Any] = manifests._copy(_version=Version(version, None)).load()
    return manifest


def find_start(whole: Pipeline, names: Iterable[str], catalog: DataCatalog, *, followers: bool) -> list[str]:
    """Name the nodes to begin with so that some others can run on what is stored.

    Args:
        whole: The pipeline from which the run was cut.
        names: Nodes that are to run.
        catalog: Tells what is stored.
        followers: Whether all that follows from them runs, too, as with `--from-nodes`.

    Returns:
        Names in the order of the pipeline; with followers, without those that follow from others.
    """
    makers = {output: node.name for node in whole.nodes for output in node.outputs}
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            part = whole.from_nodes(name) if followers else whole.only_nodes(name)
            todo += [makers[entry] for entry in part.inputs() if entry in makers and not is_stored(entry, catalog)]
    if followers:
        found -= {node.name for name in found for node in whole.from_nodes(name).nodes if node.name != name}
    return [node.name for node in whole.nodes if node.name in found]


def is_stored(name: str, catalog: DataCatalog) -> bool:
    """Tell whether a run could begin with an entry; parameters always can be had."""
    if is_parameter(name):
        return True
    dataset = open_entry(catalog, name)
    return not isinstance(dataset, MemoryDataset) and bool(dataset.exists())


def find_stale(
    whole: Pipeline, nodes: Iterable[Node], catalog: DataCatalog, parameters: dict[str, Any]
) -> Iterator[tuple[Node, str]]:
    """Find the nodes of which a stored result was made otherwise than this run would make it.

    What a run without a manifest left is passed over with a warning: one that was killed, and is to be gone on with.

    Args:
        whole: The pipeline from which the run was cut.
        nodes: Those that the run is to have.
        catalog: Of the run.
        parameters: Of the run.

    Yields:
        A node, and a text that names the result and says what differs.
    """
    makers = {name: node for node in whole.nodes for name in node.outputs}
    unknown: dict[str, list[str]] = {}
    for node in nodes:
        inputs = set(_trace_inputs(node, makers, catalog))
        for name in node.outputs:
            dataset = open_entry(catalog, name)
            if not isinstance(dataset, AbstractVersionedDataset) or not dataset.exists():
                continue
            version = dataset.resolve_load_version()
            made = load_manifest(catalog, version)
            if made is None:
                unknown.setdefault(str(version), []).append(name)
                continue
            different = _compare(made, inputs, catalog, parameters)
            if different:
                yield node, f"{name} of {version}: {'; '.join(different)}"
    for version, names in unknown.items():
        logger.warning("The run of %s left no manifest: how it made %s is unknown.", version, ", ".join(names))


def _trace_inputs(node: Node, makers: dict[str, Node], catalog: DataCatalog) -> Iterator[str]:
    """Name the parameters and stored entries that a node sees, itself or through what is kept in memory."""
    for name in node.inputs:
        if name in makers and isinstance(open_entry(catalog, name), MemoryDataset):
            yield from _trace_inputs(makers[name], makers, catalog)
        else:
            yield name


def _compare(
    made: dict[str, Any], inputs: Iterable[str], catalog: DataCatalog, parameters: dict[str, Any]
) -> list[str]:
    from blastscreen.compute.environment import compare_settings

    different: list[str] = []
    for name in sorted(inputs):
        if is_parameter(name):
            blocks = list(parameters) if name == "parameters" else [name.removeprefix("params:").split(".")[0]]
            texts = compare_settings(made["parameters"], parameters, blocks=blocks)
            different += [text for text in texts if not text.startswith(_WITHOUT_EFFECT)]
        elif name in made["load_versions"]:
            dataset: Any = catalog[name]
            now = dataset.resolve_load_version() if dataset.exists() else "not stored"
            then = made["load_versions"][name]
            different += [f"{name} was {then}, is {now}"] if now != then else []
        elif name in made.get("files", {}) and made["files"][name] != identify_files(catalog.load(name)):
            different.append(f"the files of {name} are others")
    return list(dict.fromkeys(different))


def identify_files(data: object) -> str | None:
    """Hash what tells whether incoming files, or a sheet's word on them, have changed.

    Returns:
        None of anything else, and where storage does not tell.
    """
    identify = getattr(data, "fingerprint", None)
    files = None if identify is None else identify(data)
    names = getattr(data, "cell_names", None)
    return hashlib.sha256(repr((files, sorted(names.items()))).encode()).hexdigest() if files and names else files
