import pytest
from kedro.io import DataCatalog, DatasetError

from blastscreen.datasets.stock import RunManifests

OLD, NOW = "2025-01-01T00.00.00.000Z", "2026-01-02T03.04.05.678Z"


def catalog(folder, version):
    path = str(folder / "run_manifest.json")
    config = {
        "run_manifest": {"type": "blastscreen.datasets.AtomicJSON", "filepath": path, "versioned": True},
        "run_manifests": {"type": "blastscreen.datasets.RunManifests", "filepath": path, "versioned": True},
    }
    return DataCatalog.from_config(config, save_version=version)


def test_manifests_are_found_by_the_version_of_their_run(tmp_path):
    catalog(tmp_path, OLD).save("run_manifest", {"parameters": {"rf": {"seed": 1}}})
    manifests = catalog(tmp_path, NOW).load("run_manifests")
    assert list(manifests) == [OLD]
    assert manifests[OLD]["parameters"] == {"rf": {"seed": 1}}
    assert manifests.current == NOW
    assert manifests.get(NOW) is None


def test_a_first_run_has_no_manifests(tmp_path):
    assert len(catalog(tmp_path, NOW).load("run_manifests")) == 0


def test_nothing_is_saved_through_it(tmp_path):
    with pytest.raises(DatasetError, match="read only"):
        RunManifests(filepath=str(tmp_path / "run_manifest.json")).save({})
