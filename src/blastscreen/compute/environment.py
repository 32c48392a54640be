"""What a run was made of: enough to repeat it, nothing that names the machine or its owner."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import joblib

from blastscreen.redaction import redact, redact_text

LIBRARIES = (
    "blastscreen",
    "joblib",
    "kedro",
    "keras",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "skops",
    "tensorflow",
    "zarr",
)
PROCESSOR_SETTINGS = (
    # number of threads: the order of sums
    *("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"),
    *("OPENBLAS_NUM_THREADS", "OPENBLAS_DEFAULT_NUM_THREADS", "GOTO_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    # kernels of the linear algebra, and the blocks that they cut matrices into
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_BLOCK_FACTOR", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS"),
    # instructions that NumPy, OpenCV, Arrow and the C library may use
    *("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "OPENCV_CPU_DISABLE", "OPENCV_IPP"),
    *("ARROW_USER_SIMD_LEVEL", "GLIBC_TUNABLES"),
    # what Numba compiles for
    *("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_DISABLE_JIT", "NUMBA_ENABLE_AVX", "NUMBA_DISABLE_INTEL_SVML"),
    *("NUMBA_OPT", "NUMBA_LOOP_VECTORIZE", "NUMBA_SLP_VECTORIZE"),
    # kernels of TensorFlow
    *("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "XLA_FLAGS", "TF_CUDNN_DETERMINISTIC", "NVIDIA_TF32_OVERRIDE"),
    *(f"{library}_{name}" for library in ("ONEDNN", "DNNL") for name in ("MAX_CPU_ISA", "CPU_ISA_HINTS")),
    *("ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"),
)
"""Environment variables by which the last digits of a result may move on one and the same machine."""


def describe_environment(project_path: Path) -> dict[str, object]:
    """Record code, libraries and threads.

    Returns:
        `git` (commit, and whether files differ from it; null outside a repository), `python`, `platform`,
        `libraries` (versions; null where one is not installed), `cores`, `processor_settings` (those of
        `PROCESSOR_SETTINGS` that are set) and `tensorflow` (its threads, oneDNN and GPUs; null where the run did not
        need it).
    """
    settings = {name: redact_text(os.environ[name]) for name in PROCESSOR_SETTINGS if name in os.environ}
    return {
        "git": describe_git(project_path),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "libraries": {name: _find_version(name) for name in LIBRARIES},
        "cores": joblib.cpu_count(),
        "processor_settings": settings,
        "tensorflow": _describe_tensorflow(),
    }


def _find_version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _describe_tensorflow() -> dict[str, object] | None:
    if "tensorflow" not in sys.modules:
        return None
    return describe_runtime()


def describe_runtime() -> dict[str, object]:
    """Tell on what TensorFlow runs in this process.

    Returns:
        `threads`, `onednn` (whether its operations are on, which moves the last bits) and `gpus` (their names).
    """
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
    """Name the commit of a working tree and say whether tracked files differ from it; nulls where there is no git."""
    commit = _git(project_path, "rev-parse", "HEAD")
    changes = _git(project_path, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "modified": None if changes is None else bool(changes)}


def _git(project_path: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(  # noqa: S603
            ["git", "-C", str(project_path), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def compare_settings(made: Mapping[str, Any], current: Mapping[str, Any], *, blocks: Sequence[str]) -> list[str]:
    """List the settings in which two runs differ.

    Args:
        made: Parameters in the manifest of a run.
        current: Parameters of the run that is about to begin.
        blocks: Names of the blocks that count.

    Returns:
        One text per setting, "<block>.<field> was <value>, is <value>".
    """
    then, now = (_flatten({name: redact(values.get(name, {})) for name in blocks}) for values in (made, current))
    return [
        f"{name} was {then.get(name, 'not there')}, is {now.get(name, 'not there')}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]


def resume_command(run_params: dict[str, Any], *, model: str) -> str:
    """Spell the command that repeats a run and resumes its training.

    Args:
        run_params: What Kedro tells hooks of the run.
        model: Name of the parameter block that has a `resume`.

    Returns:
        A line for the shell.
    """
    lists = {
        "pipelines": "pipeline_names",
        "nodes": "node_names",
        "from-nodes": "from_nodes",
        "to-nodes": "to_nodes",
        "from-inputs": "from_inputs",
        "to-outputs": "to_outputs",
        "tags": "tags",
        "namespaces": "namespaces",
    }
    options = {"env": run_params.get("env")}
    options |= {option: ",".join(run_params.get(name) or ()) for option, name in lists.items()}
    versions = run_params.get("load_versions") or {}
    options["load-versions"] = ",".join(f"{name}:{version}" for name, version in versions.items())
    values = _flatten(run_params.get("runtime_params") or {}) | {f"{model}.resume": "true"}
    options["params"] = ",".join(f"{name}={value}" for name, value in values.items()).replace(r"\${", "${")
    return shlex.join(["kedro", "run", *(f"--{option}={value}" for option, value in options.items() if value)])


def _flatten(parameters: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in parameters.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = str(value).lower() if isinstance(value, bool) else str(value)
    return flat
