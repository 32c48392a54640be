"""A real Dask scheduler with two worker processes on loopback gives the bits that this process gives."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import cv2
import pandas as pd
import pytest
import yaml

from blastscreen.compute import parallel
from blastscreen.compute.parallel import ClusterError, map_batches
from blastscreen.datasets import CellImageFolder, SampleCells
from blastscreen.imaging.intake import inspect_cells, standardise_cells
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.parameters import ComputeParameters, PreprocessingParameters
from blastscreen.synthesis.drawing import draw_cell
from blastscreen.synthesis.plan import plan_sample

dask = pytest.importorskip("dask", reason="needs the extra: pip install 'blastscreen[distributed]'")
distributed = pytest.importorskip("distributed", reason="needs the extra: pip install 'blastscreen[distributed]'")
pytestmark = pytest.mark.slow

PATIENCE = 60


class Cluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, folder):
        self._file = folder / "scheduler.json"
        self._processes = {}
        self._start("scheduler", "scheduler", "--port=0", f"--scheduler-file={self._file}", "--no-dashboard")
        deadline = time.monotonic() + PATIENCE
        while not self._file.exists() or not self._file.read_text():
            assert time.monotonic() < deadline, "the scheduler did not start"
            time.sleep(0.1)
        self.address = json.loads(self._file.read_text())["address"]

    def _start(self, name, *arguments, **environment):
        command = [sys.executable, "-m", "dask", *arguments, "--host=127.0.0.1"]
        self._processes[name] = subprocess.Popen(
            command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def add_worker(self, name, **environment):
        options = (f"--name={name}", "--nthreads=1", "--no-nanny", "--no-dashboard")
        self._start(name, "worker", self.address, *options, **environment)
        with distributed.Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(len(self._processes) - 1, timeout=PATIENCE)

    def kill(self, name):
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self):
        for process in self._processes.values():
            process.kill()
            process.wait()

    @property
    def settings(self):
        return ComputeParameters(backend="dask", n_jobs=-1, scheduler=self.address, batch_size=4)


@pytest.fixture(scope="module")
def start_cluster(tmp_path_factory):
    clusters = []

    def start():
        clusters.append(Cluster(tmp_path_factory.mktemp("cluster")))
        return clusters[-1]

    yield start
    for cluster in clusters:
        cluster.stop()


@pytest.fixture
def preprocessing(repository):
    values = yaml.safe_load((repository / "conf/base/parameters/preprocessing.yml").read_text())
    return PreprocessingParameters.model_validate(values["preprocessing"])


@pytest.fixture(scope="module")
def cluster(start_cluster):
    cluster = start_cluster()
    cluster.add_worker("first")
    cluster.add_worker("second")
    return cluster


def index_in_batches(raw_cells, *, settings, inspect):
    sources, size = list(raw_cells.items()), settings.batch_size
    batches = [sources[start : start + size] for start in range(0, len(sources), size)]
    return map_batches(inspect, batches, total=len(batches), settings=settings, description="Reading")


def test_a_run_on_the_cluster_stores_what_a_local_run_stores(cluster, make_project):
    local, remote = make_project(), make_project()
    local.run("audit", params={"rf": {"n_trees": 10}})
    remote.run("audit", params={"rf": {"n_trees": 10}, "compute": {"backend": "dask", "scheduler": cluster.address}})
    for name in ("cell_index", "cell_features", "audit_features", "audit_results", "audit_imbalance"):
        pd.testing.assert_frame_equal(*(project.catalog().load(name) for project in (local, remote)), check_exact=True)
    ours, theirs = (project.catalog().load("cell_images") for project in (local, remote))
    assert (ours.read(0, len(ours)) == theirs.read(0, len(theirs))).all()


def test_a_worker_killed_in_the_middle_changes_nothing(cluster, preprocessing):
    raw_cells = SampleCells(n_cells=80, n_subjects=8, seed=1).load()
    inspect = partial(inspect_cells, settings=preprocessing)
    local = cluster.settings.model_copy(update={"backend": "threading", "scheduler": ""})
    expected = list(index_in_batches(raw_cells, settings=local, inspect=inspect))
    results = index_in_batches(raw_cells, settings=cluster.settings, inspect=inspect)
    found = [next(results)]
    cluster.kill("first")
    # a connection that is refused is tried again for half a minute otherwise
    with dask.config.set({"distributed.comm.timeouts.connect": "2s"}):
        found += results
    assert found == expected
    cluster.add_worker("third")


def test_a_failing_batch_names_its_files(cluster, preprocessing, tmp_path):
    cells = plan_sample(n_cells=20, n_subjects=4, seed=0)[:8]
    folder = tmp_path / "cells"
    folder.mkdir()
    for plan in cells:
        cv2.imwrite(str(folder / plan.image_id.rpartition("/")[2]), draw_cell(plan, seed=0)[..., ::-1])
    raw_cells = CellImageFolder(path=str(folder)).load()
    index = pd.DataFrame({"image_id": list(raw_cells), "status": "accepted"})
    stack = standardise_cells(raw_cells, index, settings=preprocessing, compute=cluster.settings)
    lost = stack.image_ids[5]
    (folder / lost).unlink()
    with pytest.raises(ImageRejected) as caught:
        list(stack.batches(4))
    notes = " ".join(caught.value.__notes__)
    assert lost in notes
    assert f"Standardising cells: in batch 2 of 2, 4 files from {stack.image_ids[4]} to" in notes


def test_a_cluster_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(parallel, "_PATIENCE", 1)
    settings = ComputeParameters(backend="dask", n_jobs=-1, scheduler="tcp://127.0.0.1:9", batch_size=4)
    with pytest.raises(ClusterError, match=r"No Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        next(map_batches(len, ["a"], total=1, settings=settings, description="Counting"))


def test_workers_must_be_there_and_run_the_same_code(start_cluster, repository, tmp_path):
    cluster = start_cluster()
    count = partial(map_batches, len, ["a"], total=1, settings=cluster.settings, description="Counting")
    with pytest.raises(ClusterError, match="has no workers"):
        next(count())
    shutil.copytree(repository / "src", tmp_path / "src")
    (tmp_path / "src" / "blastscreen" / "changed.py").write_text("CHANGED = True\n")
    cluster.add_worker("other", PYTHONPATH=str(tmp_path / "src"))
    with pytest.raises(ClusterError, match=r"1 of the 1 workers .* run another version"):
        next(count())
