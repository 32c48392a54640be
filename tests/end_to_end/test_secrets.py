"""No file that a run leaves behind names a machine, a person or a secret."""

from pathlib import Path

import fsspec
import pandas as pd
import pytest
from kedro.io import DatasetError

from blastscreen.synthesis.drawing import write_cells
from blastscreen.synthesis.plan import plan_sample

SECRETS = ("ZqUser", "ZqPass", "ZqHost", "ZqSig", "ZqPatient", "ZqNode")


def read_everything(folder: Path):
    for file in folder.rglob("*"):
        if file.suffix == ".parquet" and file.is_file():
            yield file, pd.read_parquet(file).to_csv().encode()
        elif file.is_file():
            yield file, file.read_bytes()


def leaks(project):
    found = list(read_everything(project.folder / "data"))
    assert len(found) > 3
    return [file for file, content in found for secret in SECRETS if secret.encode() in content or secret in str(file)]


@pytest.fixture
def address(tmp_path):
    """Cells in storage whose address has everything that an address may have."""
    write_cells(tmp_path / "cells", plan_sample(n_cells=60, n_subjects=8, seed=3), seed=3)
    next((tmp_path / "cells").glob("*.txt")).unlink()
    fs, address = fsspec.filesystem("memory"), "memory://ZqUser:ZqPass@ZqHost:8786/a/cells?sig=ZqSig"
    fs.put(f"{tmp_path}/cells", fs._strip_protocol(address), recursive=True)
    yield address
    fs.rm("/", recursive=True)


@pytest.mark.slow
def test_addresses_of_images_and_of_schedulers(project, address):
    unused = {"cnn": {"epochs": 3}, "compute": {"scheduler": "ZqNode"}}
    with pytest.raises(Exception, match="scheduler"):
        project.run("feature_engineering", env="cnmc", params={"images": address} | unused)
    project.run("feature_engineering", env="cnmc", params={"images": address, "cnn": unused["cnn"]})
    assert leaks(project) == []
    catalog = project.catalog("cnmc")
    assert set(catalog.load("cell_index")["data_source"]) == {"cells"}
    assert catalog.load("run_manifest")["parameters"]["images"] == "cells"
    with pytest.raises(DatasetError):
        project.run("preprocessing", env="cnmc", params={"images": address.replace("cells", "others")})
    assert project.catalog("cnmc").load("run_manifest")["outcome"] == "failed: DatasetError"
    assert leaks(project) == []


@pytest.mark.parametrize("spelled", ["file://{}", "~"])
def test_folders_of_people(project, tmp_path, monkeypatch, spelled):
    home = tmp_path / "home" / "ZqPatient"
    write_cells(home, plan_sample(n_cells=60, n_subjects=8, seed=3), seed=3)
    next(home.glob("*.txt")).unlink()
    monkeypatch.setenv("HOME", str(home))
    project.run("preprocessing", env="cnmc", params={"images": spelled.format(home)})
    assert leaks(project) == []
    assert set(project.catalog("cnmc").load("cell_index")["data_source"]) == {"<folder>"}
