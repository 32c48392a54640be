"""What is wrong with a parameter: where it stands, what it is, and what it may be."""

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.project import pipelines
from kedro.validation import TypeExtractor
from pydantic import BaseModel, ValidationError

_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a block of names and values",
}
_BOUNDS = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above", "exclusiveMaximum": "below"}


def describe_wrong_parameters(loader: Any, runtime_params: Mapping[str, Any]) -> list[str]:
    """Hold every block against its model.

    Args:
        loader: Kedro's loader of conf, with the runtime parameters.
        runtime_params: What `--params` gave.

    Returns:
        One text per wrong value; none where all are right.
    """
    values = loader["parameters"]
    models: dict[str, Any] = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
    texts = []
    for block, model in sorted(models.items()):
        try:
            model.model_validate(values.get(block))
        except ValidationError as error:
            texts += [_describe(fault, block, model, loader, runtime_params) for fault in error.errors()]
    return texts


def _describe(fault: Any, block: str, model: type[BaseModel], loader: Any, runtime_params: Mapping[str, Any]) -> str:
    keys = [block, *(str(part) for part in fault["loc"][:1])]
    name = ".".join(keys)
    where = _find(keys, loader, runtime_params)
    if fault["type"] == "value_error":
        return f"{name} ({where}): {fault['ctx']['error']}."
    if fault["type"] == "missing":
        return f"{name} is missing. It is {describe_allowed(model, keys[-1])}."
    if fault["type"] == "extra_forbidden":
        close = difflib.get_close_matches(keys[-1], model.model_fields, n=1)
        known = f"Did you mean {block}.{close[0]}?" if close else f"Known: {', '.join(model.model_fields)}."
        return f"{name} ({where}) is not a parameter. {known}"
    allowed = describe_allowed(model, keys[-1]) if len(keys) > 1 else _KINDS["object"]
    return f"{name} is {json.dumps(fault['input'], default=str)} ({where}). It must be {allowed}."


def describe_allowed(model: type[BaseModel], field: str) -> str:
    """Say what a field may be, and what it means.

    Examples:
        >>> from blastscreen.models.estimators import ForestParameters
        >>> describe_allowed(ForestParameters, "n_trees")
        'a whole number, at least 1 (trees of the forest)'
    """
    schema = model.model_json_schema()
    kind = schema["properties"][field]
    meaning = kind.get("description")
    return _allowed(kind, schema.get("$defs", {})) + (f" ({meaning})" if meaning else "")


def _allowed(kind: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in kind:
        return _allowed(definitions[kind["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in kind:
        return " or ".join(_allowed(one, definitions) for one in kind["anyOf"])
    if "enum" in kind or "const" in kind:
        return " or ".join(json.dumps(value).strip('"') for value in kind.get("enum", [kind.get("const")]))
    text = _KINDS[kind["type"]]
    if "items" in kind:
        text += f", each {_allowed(kind['items'], definitions)}"
    return ", ".join([text, *(f"{words} {kind[bound]}" for bound, words in _BOUNDS.items() if bound in kind)])


def _find(keys: list[str], loader: Any, runtime_params: Mapping[str, Any]) -> str:
    """Name where a value was given: on the command line, or in which file."""
    if _look_up(keys, runtime_params) is not None:
        return "--params"
    for file in _parameter_files(loader):
        given = _look_up(keys, yaml.safe_load(file.read_text(encoding="utf-8")) or {})
        if given is not None:
            text = f", as {given}" if isinstance(given, str) and "${" in given else ""
            return f"{Path(loader.conf_source).name}/{file.relative_to(loader.conf_source).as_posix()}{text}"
    return str(loader.conf_source)


def _parameter_files(loader: Any) -> Iterator[Path]:
    for env in (loader.env or loader.default_run_env, loader.base_env):
        folder = Path(loader.conf_source, env)
        for pattern in loader.config_patterns["parameters"]:
            yield from sorted(file for file in folder.glob(pattern) if file.is_file())


def _look_up(keys: list[str], values: object) -> object:
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values
