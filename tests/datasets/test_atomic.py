import base64
import inspect
import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import matplotlib as mpl
import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.io.core import DatasetError, Version
from kedro_datasets import plotly
from kedro_datasets.json import JSONDataset
from PIL import Image

from blastscreen.datasets import AtomicFigure, AtomicJSON, AtomicParquet, AtomicPlotly, AtomicText
from blastscreen.datasets.whole_files import wait_for_disk

mpl.use("Agg")

OLD, NEW, NEWEST = "2024-01-01T00.00.00.000Z", "2025-01-01T00.00.00.000Z", "2026-01-01T00.00.00.000Z"


def test_what_never_reached_the_disk_is_reported(tmp_path):
    with pytest.raises(FileNotFoundError):
        wait_for_disk(tmp_path, tmp_path / "none")


def draw_figure():
    figure = mpl.figure.Figure(figsize=(1, 1))
    figure.subplots().plot([0, 1], [1, 0])
    return figure


def draw_chart():
    import plotly.graph_objects as go

    return go.Figure(go.Bar(x=["a"], y=[1]))


def files_under(folder):
    """Names of files and folders, without the digests, each of which lies beside its file."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    digests = [name for name in names if name.endswith(".sha256")]
    assert {name.removesuffix(".sha256") for name in digests} <= set(names)
    return [name for name in names if name not in digests]


def json_dataset(folder, *, load=None, save=None, dataset_class=AtomicJSON):
    return dataset_class(filepath=str(folder / "x.json"), version=Version(load, save))


class SavesMeanwhile(dict):
    """Data that lets another run save, with everything that comes with it, while it is being written itself."""

    def __init__(self, dataset, data):
        super().__init__({"mine": 1})
        self._other = dataset, data

    def items(self):
        dataset, data = self._other
        dataset.save(data)
        return super().items()


@pytest.mark.parametrize("version", [None, Version(None, None)], ids=["unversioned", "versioned"])
@pytest.mark.parametrize(
    ("dataset_class", "data"),
    [
        (AtomicParquet, pd.DataFrame({"name": ["a", "b"], "value": [1.5, 2.0]})),
        (AtomicJSON, {"b": [1, 2.5, None], "a": "x"}),
        (AtomicText, "größer\n<p>10 µm</p>\n"),
        (AtomicPlotly, draw_chart),
    ],
)
def test_round_trip(tmp_path, dataset_class, data, version):
    data = data() if callable(data) else data
    dataset = dataset_class(filepath=str(tmp_path / "deep" / "x"), version=version)
    assert not dataset.exists()
    dataset.save(data)
    assert dataset.exists()
    loaded = dataset_class(filepath=str(tmp_path / "deep" / "x"), version=version).load()
    if isinstance(data, pd.DataFrame):
        pd.testing.assert_frame_equal(loaded, data)
    else:
        assert loaded == data
    assert not [name for name in files_under(tmp_path) if "/." in name]


def test_charts_are_those_of_the_stock_dataset(tmp_path):
    """Written without it, as it takes long to import."""
    AtomicPlotly(filepath=str(tmp_path / "ours.json")).save(draw_chart())
    plotly.JSONDataset(filepath=str(tmp_path / "stock.json")).save(draw_chart())
    assert (tmp_path / "ours.json").read_bytes() == (tmp_path / "stock.json").read_bytes()


def test_figure_is_a_png_that_tells_nothing_of_the_machine(tmp_path):
    AtomicFigure(filepath=str(tmp_path / "x.png")).save(draw_figure())
    with Image.open(tmp_path / "x.png") as image:
        image.load()
        assert image.format == "PNG"
        assert set(image.info) <= {"Software", "dpi"}
        assert image.info["Software"].startswith("Matplotlib version")


def test_saving_again_replaces_an_unversioned_file(tmp_path):
    dataset = AtomicJSON(filepath=str(tmp_path / "x.json"))
    dataset.save({"a": 1})
    dataset.save({"a": 2})
    assert dataset.load() == {"a": 2}
    assert files_under(tmp_path) == ["x.json"]


@pytest.mark.parametrize("version", [None, Version(None, None)], ids=["unversioned", "versioned"])
def test_missing_file(tmp_path, version):
    dataset = AtomicJSON(filepath=str(tmp_path / "x.json"), version=version)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="No such file" if version is None else "Did not find any versions"):
        dataset.load()


def test_versions(tmp_path):
    for version in (OLD, NEWEST, NEW):
        json_dataset(tmp_path, save=version).save({"saved": version})
    assert json_dataset(tmp_path).load() == {"saved": NEWEST}
    assert json_dataset(tmp_path, load=OLD).load() == {"saved": OLD}
    assert json_dataset(tmp_path).list_versions(full_path=False) == [NEWEST, NEW, OLD]
    with pytest.raises(DatasetError, match="must not exist"):
        json_dataset(tmp_path, save=NEW).save({})


def test_loads_what_it_saved_though_another_run_saved_a_newer_version(tmp_path):
    run, other_run = json_dataset(tmp_path, save=NEW), json_dataset(tmp_path, save=NEWEST)
    run.save({"run": 1})
    other_run.save({"run": 2})
    run.release()
    assert run.load() == {"run": 1}
    assert run.exists()
    assert other_run.load() == {"run": 2}
    assert json_dataset(tmp_path).load() == {"run": 2}


def test_kedro_alone_loads_what_another_run_saved(tmp_path):
    """Why the mixin pins: if this fails, Kedro has learnt to."""
    run = json_dataset(tmp_path, save=NEW, dataset_class=JSONDataset)
    run.save({"run": 1})
    json_dataset(tmp_path, save=NEWEST, dataset_class=JSONDataset).save({"run": 2})
    run.release()
    assert run.load() == {"run": 2}


def test_an_explicit_load_version_wins_over_what_was_saved(tmp_path):
    json_dataset(tmp_path, save=OLD).save({"run": 0})
    catalog = DataCatalog.from_config(
        {"x": {"type": "blastscreen.datasets.AtomicJSON", "filepath": str(tmp_path / "x.json"), "versioned": True}}
    )
    catalog.save("x", {"run": 1})
    assert catalog.load("x") == {"run": 1}
    assert catalog.load("x", version=OLD) == {"run": 0}
    with pytest.warns(UserWarning, match="did not match load version"):
        json_dataset(tmp_path, load=OLD, save=NEW).save({"run": 2})


def test_an_object_that_saves_twice_loads_the_second_version(tmp_path):
    dataset = json_dataset(tmp_path)
    for number in range(3):
        dataset.save({"number": number})
        assert dataset.load() == {"number": number}
        while dataset.resolve_load_version() == pd.Timestamp.now("UTC").strftime("%Y-%m-%dT%H.%M.%S.%f")[:-3] + "Z":
            pass  # versions are milliseconds
    assert len(dataset.list_versions()) == 3


def test_writers_at_the_same_time_keep_apart(tmp_path):
    run, other_run = json_dataset(tmp_path, save=NEW), json_dataset(tmp_path, save=NEWEST)
    run.save(SavesMeanwhile(other_run, {"theirs": 2}))  # a warning about versions would be an error here
    assert run.load() == {"mine": 1}
    assert other_run.load() == {"theirs": 2}
    assert files_under(tmp_path / "x.json") == [NEW, f"{NEW}/x.json", NEWEST, f"{NEWEST}/x.json"]


def test_kedro_alone_warns_of_a_writer_at_the_same_time(tmp_path):
    run, other_run = (json_dataset(tmp_path, save=version, dataset_class=JSONDataset) for version in (NEW, NEWEST))
    with pytest.warns(UserWarning, match="did not match load version"):
        run.save(SavesMeanwhile(other_run, {"theirs": 2}))


def test_many_writers_at_the_same_time(tmp_path):
    versions = [f"{number:04d}" for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda version: json_dataset(tmp_path, save=version).save({"saved": version}), versions))
    for version in versions:
        assert json_dataset(tmp_path, load=version).load() == {"saved": version}
    assert len(files_under(tmp_path / "x.json")) == 2 * len(versions)


def test_the_same_version_is_never_replaced(tmp_path):
    run, other_run = json_dataset(tmp_path, save=NEW), json_dataset(tmp_path, save=NEW)
    with pytest.raises(DatasetError, match="Another run saved"):
        run.save(SavesMeanwhile(other_run, {"theirs": 2}))
    assert json_dataset(tmp_path).load() == {"theirs": 2}
    assert files_under(tmp_path / "x.json") == [NEW, f"{NEW}/x.json"]


def test_a_failed_save_leaves_nothing(tmp_path):
    broken = {"fine": list(range(1000)), "broken": object()}
    with pytest.raises(DatasetError, match="not JSON serializable"):
        json_dataset(tmp_path).save(broken)
    assert files_under(tmp_path) == []
    json_dataset(tmp_path, save=OLD).save({"a": 1})
    with pytest.raises(DatasetError, match="not JSON serializable"):
        json_dataset(tmp_path, save=NEW).save(broken)
    assert json_dataset(tmp_path).load() == {"a": 1}
    assert files_under(tmp_path / "x.json") == [OLD, f"{OLD}/x.json"]


def test_a_failed_save_leaves_an_unversioned_file_as_it_was(tmp_path):
    dataset = AtomicJSON(filepath=str(tmp_path / "x.json"))
    dataset.save({"a": 1})
    with pytest.raises(DatasetError, match="not JSON serializable"):
        dataset.save({"b": [0] * 1000, "c": object()})
    assert dataset.load() == {"a": 1}
    assert files_under(tmp_path) == ["x.json"]


def test_a_version_saved_before_a_failure_stays_pinned(tmp_path):
    dataset = json_dataset(tmp_path)
    dataset.save({"a": 1})
    with pytest.raises(DatasetError):
        dataset.save({"a": object()})
    assert dataset.load() == {"a": 1}


def test_a_file_missing_while_saving_is_not_explained_as_a_clash_of_names(tmp_path):
    class ReadsAFile(dict):
        def items(self):
            Path("/nowhere/cell.bmp").read_bytes()

    with pytest.raises(DatasetError, match=r"No such file or directory: '/nowhere/cell\.bmp'"):
        json_dataset(tmp_path).save(ReadsAFile(a=1))


def test_a_file_where_versions_should_go_is_explained(tmp_path):
    AtomicJSON(filepath=str(tmp_path / "x.json")).save({})
    with pytest.raises(DatasetError, match="a file with the same name already exists"):
        json_dataset(tmp_path).save({})


def test_versions_are_not_replaced_by_an_unversioned_save(tmp_path):
    json_dataset(tmp_path, save=OLD).save({"a": 1})
    with pytest.raises(DatasetError, match="directory"):
        AtomicJSON(filepath=str(tmp_path / "x.json")).save({"a": 2})
    assert json_dataset(tmp_path).load() == {"a": 1}


def test_saving_nothing_is_an_error(tmp_path):
    class Lazy(AtomicJSON):
        def save(self, data):
            pass

    with pytest.raises(DatasetError, match="Nothing was saved"):
        Lazy(filepath=str(tmp_path / "x"), version=Version(None, OLD)).save({})
    assert files_under(tmp_path) == []


def test_a_subclass_saves_atomically_too_and_stages_once(tmp_path):
    class OurJSON(AtomicJSON):
        pass

    class LooksAround(dict):
        def items(self):
            staging.extend(name for name in files_under(tmp_path) if name.endswith(".saving"))
            return super().items()

    staging = []
    dataset = json_dataset(tmp_path, save=NEW, dataset_class=OurJSON)
    dataset.save(LooksAround(a=1))
    assert len(staging) == 1
    assert dataset.load() == {"a": 1}
    with pytest.raises(DatasetError, match="not JSON serializable"):
        json_dataset(tmp_path, save=NEWEST, dataset_class=OurJSON).save({"a": [1] * 100, "b": object()})
    assert files_under(tmp_path / "x.json") == [NEW, f"{NEW}/x.json"]


def test_other_filesystems_are_pinned_too():
    run, other_run = (
        AtomicJSON(filepath="memory:///atomic.json", version=Version(None, save)) for save in (NEW, NEWEST)
    )
    run.save({"run": 1})
    other_run.save({"run": 2})
    run.release()
    assert run.load() == {"run": 1}
    assert fsspec.filesystem("memory").find("/atomic.json") == [
        f"/atomic.json/{version}/{name}" for version in (NEW, NEWEST) for name in ("atomic.json", "atomic.json.sha256")
    ]


@pytest.mark.parametrize(
    ("dataset_class", "data", "kind"),
    [
        (AtomicParquet, pd.DataFrame({"a": [1, 2]}), "TablePreview"),
        (AtomicJSON, {"a": 1}, "JSONPreview"),
        (AtomicFigure, draw_figure, "ImagePreview"),
        (AtomicPlotly, draw_chart, "PlotlyPreview"),
    ],
)
def test_previews_of_kedro_viz_are_kept(tmp_path, dataset_class, data, kind):
    """kedro-viz asks for a method `preview` and chooses how to show it by the name of its return annotation."""
    dataset = dataset_class(filepath=str(tmp_path / "x"), version=Version(None, None))
    dataset.save(data() if callable(data) else data)
    assert inspect.signature(dataset.preview).return_annotation.__name__ == kind
    preview = dataset.preview()
    if dataset_class is AtomicParquet:
        assert preview["data"] == [[1], [2]]
    elif dataset_class is AtomicJSON:
        assert json.loads(preview) == {"a": 1}
    elif dataset_class is AtomicPlotly:
        assert preview["data"][0]["type"] == "bar"
    else:
        with Image.open(io.BytesIO(base64.b64decode(preview))) as image:
            assert image.size == (100, 100)


def run_python(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)], text=True, stdout=subprocess.PIPE, **options
    )


def test_heavy_libraries_are_imported_by_the_classes_that_need_them():
    code = """
