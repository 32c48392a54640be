"""Naming the pipelines is quick: what they compute with is left alone until a node runs."""

import subprocess
import sys

HEAVY = {"distributed", "imblearn", "keras", "matplotlib", "numba", "pandera", "plotly", "scipy", "skimage", "sklearn"}
HEAVY |= {"skops", "statsmodels", "tensorflow", "zarr"}


def test_listing_the_pipelines_imports_no_heavy_library(repository):
    command = [sys.executable, "-X", "importtime", "-m", "kedro", "registry", "list"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "blastscreen.pipelines.rf.nodes" in loaded
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
