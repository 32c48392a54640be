"""kedro-viz shows the pipelines in layers and the results small, served or built into a folder."""

import http.server
import json
import threading
from functools import partial

import pytest
from kedro.framework.project import pipelines

pytest.importorskip("kedro_viz", reason="needs the extra: pip install 'blastscreen[viz]'")

from kedro_viz.data_access.managers import DataAccessManager
from kedro_viz.server import populate_data

LAYERS = [
    "01_raw",
    "02_intermediate",
    "03_primary",
    "04_feature",
    "05_model_input",
    "06_models",
    "07_model_output",
    "08_reporting",
]
LARGEST = 64 * 2**10


@pytest.fixture(params=[None, "cnmc", "paper"])
def layered(request, project):
    """The registered pipelines, and kedro-viz's view of them and of the catalog of an environment."""
    catalog = project.catalog(env=request.param)
    registered = dict(pipelines)
    manager = DataAccessManager()
    populate_data(manager, catalog, registered, {})
    return registered, manager


def test_no_node_writes_to_a_layer_before_one_that_it_reads(layered):
    registered, manager = layered
    layer = manager.catalog.get_layer_for_dataset
    known = {name for pipeline in registered.values() for name in pipeline.datasets() if layer(name)}
    assert {layer(name) for name in known} == set(LAYERS)
    back = [
        (name, node.name, read, written)
        for name, pipeline in registered.items()
        for node in pipeline.nodes
        for read in known.intersection(node.inputs)
        for written in known.intersection(node.outputs)
        if layer(read) > layer(written)
    ]
    assert back == []


def test_kedro_viz_finds_an_order_of_the_layers_of_every_pipeline(layered):
    registered, manager = layered
    for name in registered:
        assert sorted(manager.get_sorted_layers_for_registered_pipeline(name)) == LAYERS, name
    assert manager.get_sorted_layers_for_registered_pipeline("__default__") == LAYERS


@pytest.fixture(scope="module")
def built(default_run):
    """`kedro viz build` after `make run`: the folder that it makes."""
    project, _ = default_run
    project.kedro("viz", "build", "--include-previews")
    return project.folder / "build"


@pytest.mark.slow
def test_every_answer_is_small_and_images_report_and_card_have_a_preview(built):
    answers = {file: json.loads(file.read_bytes()) for file in (built / "api" / "nodes").iterdir()}
    assert {file.stat().st_size for file in answers if file.stat().st_size > LARGEST} == set()
    main = json.loads((built / "api" / "main").read_bytes())
    assert main["layers"] == LAYERS
    names = {node["id"]: node["name"] for node in main["nodes"]}
    kinds = {
        names.get(file.name): answer.get("preview_type") for file, answer in answers.items() if "preview" in answer
    }
    assert {name for name, kind in kinds.items() if kind == "ImagePreview"} == {
        "raw_cells",
        "cell_images",
        "contact_sheet",
    }
    assert {name for name, kind in kinds.items() if kind == "HTMLPreview"} == {"report", "model_card"}
    assert kinds["rf_metrics"] == "JSONPreview"
    assert kinds["rf_roc_figure"] == "PlotlyPreview"
    assert kinds["cell_features"] == "TablePreview"


@pytest.fixture
def address(built, browser):
    """Where the built folder is served; the browser reaches this machine, and asks no other."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=built)
    online = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", online)
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["https://*"]})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", online | {"offline": True})


def shown(browser, address, query, selector):
    """Open a page; wait for elements, and return their texts."""
    browser.get(address + query)
    found = f"[...document.querySelectorAll('{selector}')].map((element) => element.textContent)"
    wait = f"const done = arguments[0], look = () => {{ const found = {found}; "
    return browser.execute_async_script(f"{wait} found.length ? done(found) : setTimeout(look, 50) }}; look();")


@pytest.mark.slow
def test_the_address_that_make_viz_opens_shows_seven_boxes_and_with_datasets_all_layers(address, browser):
    boxes = shown(browser, address, "?types=nodes", ".pipeline-node__text")
    stages = ["preprocessing", "feature_engineering", "rf", "cnn", "hybrid", "audit", "reporting"]
    assert sorted(boxes) == sorted(stages)
    assert shown(browser, address, "?types=nodes,datasets", ".pipeline-layer-name") == LAYERS
