"""What a run was made of: enough to repeat it, nothing that names the machine or its owner."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import joblib
from pydantic import BaseModel

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
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_ENABLE_ONEDNN_OPTS")


def describe_environment(project_path: Path) -> dict[str, object]:
    """Record code, libraries and threads.

    Returns:
        `git` (commit, and whether files differ from it; null outside a repository), `python`, `platform`,
        `libraries` (versions), `cores`, `thread_settings` (environment variables that move the last bits of results)
        and `tensorflow` (its threads, oneDNN and GPUs; null where the run did not need it).
    """
    return {
        "git": describe_git(project_path),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "libraries": {name: version(name) for name in LIBRARIES},
        "cores": joblib.cpu_count(),
        "thread_settings": {name: os.environ.get(name) for name in _THREAD_VARIABLES},
        "tensorflow": _describe_tensorflow(),
    }


def _describe_tensorflow() -> dict[str, object] | None:
    if "tensorflow" not in sys.modules:
        return None
    from blastscreen.models.training import describe_runtime

    return describe_runtime()


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


def plain(value: object) -> object:
    """Turn parameters into what JSON can hold: models become mappings, paths lose all but their last part."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str) and ("/" in value or "\\" in value):
        return Path(value.replace("\\", "/")).name
    return value
