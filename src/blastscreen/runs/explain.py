"""What a user is told when a run fails or is interrupted: what to mend, or what to type to go on."""

import errno
import os
import resource
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kedro.framework.session.abstract_session import KedroSessionError
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline.node import Node
from kedro.validation import DataValidationError

from blastscreen.imaging.rejection import StorageError
from blastscreen.parameters import flatten, spell
from blastscreen.vocabulary import Refusal

SMALLER = {
    "compute": ("compute.batch_size", "compute.n_jobs"),
    "cnn": ("cnn.batch_size", "cnn.memory_budget_mib", "cnn.input_side"),
    "rf": ("rf.n_trees",),
    "reporting": ("reporting.sheet_cells", "reporting.error_cells"),
}
"""Per block of parameters, those that take less memory when they are lower."""

NEEDED, NEEDED_FOR_NETWORK = 4_000_000_000, 6_000_000_000
"""Address space of a run without and with TensorFlow, bytes: libraries reserve several times what they use."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WORTH_NAMING = 1_000_000
"""Bytes below which deleting an entry helps nobody."""

_NO_MEMORY = (
    "can't start new thread",
    "failed to map segment",
    "cannot allocate memory",
    "insufficient memory",
    "bad_alloc",
)

_LISTS = (
    *("pipeline_names", "node_names", "from_nodes", "to_nodes"),
    *("from_inputs", "to_outputs", "tags", "namespaces"),
)
"""What hooks call the options of `kedro run` that take several names."""


def add_cause(
    error: Exception, *, node: Node | None = None, entry: str | None = None, catalog: DataCatalog | None = None
) -> None:
    """Add a note to the error of a full disk or of too little memory: which entry or step it was, and what helps."""
    if text := _describe_shortage(error, node, entry, catalog):
        error.add_note(text)


def explain(error: BaseException) -> str | None:
    """Explain an error that the user can mend; None for a fault that is not the user's."""
    errors = list(_chain(error))
    notes = [note for one in errors for note in getattr(one, "__notes__", ())]
    if shortage := _describe_shortage(error):
        return "\n".join(notes) or shortage
    told = [one for one in errors if _is_for_users(one)]
    # the catalog puts a name before Kedro's words, too, and what they wrap may say it better
    said = next((one for one in told if ": Failed while " not in str(one)), next(iter(told), None))
    if isinstance(said, DataValidationError):
        notes.append("Run the pipeline that makes it again.")
    return None if said is None else "\n".join([str(said), *notes])


def _is_for_users(error: BaseException) -> bool:
    if isinstance(error, DataValidationError):
        return error.mode == "load"
    if isinstance(error, DatasetError):
        # otherwise it is Kedro's own text around whatever a load, a save or a look has raised
        return not str(error).startswith(("Failed while", "Failed during"))
    return isinstance(error, Refusal | StorageError | PermissionError | KedroSessionError) or (
        isinstance(error, OSError) and error.errno == errno.EROFS
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _describe_shortage(
    error: BaseException, node: Node | None = None, entry: str | None = None, catalog: DataCatalog | None = None
) -> str | None:
    for one in _chain(error):
        if isinstance(one, OSError) and (one.errno in _FULL or "No space left on device" in str(one)):
            return _describe_full_disk(one, entry or getattr(node, "name", None), catalog)
    return describe_memory(node) if any(map(_is_out_of_memory, _chain(error))) else None


def _is_out_of_memory(error: BaseException) -> bool:
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or type(error).__name__ == "ResourceExhaustedError"
        or any(text in str(error).lower() for text in _NO_MEMORY)
    )