import sys
heavy = ["zarr", "skops", "sklearn", "pandas", "matplotlib", "plotly", "keras"]
import blastscreen.datasets.atomic
assert not [name for name in heavy if name in sys.modules]
blastscreen.datasets.AtomicJSON, blastscreen.datasets.AtomicPlotly, blastscreen.datasets.PartFolder
assert not [name for name in heavy if name in sys.modules and name != "pandas"]
"""
    with run_python(code) as process:
        assert process.wait() == 0


SLOW_WRITER = """
import sys
from kedro.io.core import Version
from blastscreen.datasets import AtomicJSON

class Waits(dict):
    def items(self):
        print("saving", flush=True)
        sys.stdin.readline()
        return super().items()

AtomicJSON(filepath=sys.argv[1], version=Version(None, sys.argv[2]) if sys.argv[2] else None).save(Waits(theirs=2))
"""


@pytest.mark.parametrize("version", [OLD, ""], ids=["versioned", "unversioned"])
def test_sweeps_what_a_kill_left_but_never_the_work_of_a_live_process(tmp_path, version):
    path = tmp_path / "x[1].json"
    ours = AtomicJSON(filepath=str(path), version=Version(None, None) if version else None)
    with run_python(SLOW_WRITER, path, version, stdin=subprocess.PIPE) as process:
        assert process.stdout.readline() == "saving\n"
        left_by_other = [name for name in files_under(tmp_path) if ".saving/" in name and name.endswith("/x[1].json")]
        assert len(left_by_other) == 1
        assert not ours.exists()
        ours.save({"ours": 1})
        assert left_by_other[0] in files_under(tmp_path)
        process.kill()
        process.wait()
    assert left_by_other[0] in files_under(tmp_path)
    assert ours.load() == {"ours": 1}
    AtomicJSON(filepath=str(path), version=Version(None, NEWEST) if version else None).save({"ours": 2})
    assert not [name for name in files_under(tmp_path) if ".saving" in name or OLD in name]
    with run_python(SLOW_WRITER, path, version, stdin=subprocess.PIPE) as process:
        assert process.stdout.readline() == "saving\n"
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert process.wait() == 0
    loads_theirs = AtomicJSON(filepath=str(path), version=Version(OLD, None) if version else None)
    assert loads_theirs.load() == {"theirs": 2}
    assert not [name for name in files_under(tmp_path) if ".saving" in name]


@pytest.mark.parametrize(
    ("dataset_class", "data"),
    [
        (AtomicParquet, pd.DataFrame({"a": np.random.default_rng(0).normal(size=10_000)})),
        (AtomicJSON, list(range(10_000))),
        (AtomicText, "x" * 100_000),
    ],
)
def test_a_full_disk_leaves_nothing_and_the_next_save_works(tmp_path, full_disk, dataset_class, data):
    dataset = dataset_class(filepath=str(tmp_path / "x"), version=Version(None, OLD))
    with full_disk(), pytest.raises(DatasetError, match="File too large"):
        dataset.save(data)
    assert files_under(tmp_path) == []
    dataset.save(data)
    assert files_under(tmp_path / "x") == [OLD, f"{OLD}/x"]
