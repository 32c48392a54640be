"""What a run was made of: enough to repeat it, nothing that names the machine or its owner."""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib

from blastscreen.redaction import redact_text

LIBRARIES = (
    *("blastscreen", "joblib", "kedro", "keras", "numpy", "opencv-python-headless", "pandas", "pyarrow"),
    *("scikit-learn", "scipy", "skops", "tensorflow", "zarr"),
)
PROCESSOR_SETTINGS = re.compile(
    r"(OMP|MKL|OPENBLAS|GOTO|VECLIB|NPY|NUMBA|ONEDNN|DNNL)_\w+|OPENCV_(CPU_DISABLE|IPP)|ARROW_USER_SIMD_LEVEL"
    r"|GLIBC_TUNABLES|TF_(NUM_INTRAOP_THREADS|ENABLE_ONEDNN_OPTS|XLA_FLAGS|CUDNN_DETERMINISTIC)|XLA_FLAGS"
    r"|NVIDIA_TF32_OVERRIDE"
)
"""Environment variables that may move last digits on one machine: threads, kernels of libraries, instructions."""


def describe_environment(project_path: Path) -> dict[str, object]:
    """Record code, libraries and threads; null where there is no git, no such library, or no need of TensorFlow."""
    settings = {name: redact_text(value) for name, value in os.environ.items() if PROCESSOR_SETTINGS.fullmatch(name)}
    return {
        "git": describe_git(project_path),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "libraries": {name: _find_version(name) for name in LIBRARIES},
        "cores": joblib.cpu_count(),
        "processor_settings": dict(sorted(settings.items())),
        "tensorflow": describe_runtime() if "tensorflow" in sys.modules else None,
    }


def _find_version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def describe_runtime() -> dict[str, object]:
    """Look up TensorFlow's `threads`, `onednn` (whether its operations are on: they move the last bits) and `gpus`."""
    import tensorflow as tf
    from tensorflow.python.util import _pywrap_util_port

    return {
        "threads": count_threads(),
        "onednn": bool(_pywrap_util_port.IsMklEnabled()),
        "gpus": [
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ],
    }


def count_threads() -> int:
    """Count the threads that TensorFlow computes an operation on."""
    import tensorflow as tf

    # 0: nothing was asked of TensorFlow, which then takes every core
    return int(tf.config.threading.get_intra_op_parallelism_threads() or joblib.cpu_count())


def describe_git(project_path: Path) -> dict[str, object]:
    """Look up the commit of a working tree, and whether tracked files differ from it; nulls where there is no git."""
    commit = _git(project_path, "rev-parse", "HEAD")
    changes = _git(project_path, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "modified": None if changes is None else bool(changes)}


def _git(project_path: Path, *arguments: str) -> str | None:
    try:
        command = ["git", "-C", str(project_path), *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
