import pytest

from blastscreen.datasets.viz import LayeredConfigLoader

CATALOG = """
images:
  type: blastscreen.datasets.SampleCells
table:
  type: blastscreen.datasets.AtomicParquet
  filepath: data/07_model_output/sample/table.parquet
"{model}_plan":
  type: blastscreen.datasets.AtomicJSON
  filepath: data/08_reporting/sample/{model}_plan.json
told:
  type: blastscreen.datasets.AtomicJSON
  filepath: data/08_reporting/told.json
  metadata: {kedro-viz: {layer: mine}}
elsewhere:
  type: blastscreen.datasets.ArrayStack
  filepath: s3://lab/cells.zarr
stock:
  type: yaml.YAMLDataset
  filepath: data/01_raw/stock.yml
broken: not an entry
"""


@pytest.fixture
def layers(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "catalog.yml").write_text(CATALOG)
    loader = LayeredConfigLoader(str(tmp_path), base_env="base", default_run_env="base")
    metadata = {name: entry.get("metadata", {}) for name, entry in loader["catalog"].items() if name != "broken"}
    return {name: found.get("kedro-viz", {}).get("layer") for name, found in metadata.items()}


def test_the_layer_of_our_entries_is_the_folder_that_they_lie_in(layers):
    assert layers == {
        "images": "01_raw",
        "table": "07_model_output",
        "{model}_plan": "08_reporting",
        "told": "mine",
        "elsewhere": None,
        "stock": None,
    }
