import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("kill_saves.py")
KILLS = {"parquet": 20, "json": 26, "figure": 12, "cells": 20, "model": 12, "network": 10}
NO_THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
# as in pyproject.toml
KERAS_ON_NUMPY_2 = ("-W", "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KILLS)
def test_a_killed_save_is_never_loaded_and_is_swept(tmp_path, kind, record_property):
    """After each of 100 kills the last whole version loads, or none is there, and the next save works."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *KERAS_ON_NUMPY_2, str(DRIVER), kind, str(tmp_path), str(KILLS[kind])],
        env=os.environ | NO_THREADS,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    record_property("kills", counts)
    assert counts["before"] + counts["during"] + counts["after"] == KILLS[kind]
    assert min(counts["during"], counts["remains"]) >= KILLS[kind] / 5, counts
