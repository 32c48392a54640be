"""Completes the reference pages from conf and code when the documentation is built.

A page holds what only a person can say; everything that conf or code also say is filled in here, and what does not
match stops the build.
"""

import inspect
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kedro.io import CatalogConfigResolver
from kedro.pipeline.node import Node
from mkdocs.exceptions import PluginError

from blastscreen.datasets.viz import LayeredConfigLoader
from blastscreen.features import FEATURES
from blastscreen.parameters import Parameters
from blastscreen.pipeline_registry import register_pipelines
from blastscreen.settings import CONFIG_LOADER_ARGS

CONF = Path(__file__).parents[1] / "conf"
ENVIRONMENTS = ("cnmc", "paper")
_ROW = re.compile(r"^\| `(?P<entry>[^`]+)` \| (?P<text>.+) \|$", re.MULTILINE)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in the page that MkDocs is about to render, if it is one of the generated ones."""
    match page.file.src_uri:
        case "reference/catalog.md":
            return complete_catalog(markdown)
        case "reference/parameters.md":
            return markdown.replace("<!-- parameters -->", describe_parameters())
        case "reference/features.md":
            return markdown.replace("<!-- features -->", "\n\n".join(map(describe_group, FEATURES)))
    return markdown


def load_conf(kind: str, environment: str = "base") -> dict[str, Any]:
    """Load `catalog` or `parameters` as a run in an environment sees them."""
    loader = LayeredConfigLoader(str(CONF), **CONFIG_LOADER_ARGS | {"default_run_env": environment})
    return loader[kind]


def all_nodes() -> list[Node]:
    """List the nodes of all registered pipelines, in the order in which they run."""
    # `every_model` has the nodes of these for more models
    return sum(nodes for name, nodes in register_pipelines().items() if name not in ("__default__", "reporting")).nodes


def complete_catalog(markdown: str) -> str:
    """Add to each row `| entry | what it holds |` its writers, its readers, its class, and its layer and file.

    Raises:
        PluginError: The rows are not the entries of conf/base/catalog.
    """
    catalog = load_conf("catalog")
    rows = [match["entry"] for match in _ROW.finditer(markdown)]
    if sorted(rows) != sorted(catalog):
        wrong = sorted(set(rows) ^ set(catalog)) or "a repeated row"
        raise PluginError(f"docs/reference/catalog.md and conf/base/catalog do not list the same entries: {wrong}")
    resolver = CatalogConfigResolver(catalog)

    def complete(match: re.Match[str]) -> str:
        entry = match["entry"]
        nodes = all_nodes()
        written = [node for node in nodes if entry in {_entry(name, resolver) for name in node.outputs}]
        read = [node for node in nodes if entry in {_entry(name, resolver) for name in node.inputs}]
        dataset_class = catalog[entry]["type"].rsplit(".", 1)[-1]
        layer = catalog[entry].get("metadata", {}).get("kedro-viz", {}).get("layer")
        file = Path(catalog[entry].get("filepath", "")).name
        where = "<br>".join(f"`{part}`" for part in (layer, file) if part)
        cells = (_names(written), _names(read), f"`{dataset_class}`", where)
        return " | ".join([match[0].removesuffix(" |"), *cells]) + " |"

    return _ROW.sub(complete, markdown)


def _entry(name: str, resolver: CatalogConfigResolver) -> str | None:
    return name if name in resolver.config else resolver.match_dataset_pattern(name)


def _names(nodes: Iterable[Node]) -> str:
    return ", ".join(dict.fromkeys(f"`{node.func.__name__}`" for node in nodes))


def describe_parameters() -> str:
    """Write a section for each block: its fields with meaning, limits, default, and what other environments set.

    Raises:
        PluginError: A field has no description, or a block is read by no node.
    """
    values = load_conf("parameters")
    others = {environment: load_conf("parameters", environment) for environment in ENVIRONMENTS}
    nodes = all_nodes()
    sections = []
    readers = {block: [node for node in nodes if block in map(_block, node.inputs)] for block in values}
    for block in sorted(values):
        if not readers[block]:
            raise PluginError(f"no node reads the parameters '{block}'")
        model = _model_of(block, readers[block][0])
        intro = inspect.getdoc(model)
        lines = [f"## `{block}`", "", f"{intro} Read by {_names(readers[block])}.", "", *_HEADER]
        for field, value in values[block].items():
            elsewhere = [
                f"{name}: {_value(other[block][field])}"
                for name, other in others.items()
                if other[block][field] != value
            ]
            meaning, limits = _describe_field(field, model) if model else ("", "text")
            lines.append(f"| `{field}` | {meaning} | {limits} | {_value(value)} | {', '.join(elsewhere)} |")
        sections.append("\n".join(lines))
    return "\n\n".join(sections)


def describe_group(name: str) -> str:
    """Write the section of a group of features from its docstring: what it computes, and a row for each value."""
    about, _, values = (inspect.getdoc(FEATURES[name]) or "").partition("\nReturns:\n")
    rows = re.findall(r"^    (\w+) \(([^)]+)\): (.+?)(?=^    \w|\Z)", values, re.MULTILINE | re.DOTALL)
    table = [f"| `{value}` | {unit} | {' '.join(text.split()).replace('|', '&#124;')} |" for value, unit, text in rows]
    return "\n".join([f"## `{name}`", "", about, "| feature | range | definition |", "|---|---|---|", *table])


_HEADER = ("| field | meaning | allowed | default | elsewhere |", "|---|---|---|---|---|")


def _block(dataset: str) -> str | None:
    return dataset.removeprefix("params:").split(".")[0] if dataset.startswith("params:") else None


def _model_of(block: str, node: Node) -> type[Parameters] | None:
    """Return the model that a node asks for, or None where it takes a plain value."""
    arguments = zip(inspect.signature(node.func).parameters, node.inputs, strict=False)
    name = next(name for name, dataset in arguments if _block(dataset) == block)
    annotation = inspect.get_annotations(node.func, eval_str=True)[name]
    return annotation if issubclass(annotation, Parameters) else None


def _value(value: object) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _describe_field(field: str, model: type[Parameters]) -> tuple[str, str]:
    description = model.model_fields[field].description
    if not description:
        raise PluginError(f"{model.__name__}.{field} has no description, which its reference page needs")
    schema = model.model_json_schema()
    limits = _limits(schema["properties"][field], schema.get("$defs", {}))
    return description.replace("|", r"\|"), limits


def _limits(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[-1]]
    if "anyOf" in schema:
        return " or ".join(_limits(choice, definitions) for choice in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_limits(schema['items'], definitions)}"
    words = {"minimum": "≥ ", "exclusiveMinimum": "> ", "maximum": "≤ ", "exclusiveMaximum": "< "}
    bounds = [f"{sign}{schema[key]:g}" for key, sign in words.items() if key in schema]
    kind = {"string": "text", "boolean": "`true`, `false`"}.get(schema["type"], schema["type"])
    return " ".join([kind, ", ".join(bounds)]).strip()
