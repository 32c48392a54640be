"""The documentation builds without a warning, asks nobody for anything, and says what conf and code say."""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml

from blastscreen.evaluation.rates import evaluate_cells
from blastscreen.features import FEATURES
from blastscreen.features.measurement import feature_names
from blastscreen.models import MODELS
from blastscreen.pipeline_registry import register_pipelines
from blastscreen.runs.user_input import TEXT_PARAMETERS
from blastscreen.synthesis.drawing import write_cells
from blastscreen.synthesis.plan import plan_sample
from blastscreen.vocabulary import CONSEQUENCES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
CONF = ROOT / "conf"


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def first_cells(markdown: str) -> list[str]:
    """What stands between back-ticks in the first column of the tables."""
    return re.findall(r"^\| `([^`]+)` \|", markdown, re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_every_page_is_built(site):
    built = {page.relative_to(site).with_suffix(".md") for page in site.rglob("*.html")} - {Path("404.md")}
    assert built == {page.relative_to(DOCS) for page in DOCS.rglob("*.md")}


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site):
    loading = re.compile(
        r"<(?:script|img|iframe|source|video)[^>]*\ssrc=[\"']?(?:https?:)?//[^>]*>|<link[^>]*\shref=[\"']?(?:https?:)?//[^>]*>"
    )
    found = {match for page in site.rglob("*.html") for match in loading.findall(page.read_text(encoding="utf-8"))}
    assert {tag for tag in found if "canonical" not in tag} == set()
    styles = [style for style in site.rglob("*.css") if re.search(r"url\(\s*[\"']?(?:https?:)?//", style.read_text())]
    assert styles == []


@pytest.mark.slow
def test_the_catalog_page_has_every_entry_with_its_nodes_and_file(site):
    page = (site / "reference" / "catalog.html").read_text(encoding="utf-8")
    rows = {match[1]: match[0] for match in re.finditer(r"<tr>\s*<td><code>(.+?)</code>.*?</tr>", page, re.DOTALL)}
    entries = {name: entry for file in (CONF / "base" / "catalog").glob("*.yml") for name, entry in load(file).items()}
    assert set(rows) == set(entries)
    for name, entry in entries.items():
        assert entry["type"].rsplit(".")[-1] in rows[name]
        assert Path(entry.get("filepath", "")).name.rstrip("}") in rows[name]
    assert rows["cell_splits"].index("split_cells") < rows["cell_splits"].index("train_classifier")
    assert "draw_roc" in rows["{model}_predictions"]


@pytest.mark.slow
def test_the_parameters_page_has_every_field_with_meaning_and_value(site):
    page = (site / "reference" / "parameters.html").read_text(encoding="utf-8")
    sections = {part.split('"', 1)[0]: part for part in page.split('<h2 id="')[1:]}
    blocks = {
        name: block for file in (CONF / "base" / "parameters").glob("*.yml") for name, block in load(file).items()
    }
    assert set(sections) == set(blocks)
    for name, block in blocks.items():
        rows = re.findall(r"<tr>\s*<td><code>(\w+)</code>", sections[name])
        assert rows == list(block)
    assert MODELS["rf"].parameters.model_fields["n_trees"].description in sections["rf"]
    assert "<td><code>100</code></td>" in sections["rf"]
    assert "paper: <code>image</code>" in sections["splits"]


def load(file: Path) -> dict:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def test_reason_codes_are_complete_and_rightly_called():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", text("reference/reasons.md"), re.MULTILINE)
    assert sorted(rows) == sorted((code.value, consequence.value) for code, consequence in CONSEQUENCES.items())


@pytest.mark.slow
def test_the_features_page_has_every_feature_in_order(site, feature_settings):
    page = (site / "reference" / "features.html").read_text(encoding="utf-8")
    found = re.findall(r"<tr>\s*<td><code>(\w+)</code>", page)
    assert tuple(found) == feature_names(feature_settings(groups=list(FEATURES)))


