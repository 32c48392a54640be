"""What users give a run, parameters and paths: read as they meant it, or refused by name.

Kedro splits at every comma and reads each value as YAML, for which `2019_01` is 201901, `010` is 8, `1:30` is 90 and
`~` is nothing.
"""

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import click
import yaml
from kedro.framework.project import pipelines
from kedro.validation import TypeExtractor
from omegaconf import OmegaConf
from pydantic import BaseModel, ValidationError

from blastscreen.datasets.storage import is_remote, local_path
from blastscreen.vocabulary import Refusal

TEXT_PARAMETERS = frozenset({"images", "labels", "external_images", "external_labels"})
"""Runtime parameters that conf reads by itself, and that are text whatever they look like."""

# a comma that begins another parameter; any other belongs to the value
_SEPARATOR = re.compile(r",(?=\s*[A-Za-z_]\w*(?:\.\w+)*\s*=)")


def split_params(context: click.Context, option: click.Parameter, typed: str | dict[str, Any]) -> dict[str, Any]:
    """Read `--params`: `<name>=<value>`, several with commas; a mapping from a `--config` file is left as it is.

    Returns:
        Values by name, nested where a name has dots. Text stays as it was typed, blanks and all; anything else is JSON
        where it can be read so, and text where not, for the model of its block to understand.
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
    """Keep OmegaConf from resolving what looks like a reference in the name of a folder."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def _read(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return value


def list_kinds() -> dict[str, Any]:
    """List all parameters by the names that `--params` has for them, each with its type, or None for any."""
    inputs = {name for pipeline in pipelines.values() for name in pipeline.inputs() if name.startswith("params:")}
    kinds: dict[str, Any] = {name.removeprefix("params:"): None for name in sorted(inputs)}
    kinds |= {name.split(".")[0]: None for name in kinds}
    for block, model in _list_models().items():
        kinds |= {block: model} | {f"{block}.{name}": field.annotation for name, field in model.model_fields.items()}
    return kinds | {"seed": int} | dict.fromkeys(TEXT_PARAMETERS, str)


def _list_models() -> dict[str, type[BaseModel]]:
    kinds = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
    return {block: kind for block, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def suggest(name: str, known: Collection[str]) -> str:
    """Suggest what was meant by a name that doesn't exist.

    Examples:
        >>> suggest("n_trees", ["cnn", "rf", "rf.n_trees"]), suggest("zzz", ["cnn", "rf", "rf.n_trees"])
        ('Did you mean rf.n_trees?', 'There are: cnn, rf.')
    """
    close = difflib.get_close_matches(name, known, n=3) or [one for one in known if one.endswith(f".{name}")]
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"There are: {', '.join(sorted(one for one in known if '.' not in one) or sorted(known)) or 'none'}."


def find_wrong_parameters(loader: Any, runtime_params: Mapping[str, Any]) -> Iterator[str]:
    """Find parameters that don't exist and values that they can't have; yield what is wrong with each, given where."""
    values, kinds = loader["parameters"], list_kinds()
    for name in map(str, values):
        if name not in kinds and not name.startswith("_"):
            yield f"{name} ({_locate([name], loader, runtime_params)}) is not a parameter. {suggest(name, kinds)}"
    for name in sorted(TEXT_PARAMETERS & values.keys()):
        if not isinstance(values[name], str | PurePath) or not str(values[name]):
            yield (
                f"{name} is {values[name]!r}, not the name of a folder or file. In a file, put names that "
                f"look like numbers between quotes; on the command line type --params={name}=<path>"
            )
    for block, model in sorted(_list_models().items()):
        faults: dict[tuple[str, ...], list[Any]] = {}
        try:
            model.model_validate(_look_up(block.split("."), values))
        except ValidationError as error:
            for fault in error.errors():
                faults.setdefault((*block.split("."), *map(str, fault["loc"][:1])), []).append(fault)
        for keys, found in faults.items():
            yield _describe(keys, found, model, where=_locate(keys, loader, runtime_params))


def _describe(keys: Sequence[str], faults: Sequence[Any], model: type[BaseModel], *, where: str) -> str:
    name, fields = ".".join(keys), model.model_fields
    known = [".".join([*keys[:-1], field]) for field in fields]
    match faults[0]["type"]:
        case "value_error":
            return f"{name} ({where}): {faults[0]['ctx']['error']}."
        case "missing":
            return f"{name} is missing: {fields[keys[-1]].description}."
        case "extra_forbidden":
            return f"{name} ({where}) is not a parameter. {suggest(name, known)}"
    meaning = f" ({fields[keys[-1]].description})" if keys[-1] in fields else ""
    allowed = ", or ".join(fault["msg"].removeprefix("Input should ") for fault in faults)
    return f"{name} is {json.dumps(faults[0]['input'], default=str)} ({where}). It must {allowed}{meaning}."


def _locate(keys: Sequence[str], loader: Any, runtime_params: Mapping[str, Any]) -> str:
    """Name where a value was given: on the command line, or in which file."""
    if _look_up(keys, runtime_params) is not None:
        return "--params"
    conf = Path(loader.conf_source)
    for env in (loader.env or loader.default_run_env, loader.base_env):
        for pattern in loader.config_patterns["parameters"]:
            for file in sorted(conf.joinpath(env).glob(pattern)):
                given = _look_up(keys, yaml.safe_load(file.read_text(encoding="utf-8"))) if file.is_file() else None
                if given is not None:
                    text = f", as {given}" if isinstance(given, str) and "${" in given else ""
                    return f"{conf.name}/{file.relative_to(conf).as_posix()}{text}"
    return str(conf)


def _look_up(keys: Sequence[str], values: object) -> object:
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def place_paths(entries: dict[str, Any], *, project_path: Path) -> dict[str, Any]:
    """Spell the paths of a catalog in full: `~` is the home folder, and what is relative starts at the project.

    Kedro does only the latter, not for a sheet of labels, and takes the colon in `scan:3` for that of an address.

    Raises:
        Refusal: A path is a number, for instance.
    """
    keys = {"path", "filepath", "filename"} | ({"labels"} if "CellImageFolder" in str(entries.get("type")) else set())
    placed = dict(entries)
    for name, value in entries.items():
        if isinstance(value, dict):
            placed[name] = place_paths(value, project_path=project_path)
        elif name in keys and value is not None and not is_remote(str(value)):
            if not isinstance(value, str | PurePath):
                raise Refusal(f"{name}: {value!r} in a catalog is not text, as paths are. Put it between quotes.")
            placed[name] = (project_path / Path(local_path(str(value))).expanduser()).as_posix()
    return placed
