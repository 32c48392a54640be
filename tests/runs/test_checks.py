"""What is said of a run that reads stored results, before its first node."""

from kedro.io import DataCatalog

from blastscreen.runs.checks import _warn_of_mixed_versions


def test_what_has_no_version_is_of_no_other_run(tmp_path, caplog):
    (tmp_path / "numbers.yml").write_text("n: 1")
    page = {"type": "blastscreen.datasets.AtomicText", "filepath": str(tmp_path / "page.txt"), "versioned": True}
    numbers = {"type": "yaml.YAMLDataset", "filepath": str(tmp_path / "numbers.yml")}
    catalog = DataCatalog.from_config({"page": page, "other": page, "numbers": numbers})
    catalog.save("page", "x")
    caplog.clear()
    _warn_of_mixed_versions({name: catalog[name] for name in ("page", "other", "numbers")})
    assert "different runs" not in caplog.text
