"""Whole runs on real C-NMC cells, originals and re-encoded ones."""

import pytest

from blastscreen.vocabulary import Split

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("folder", "files"), [("C-NMC_training_data", 52), ("jpeg300", 300)])
@pytest.mark.parametrize("env", ["cnmc", "paper"])
def test_every_real_file_has_a_row_and_the_forest_is_evaluated(project, cnmc, env, folder, files):
    project.run("rf", env=env, params={"images": str(cnmc / folder)})
    catalog = project.catalog(env=env)
    index, metrics, report = (catalog.load(name) for name in ("cell_index", "rf_metrics", "integrity_report"))
    assert len(index) == files == report["n_files"]
    assert report["reference"]["missing"] == 10_661 - files
    assert (index["status"] != "rejected").all()
    assert set(index["data_source"]) == {folder}
    assert metrics[Split.TEST]["n_cells"] > 0
    assert metrics[Split.TEST]["auroc"] is not None
    # a subject that one of C-NMC's files spells in lower case
    lower_case = index[index["image_id"].str.contains("UID_h3_")]
    assert set(lower_case["subject_id"]) <= {"H3"}
    assert len(lower_case) == (5 if folder == "C-NMC_training_data" else 0)