def test_metrics_are_complete_and_in_order():
    nobody = pd.DataFrame({"subject_id": [], "subject_group": [], "label": [], "blast_probability": []})
    metrics = evaluate_cells(nobody, threshold=0.5, confidence_level=0.95)
    assert first_cells(text("reference/metrics.md")) == list(metrics)


def test_commands_name_every_pipeline_and_make_target():
    page = text("reference/commands.md")
    names = first_cells(page)
    targets = re.findall(r"^(\w+):.*## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    of_models = {f"{prefix}{model}" for prefix in ("", "predict_", "external_") for model in MODELS}
    assert set(register_pipelines()) - of_models <= set(names)
    assert re.findall(r"^\| `make (\w+)` \| (.+) \|$", page, re.MULTILINE) == targets


def test_the_picture_of_the_datas_way_is_that_of_the_pipelines():
    nodes = register_pipelines()["__default__"].nodes
    for line in re.findall(r"^.+ -> (?:.+ -> ).+$", text("index.md"), re.MULTILINE):
        read, name, written = (part.removesuffix(" ...").split(", ") for part in line.split(" -> "))
        ours = [node for node in nodes if node.namespace.split(".")[0] == name[0]]
        outputs = {entry for node in ours for entry in node.outputs}
        inputs = {entry for node in ours for entry in node.inputs if not entry.startswith("params:")} - outputs
        kept = {entry for entry in inputs if entry.endswith(("_parts", "_checkpoint"))}
        assert set(written) - {"figures"} <= outputs, line
        assert set(read) == (inputs - kept if name != ["reporting"] else {"all of these"}), line


def test_every_package_is_in_the_api_reference():
    pages = [page.read_text(encoding="utf-8") for page in (DOCS / "reference" / "api").glob("*.md")]
    described = [name for page in pages for name in re.findall(r"^::: (\S+)", page, re.MULTILINE)]
    own = [item for item in (ROOT / "src" / "blastscreen").iterdir() if item.suffix in ("", ".py")]
    members = {item.stem for item in own if not item.name.startswith("__")}
    assert sorted(described) == sorted(f"blastscreen.{name}" for name in members - {"settings", "pipelines"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_in_the_text_exist(page):
    blocks = {block for file in (CONF / "base" / "parameters").glob("*.yml") for block in load(file)}
    environments = {folder.name for folder in CONF.iterdir()} | {"mylab"}
    for command in re.findall(r"kedro run [^`\n]+", page.read_text(encoding="utf-8")):
        options = dict(re.findall(r"--([a-z-]+)=(\S+)", command))
        pipelines = options.get("pipeline", options.get("pipelines", "__default__")).split(",")
        assert set(pipelines) <= set(register_pipelines()) | {"naive_bayes", "predict_naive_bayes"}, command
        assert options.get("env", "base") in environments, command
        nodes = {node.name for pipeline in register_pipelines().values() for node in pipeline.nodes}
        named = [options[option].split(",") for option in ("nodes", "from-nodes") if option in options]
        assert {node for names in named for node in names if "<" not in node} <= nodes, command
        names = re.findall(r"(?:^|,)([\w.]+)=", options.get("params", ""))
        assert {name.split(".")[0] for name in names} <= blocks | TEXT_PARAMETERS | {"seed"}, command


@pytest.mark.parametrize("page", [page for page in PAGES if ">>>" in page.read_text()], ids=lambda page: page.stem)
def test_examples_give_what_the_text_says(page):
    example = doctest.DocTestParser().get_doctest(page.read_text(encoding="utf-8"), {}, page.name, str(page), 0)
    output: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=output.append)
    assert "".join(output) == ""


PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_python_in_the_text_runs_on_what_make_run_makes(default_run, jupyter):
    notebook = nbformat.v4.new_notebook()
    for page in PAGES:
        if blocks := PYTHON.findall(page.read_text(encoding="utf-8")):
            # each page on its own
            for block in ["%reset -f", "%reload_ext kedro.ipython", *(f"# {page.name}\n{block}" for block in blocks)]:
                notebook.cells.append(nbformat.v4.new_code_cell(block))
    assert len(notebook.cells) > 10
    jupyter(notebook, default_run[0].folder)


TITLED = re.compile(r'^```\w+ title="(add to MODELS in |add to |)(\S+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_a_model_of_twenty_lines_in_three_files_runs_and_predicts(make_project, tmp_path):
    typed = TITLED.findall(text("how-to/model.md"))
    assert len(typed) == 3
    assert sum(bool(line.strip()) for _, _, content in typed for line in content.splitlines()) <= 20
    folder = make_project().folder
    type_in("how-to/model.md", folder)
    write_cells(tmp_path / "cells", plan_sample(n_cells=20, n_subjects=4, seed=9), seed=9)
    outside = f"--params=external_images={tmp_path / 'cells'}"
    for options in (["--pipeline=naive_bayes"], ["--pipeline=predict_naive_bayes", outside]):
        run = [sys.executable, "-m", "kedro", "run", *options]
        done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    for result in ("model.skops", "importances.parquet", "metrics.json", "external_triage.csv"):
        assert list(folder.glob(f"data/*/sample/naive_bayes_{result}/*/naive_bayes_{result}")), result


@pytest.mark.slow
def test_a_feature_can_be_added_as_described(make_project, tmp_path, monkeypatch):
    # Kedro puts the code of a project that it opens on both: here that of the copy
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    monkeypatch.setattr(sys, "path", sys.path[:])
    page, project = text("how-to/feature.md"), make_project()
    blocks = TITLED.findall(page)
    code = [content for _, name, content in blocks if not name.startswith("tests/")]
    assert len(code) == 1
    assert len([line for line in code[0].splitlines() if line.strip()]) <= 10
    of_every_group = ["tests/features/test_groups.py", "tests/laws/test_feature_laws.py"]
    for name in ("tests/conftest.py", "tests/features/conftest.py", *of_every_group):
        (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, project.folder / name)
    type_in("how-to/feature.md", project.folder)

    def call(*command: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(project.folder / "src")}
        command = [sys.executable, "-m", *command]
        return subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)

    tested = call("pytest", "-q", "-p", "no:cacheprovider", *of_every_group, *(name for _, name, _ in blocks[1:]))
    assert tested.returncode == 0, tested.stdout
    train = shlex.split(re.search(r"^kedro run .+", page, re.MULTILINE)[0])
    done = call(*train)
    assert done.returncode == 0, done.stdout + done.stderr
    catalog = project.catalog()
    assert "hu_1" in set(catalog.load("rf_importances")["feature"])
    write_cells(tmp_path / "cells", plan_sample(n_cells=20, n_subjects=4, seed=9), seed=9)
    predict = ["--pipeline=predict", "--to-outputs=rf_external_predictions"]
    refused = call("kedro", "run", *predict, f"--params=external_images={tmp_path / 'cells'}")
    assert refused.returncode != 0
    assert re.search(r"features.groups was \[.*hu.*\],\s+is \[", refused.stdout + refused.stderr)
    done = call("kedro", "run", *predict, f"{train[-1]},external_images={tmp_path / 'cells'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert catalog.load("external_features")["hu_1"].notna().any()
    assert catalog.load("rf_external_predictions")["blast_probability"].notna().any()


def type_in(page: str, folder: Path) -> None:
    """Copy the code into a project, then do what a page says: add lines to a file or its list, or write it."""
    shutil.copytree(ROOT / "src", folder / "src", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for action, name, content in TITLED.findall(text(page)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text(encoding="utf-8") if action else ""
        before, closing, after = before.partition("}\n" if "MODELS" in action else "\0")
        file.write_text(before + content + closing + after, encoding="utf-8")