def _describe_full_disk(error: OSError, culprit: str | None, catalog: DataCatalog | None) -> str:
    entries = (catalog.get(name) for name in (culprit, "run_manifest") if catalog and name)
    path = error.filename or next(filter(None, (getattr(entry, "_filepath", None) for entry in entries)), None)
    what = culprit or path or "A file"
    if error.errno == errno.EFBIG:
        return f"{what} could not be written: it is larger than a file may be here (ulimit -f). Raise that limit."
    folder = Path(path or ".").absolute()
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    mount = next(place for place in (folder, *folder.parents) if place.is_mount())
    largest = ", ".join(f"{os.path.relpath(place)} ({_size(size)})" for size, place in _largest_entries(catalog)[:3])
    advice = f"Delete versions that you no longer need; most room is taken by {largest}"
    return (
        f"{what} could not be written: the disk at {mount} is full ({_size(usage.free)} of {_size(usage.total)} free). "
        f"{advice if largest else 'Make room there'}. Then type the same command again: nothing was left half-written."
    )


def _largest_entries(catalog: DataCatalog | None) -> list[tuple[int, Path]]:
    paths = {getattr(entry, "_filepath", None) for entry in (catalog.values() if catalog else ())}
    folders = [Path(path) for path in paths if path and Path(path).is_dir()]
    sizes = [(sum(file.stat().st_size for file in place.rglob("*") if file.is_file()), place) for place in folders]
    return sorted((size for size in sizes if size[0] >= _WORTH_NAMING), reverse=True)


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def describe_memory(node: Node | None = None) -> str:
    """Explain where memory ran out, what bounds it, and what to lower."""
    blocks = [name.removeprefix("params:") for name in node.inputs] if node else []
    smaller = [name for block in blocks for name in SMALLER.get(block, ())]
    limit = _address_space_limit()
    if limit:
        bound = f"a program may take {_size(limit)} of address space here (ulimit -v)"
        remedies = [f"Raise that limit: a run needs {_size(NEEDED)}, with the network {_size(NEEDED_FOR_NETWORK)}"]
    else:
        bound = f"this machine has {_size(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'))}"
        remedies = ["Close other programs"]
    if smaller:
        remedies.append(f"lower {', '.join(smaller)} (--params={smaller[0]}=...)")
    return f"Out of memory{f' in {node.name}' if node else ''}: {bound}. {', or '.join(remedies)}."


def require_memory(*, with_network: bool) -> None:
    """Refuse to begin under a limit that libraries would crash at, some of them without a word."""
    limit, needed = _address_space_limit(), NEEDED_FOR_NETWORK if with_network else NEEDED
    if limit and limit < needed:
        raise Refusal(
            f"The memory limit is too low: a program may take {_size(limit)} of address space here (ulimit -v), and "
            f"this run needs {_size(needed)}. Raise the limit, or type: ulimit -v unlimited"
        )


def _address_space_limit() -> int | None:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit


def advise_after_ctrl_c(run_params: Mapping[str, Any], node: Node | None) -> str:
    """Say what to type when a step was interrupted: one that writes checkpoints goes on from its last."""
    for name in node.inputs if node else ():
        if name.endswith("_checkpoint"):
            command = resume_command(run_params, model=name.removesuffix("_checkpoint"))
            return f"Training was interrupted. To go on from its last whole epoch, type:\n{command}"
    return "Interrupted. Nothing was left half-written: type the same command to run it again."


def resume_command(run_params: Mapping[str, Any], *, model: str) -> str:
    """Spell the command that repeats a run and resumes the training of a model, from what Kedro gives to hooks."""
    options = {"env": run_params.get("env")}
    for name in _LISTS:
        options[name.replace("_names", "s").replace("_", "-")] = ",".join(run_params.get(name) or ())
    versions = run_params.get("load_versions") or {}
    options["load-versions"] = ",".join(f"{name}:{version}" for name, version in versions.items())
    values = flatten(run_params.get("runtime_params") or {}) | {f"{model}.resume": True}
    options["params"] = ",".join(f"{name}={spell(value)}" for name, value in values.items()).replace(r"\${", "${")
    return shlex.join(["kedro", "run", *(f"--{option}={value}" for option, value in options.items() if value)])
