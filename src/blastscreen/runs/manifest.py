"""What a run was made of: recorded beside its results, and compared with what this run would make them of."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.io import AbstractDataset, AbstractVersionedDataset, DataCatalog, MemoryDataset
from kedro.io.core import Version, is_parameter
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from blastscreen.parameters import flatten, spell
from blastscreen.redaction import redact

logger = logging.getLogger(__name__)

# parameters that change how long a run takes, not what it makes
_WITHOUT_EFFECT = ("compute.", "cnn.resume ")


@dataclass
class RunRecord:
    """What a run has read and written so far."""

    context: KedroContext
    catalog: DataCatalog
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    load_versions: dict[str, str] = field(default_factory=dict)
    saved: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    def note_loaded(self, name: str, data: object) -> None:
        """Note the version that was read; of incoming files, a hash that changes with them."""
        if name not in self.files and (files := identify_files(data)):
            self.files[name] = files
        resolve = getattr(self.catalog[name], "resolve_load_version", None)
        if version := resolve() if resolve else None:
            self.load_versions[name] = version

    def save(self, run_params: dict[str, Any], *, outcome: str) -> None:
        """Save the manifest, beside the results."""
        from blastscreen.compute.environment import describe_environment

        manifest = {
            "run_id": run_params["run_id"],
            "outcome": outcome,
            "started": self.started.isoformat(timespec="seconds"),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": run_params["env"] or "local",
            "pipelines": run_params["pipeline_names"] or ["__default__"],
            "runtime_parameters": redact(run_params["runtime_params"]),
            "parameters": redact(self.context.params),
            "files": self.files,
            "load_versions": dict(sorted(self.load_versions.items())),
            "save_version": run_params["run_id"],
            "saved": sorted(self.saved),
        }
        self.catalog.save("run_manifest", manifest | describe_environment(Path(self.context.project_path)))


def load_manifest(catalog: DataCatalog, version: str | None) -> dict[str, Any] | None:
    """Load the manifest of the run that saved a version; None if it left none."""
    manifests: Any = catalog.get("run_manifest", version=Version(version, None))
    return manifests.load() if version in manifests.list_versions(full_path=False) else None


def compare_settings(made: Mapping[str, Any], current: Mapping[str, Any], *, blocks: Sequence[str]) -> list[str]:
    """List the settings of some blocks that have changed since a run, as "<block>.<field> was <value>, is <value>"."""
    then, now = (flatten({name: redact(values.get(name, {})) for name in blocks}) for values in (made, current))
    return [
        f"{name} was {spell(then.get(name, 'not there'))}, is {spell(now.get(name, 'not there'))}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]


def identify_files(data: object) -> str | None:
    """Hash what changes with incoming files or the labels that a sheet gives them; None for what can't be hashed."""
    files = data.fingerprint(data) if hasattr(data, "fingerprint") else None
    names = getattr(data, "cell_names", None)
    return hashlib.sha256(repr((files, sorted(names.items()))).encode()).hexdigest() if files and names else files


def open_entry(catalog: DataCatalog, name: str) -> AbstractDataset[Any, Any]:
    """Open an entry of the catalog; what is in none is kept in memory."""
    return catalog.get(name) or MemoryDataset()


def find_start(whole: Pipeline, names: Iterable[str], catalog: DataCatalog) -> list[str]:
    """Find the nodes to begin with, by `--from-nodes`, so that some nodes can run on what is stored."""
    makers = {output: node.name for node in whole.nodes for output in node.outputs}
    parts: dict[str, Pipeline] = {}
    todo = set(names)
    while todo:
        name = todo.pop()
        parts[name] = whole.from_nodes(name)
        needed = parts[name].inputs() & makers.keys()
        todo |= {makers[entry] for entry in needed if not open_entry(catalog, entry).exists()} - parts.keys()
    later = {node.name for name, part in parts.items() for node in part.nodes if node.name != name}
    return [node.name for node in whole.nodes if node.name in parts.keys() - later]


def find_stale(
    whole: Pipeline, nodes: Iterable[Node], catalog: DataCatalog, parameters: dict[str, Any]
) -> Iterator[tuple[Node, str]]:
    """Find, among the nodes of a run cut from `whole`, those of which a stored result would be made otherwise now.

    What a run without a manifest left is passed over with a warning: one that was killed, and is to be resumed.

    Yields:
        A node, and its result with the differences.
    """
    makers = {name: node for node in whole.nodes for name in node.outputs}
    unknown: dict[str, list[str]] = {}
    for node in nodes:
        inputs = set(_trace_inputs(node, makers, catalog))
        for name in node.outputs:
            entry = open_entry(catalog, name)
            if not isinstance(entry, AbstractVersionedDataset) or not entry.exists():
                continue
            version = entry.resolve_load_version()
            made = load_manifest(catalog, version)
            if made is None:
                unknown.setdefault(str(version), []).append(name)
            elif different := _compare(made, inputs, catalog, parameters):
                yield node, f"{name} of {version}: {'; '.join(different)}"
    for version, names in unknown.items():
        logger.warning("The run of %s left no manifest: how it made %s is unknown.", version, ", ".join(names))


def _trace_inputs(node: Node, makers: dict[str, Node], catalog: DataCatalog) -> Iterator[str]:
    """List the parameters and stored entries that a node sees, itself or through what is kept in memory."""
    for name in node.inputs:
        if name in makers and isinstance(open_entry(catalog, name), MemoryDataset):
            yield from _trace_inputs(makers[name], makers, catalog)
        else:
            yield name


def _compare(
    made: dict[str, Any], inputs: Iterable[str], catalog: DataCatalog, parameters: dict[str, Any]
) -> list[str]:
    different: list[str] = []
    for name in sorted(inputs):
        if is_parameter(name):
            blocks = list(parameters) if name == "parameters" else [name.removeprefix("params:").split(".")[0]]
            texts = compare_settings(made["parameters"], parameters, blocks=blocks)
            different += [text for text in texts if not text.startswith(_WITHOUT_EFFECT)]
        elif name in made["load_versions"]:
            entry: Any = catalog[name]
            now = entry.resolve_load_version() if entry.exists() else "not stored"
            then = made["load_versions"][name]
            different += [f"{name} was {then}, is {now}"] if now != then else []
        elif name in made.get("files", {}) and made["files"][name] != identify_files(catalog.load(name)):
            different.append(f"the files of {name} have changed")
    return list(dict.fromkeys(different))
