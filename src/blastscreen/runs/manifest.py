"""Record what a run was made of, and compare it with what another run would be made of."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.io import DataCatalog
from kedro.io.core import Version

from blastscreen.parameters import flatten
from blastscreen.redaction import redact


@dataclass
class RunRecord:
    """What a run has read and written so far."""

    context: KedroContext
    catalog: DataCatalog
    started: datetime
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
    manifests: Any = catalog["run_manifest"]
    if version not in manifests.list_versions(full_path=False):
        return None
    manifest: dict[str, Any] = manifests._copy(_version=Version(version, None)).load()
    return manifest


def compare_settings(made: Mapping[str, Any], current: Mapping[str, Any], *, blocks: Sequence[str]) -> list[str]:
    """List the settings in which two runs differ.

    Args:
        made: Parameters in the manifest of a run.
        current: Parameters of the run that is about to begin.
        blocks: Names of the blocks that count.

    Returns:
        One text per setting, "<block>.<field> was <value>, is <value>".
    """
    then, now = (flatten({name: redact(values.get(name, {})) for name in blocks}) for values in (made, current))
    return [
        f"{name} was {then.get(name, 'not there')}, is {now.get(name, 'not there')}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]


def identify_files(data: object) -> str | None:
    """Hash what changes with incoming files, or with the labels that a sheet gives them.

    Returns:
        None for anything else, and where storage does not tell.
    """
    identify = getattr(data, "fingerprint", None)
    files = None if identify is None else identify(data)
    names = getattr(data, "cell_names", None)
    return hashlib.sha256(repr((files, sorted(names.items()))).encode()).hexdigest() if files and names else files
