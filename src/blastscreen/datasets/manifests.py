"""The manifests of all runs in a store, to look up what a stored version was made with."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from kedro.io.core import AbstractDataset, DatasetError, Version

from blastscreen.datasets.documents import AtomicJSON


class Manifests(Mapping[str, Mapping[str, Any]]):
    """Manifests by version, each read when it is asked for; `current` is the version that this run saves.

    The run that is going on has no manifest yet, and one that was killed never gets one.
    """

    def __init__(self, filepath: str, *, current: str) -> None:
        """Name the versioned file, which need not exist."""
        self.current = current
        self._filepath = filepath

    def __getitem__(self, version: str) -> Mapping[str, Any]:
        """Read a manifest; one that isn't there is a KeyError."""
        if version not in set(self):
            raise KeyError(version)
        manifest: Mapping[str, Any] = self._open(version).load()
        return manifest

    def __iter__(self) -> Iterator[str]:
        """Name the versions that have a manifest."""
        return iter(self._open(None).list_versions(full_path=False))

    def __len__(self) -> int:
        """Count them."""
        return len(list(iter(self)))

    def _open(self, version: str | None) -> Any:
        return AtomicJSON(filepath=self._filepath, version=Version(version, None))  # type: ignore[arg-type]


class RunManifests(AbstractDataset[NoReturn, Manifests]):
    """Look up the manifests that `run_manifest` saves; never saves anything itself.

    Has to be `versioned: true` in the catalog, from which it learns the version of the run that is going on.
    """

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Name the file as `run_manifest` does.

        Args:
            filepath: The same as that of `run_manifest`.
            version: Given by Kedro.
            metadata: Ignored here; other tools read it.
        """
        self._filepath = filepath
        self._current = (version.save if version else None) or ""
        self.metadata = metadata

    def load(self) -> Manifests:
        """Open the manifests; there may be none."""
        return Manifests(self._filepath, current=self._current)

    def save(self, data: NoReturn) -> None:  # noqa: ARG002
        """Refuse: a hook saves manifests, under `run_manifest`."""
        raise DatasetError("run_manifests is read only; manifests are saved under run_manifest")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
