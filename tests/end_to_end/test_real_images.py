"""Whole runs on real C-NMC cells, originals and re-encoded ones."""

import pytest

from blastscreen.vocabulary import Split

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("folder", "files"), [("C-NMC_training_data", 52), ("jpeg300", 300)])
@pytest.mark.parametrize("env", ["cnmc", "paper"])
def test_every_real_file_has_a_row_and_the_forest_is_evaluated(project, cnmc, env, folder, files):
    project.run("rf", env=env, params={"images": str(cnmc / folder)})
    catalog = project.catalog(env=env)
    index = catalog.load("cell_index")
    metrics = catalog.load("rf_metrics")
    assert len(index) == files
    assert (index["status"] != "rejected").all()
    assert set(index["data_source"]) == {folder}
    assert metrics[Split.TEST]["n_cells"] > 0
    assert metrics[Split.TEST]["auroc"] is not None


def test_subject_h3_is_not_lost_to_its_lower_case(project, cnmc):
    project.run("preprocessing", env="cnmc", params={"images": str(cnmc / "C-NMC_training_data")})
    index = project.catalog(env="cnmc").load("cell_index")
    lower_case = index[index["image_id"].str.contains("UID_h3_")]
    assert len(lower_case) == 5
    assert set(lower_case["subject_id"]) == {"H3"}


def test_the_report_counts_against_the_published_cohort(project, cnmc):
    project.run("preprocessing", env="cnmc", params={"images": str(cnmc / "C-NMC_training_data")})
    report = project.catalog(env="cnmc").load("integrity_report")
    assert report["n_files"] == 52
    assert report["reference"]["missing"] == 10_661 - 52
