"""What lets an interrupted run go on: the command to type, and what is kept until a run ends well."""

import shlex
from collections.abc import Mapping
from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from blastscreen.parameters import flatten, spell

_LISTS = (
    *("pipeline_names", "node_names", "from_nodes", "to_nodes"),
    *("from_inputs", "to_outputs", "tags", "namespaces"),
)
"""What hooks call the options of `kedro run` that take several names."""


def advise_after_ctrl_c(run_params: Mapping[str, Any], node: Node | None) -> str:
    """Say what to type when a step was interrupted: one that writes checkpoints goes on from its last."""
    for name in node.inputs if node else ():
        if name.endswith("_checkpoint"):
            command = resume_command(run_params, model=name.removesuffix("_checkpoint"))
            return f"Training was interrupted. To go on from its last whole epoch, type:\n{command}"
    return "Interrupted. Nothing was left half-written: type the same command to run it again."


def forget_unfinished(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """Remove what an interrupted run would have gone on from: this one has stored its results."""
    for name in sorted(pipeline.datasets()):
        forget = getattr(catalog.get(name), "forget_unfinished", None)
        if forget is not None:
            forget()


def resume_command(run_params: Mapping[str, Any], *, model: str) -> str:
    """Spell the command that repeats a run and resumes its training.

    Args:
        run_params: As Kedro gives them to hooks.
        model: Name of the parameter block that has a `resume`.
    """
    options = {"env": run_params.get("env")}
    for name in _LISTS:
        options[name.replace("_names", "s").replace("_", "-")] = ",".join(run_params.get(name) or ())
    versions = run_params.get("load_versions") or {}
    options["load-versions"] = ",".join(f"{name}:{version}" for name, version in versions.items())
    values = flatten(run_params.get("runtime_params") or {}) | {f"{model}.resume": True}
    options["params"] = ",".join(f"{name}={spell(value)}" for name, value in values.items()).replace(r"\${", "${")
    return shlex.join(["kedro", "run", *(f"--{option}={value}" for option, value in options.items() if value)])
