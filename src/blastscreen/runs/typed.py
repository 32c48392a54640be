"""What users give a run, parameters and paths, read so that it stays what they meant.

Kedro splits at every comma and reads each value as YAML, for which `2019_01` is 201901, `010` is 8, `1:30` is 90 and
`~` is nothing.
"""

import json
import re
from pathlib import Path, PurePath
from typing import Any

import click
from kedro.framework.project import pipelines
from kedro.validation import TypeExtractor
from omegaconf import OmegaConf

from blastscreen.datasets.storage import is_remote, local_path
from blastscreen.vocabulary import Refusal

TEXT_PARAMETERS = frozenset({"images", "labels", "external_images", "external_labels"})
"""Runtime parameters that conf reads by itself, and that are text whatever they look like."""

_PATH_KEYS = frozenset({"path", "filepath", "filename"})
# a comma that begins another parameter; any other belongs to the value
_SEPARATOR = re.compile(r",(?=\s*[A-Za-z_]\w*(?:\.\w+)*\s*=)")


def split_params(context: click.Context, option: click.Parameter, typed: str | dict[str, Any]) -> dict[str, Any]:
    """Read `--params`: `<name>=<value>`, several with commas.

    Args:
        context: Of the command, which ends where a name or the equals sign is missing.
        option: Which option it is.
        typed: The text; or a mapping, as a file for `--config` may give it, which is left as it is.

    Returns:
        Values by name, nested where a name has dots. What is text by its meaning stays as it was typed, blanks and all;
        anything else is JSON where it can be read so, and text where not, for the parameter's own model to understand.
    """
    if isinstance(typed, dict):
        return typed
    parameters = OmegaConf.create()
    kinds = list_kinds() if typed.strip(" ,") else {}
    for item in _SEPARATOR.split(typed) if kinds else ():
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            context.fail(f"--{option.name}: '{item}' is not <name>=<value>. Several are separated by commas.")
        is_text = kinds.get(name.strip()) is str
        OmegaConf.update(parameters, name.strip(), _escape(value) if is_text else _read(value.strip(" ,")))
    plain: dict[str, Any] = OmegaConf.to_container(parameters)  # type: ignore[assignment]
    return plain


def _escape(text: str) -> str:
    """Keep OmegaConf from looking up what a folder that is called ${so} seems to refer to."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def _read(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return value


def list_kinds() -> dict[str, Any]:
    """List the parameters that there are, by the names that `--params` has for them.

    Returns:
        Per field its type, per block its model; None where any value may be.
    """
    inputs = {name for pipeline in pipelines.values() for name in pipeline.inputs() if name.startswith("params:")}
    kinds: dict[str, Any] = {name.removeprefix("params:"): None for name in sorted(inputs)}
    kinds |= {name.split(".")[0]: None for name in kinds}
    models: dict[str, Any] = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
    for block, model in models.items():
        kinds |= {block: model} | {f"{block}.{name}": field.annotation for name, field in model.model_fields.items()}
    return kinds | {"seed": int} | dict.fromkeys(TEXT_PARAMETERS, str)


def place_paths(entries: dict[str, Any], *, project_path: Path) -> dict[str, Any]:
    """Spell the paths of a catalog in full: `~` is the home folder, and what is relative starts at the project.

    Kedro does the latter alone, not for a sheet of labels, and takes the colon in `scan:3` for that of an address.

    Args:
        entries: The catalog as conf gives it.
        project_path: Absolute.

    Raises:
        Refusal: A path is a number, for instance.
    """
    return {name: _place(name, value, entries, project_path) for name, value in entries.items()}


def _place(name: str, value: object, entry: dict[str, Any], project_path: Path) -> object:
    if isinstance(value, dict):
        return place_paths(value, project_path=project_path)
    is_path = name in _PATH_KEYS or (name == "labels" and "CellImageFolder" in str(entry.get("type")))
    if not is_path or value is None or is_remote(str(value)):
        return value
    if not isinstance(value, str | PurePath):
        raise Refusal(f"{name}: {value!r} in a catalog is not text, as paths are. Put it between quotes.")
    return (project_path / Path(local_path(str(value))).expanduser()).as_posix()
