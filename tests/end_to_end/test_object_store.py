"""From an S3 server on loopback come the bits that local files give, here and on Dask workers that read there, too."""

import pickle

import pandas as pd
import pytest
from kedro.io.core import DatasetError, Version
from PIL import Image

from blastscreen.datasets import ArrayStack, CellImageFolder
from blastscreen.synthesis.drawing import draw_cell
from blastscreen.synthesis.plan import plan_sample

distributed = pytest.importorskip("distributed", reason="needs the extra: pip install 'blastscreen[distributed]'")
s3fs = pytest.importorskip("s3fs", reason="needs the extra: pip install 'blastscreen[s3]'")
server = pytest.importorskip("moto.server", reason="needs the test dependencies: make install")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def credentials():
    """What an empty bucket on a server of this test's own wants to be told."""
    s3 = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    host, port = s3.get_host_and_port()
    keys = {"key": "test", "secret": "test", "client_kwargs": {"endpoint_url": f"http://{host}:{port}"}}
    s3fs.S3FileSystem(**keys).mkdir("bucket")
    yield keys
    s3.stop()


@pytest.fixture(scope="module")
def cells(credentials, tmp_path_factory):
    """Drawn cells in a local folder and, under the same names, in the bucket."""
    folder = tmp_path_factory.mktemp("images") / "cells"
    for plan in plan_sample(n_cells=30, n_subjects=6, seed=3):
        file = folder / plan.image_id
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_cell(plan, seed=3)).save(file)
    (folder / "odd é %41 #1.bmp").write_bytes(b"no picture at all")
    (folder / "empty.bmp").write_bytes(b"")
    s3 = s3fs.S3FileSystem(**credentials)
    s3.put(str(folder), "bucket/cells", recursive=True)
    # what some tools leave in the place of a folder
    s3.pipe_file("bucket/cells/placeholder/", b"")
    return folder


@pytest.fixture(scope="module")
def scheduler():
    """Address of a cluster of two worker processes."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_a_bucket_that_is_not_there_is_named(credentials, toy_cells):
    stack, _ = toy_cells(4)
    with pytest.raises(DatasetError, match=r"s3://absent/cells\.zarr.* cannot be written: .*bucket"):
        ArrayStack(filepath="s3://absent/cells.zarr", version=Version(None, None), credentials=credentials).save(stack)
    with pytest.raises(DatasetError, match=r"There is no folder 's3://absent/cells'"):
        CellImageFolder(path="s3://absent/cells", credentials=credentials).load()


def test_images_and_cells_in_a_bucket_change_nothing(credentials, cells, scheduler, make_project):
    folder = {"type": "blastscreen.datasets.CellImageFolder"}
    stack = {"type": "blastscreen.datasets.ArrayStack", "versioned": True, "credentials": "bucket"}
    table = {"type": "blastscreen.datasets.AtomicParquet", "versioned": True, "credentials": "bucket"}
    local, remote = make_project(), make_project()
    local.write_local("catalog", {"raw_cells": folder | {"path": str(cells)}})
    remote.write_local("credentials", {"bucket": credentials})
    entries = {
        "raw_cells": folder | {"path": "s3://bucket/cells", "credentials": "bucket"},
        "cell_images": stack | {"filepath": "s3://bucket/results/cell_images.zarr"},
        "cell_index": table | {"filepath": "s3://bucket/results/cell_index.parquet"},
    }
    remote.write_local("catalog", entries)
    local.run("feature_engineering")
    ours = local.catalog()
    for compute in ({"backend": "threading"}, {"backend": "dask", "scheduler": scheduler}):
        version = remote.run("feature_engineering", params={"compute": compute})
        theirs = remote.catalog()
        for name in ("cell_index", "cell_splits", "cell_features"):
            pd.testing.assert_frame_equal(theirs.load(name), ours.load(name), check_exact=True)
        stored = theirs.load("cell_images")
        assert (stored.read(0, len(stored)) == ours.load("cell_images").read(0, len(stored))).all()
        assert theirs["cell_images"].resolve_load_version() == version
        assert len(pickle.dumps(stored.batch(0, 1))) < 2_500
    kept = s3fs.S3FileSystem(**credentials).glob("bucket/results/*/*/*")
    names = ("cell_images.zarr", "cell_index.parquet", "cell_index.parquet.sha256")
    assert sorted(path.split("/")[-1] for path in kept) == [name for name in names for _ in range(2)]
