"""Environment `paper` splits as the paper says, proven on the labels of a cohort of C-NMC's size."""

import pandas as pd
import pytest

from blastscreen.cohort.index import build_cell_index, tabulate_records
from blastscreen.cohort.names import CNMC_2019
from blastscreen.cohort.splits import split_cells
from blastscreen.synthesis.plan import plan_cohort
from blastscreen.vocabulary import OperatingRule, Region

N_REPEATED = 104
"""Of the published pictures, those that occur under a second name here."""


@pytest.fixture
def project(project, tmp_path, repository):
    """One with the parameters as they are."""
    return type(project)(tmp_path / "whole", repository, small=False)


def published_cohort(catalog):
    plans = plan_cohort(CNMC_2019, seed=0)
    ordered = sorted((plan.image_id for plan in plans), key=lambda name: name.split("_")[-1])
    pixels = dict(zip(ordered[N_REPEATED : 2 * N_REPEATED], ordered[:N_REPEATED], strict=True))
    records = [
        {"image_id": name, "status": "accepted", "reasons": "", "detail": "", "pixel_hash": pixels.get(name, name)}
        for name in ordered
    ]
    once = catalog.load("params:preprocessing").count_duplicates_once
    return build_cell_index([tabulate_records(records)], data_source="names only", count_duplicates_once=once)


def test_the_papers_split_has_its_own_counts(project):
    catalog = project.catalog(env="paper")
    splits = split_cells(published_cohort(catalog), catalog.load("params:splits"))
    counts = pd.crosstab(splits["split"], splits["label"])
    assert counts.loc[["train", "validation", "test"], ["all", "hem"]].to_numpy().tolist() == [
        [5090, 2372],
        [1091, 508],
        [1091, 509],
    ]


def test_the_papers_split_puts_subjects_on_both_sides_and_the_default_does_not(project):
    catalogs = {env: project.catalog(env=env) for env in ("paper", "cnmc")}
    paper, default = (
        split_cells(published_cohort(catalog), catalog.load("params:splits")) for catalog in catalogs.values()
    )
    assert len(paper) == len(default) + N_REPEATED == 10_661
    splits_of_a_subject = paper.groupby("subject_group")["split"].nunique()
    assert (splits_of_a_subject > 1).mean() > 0.9
    assert len(default[["subject_group", "split"]].drop_duplicates()) == default["subject_group"].nunique()


def test_the_papers_features_see_the_blurred_frame_and_its_threshold_is_a_half(project):
    catalog = project.catalog(env="paper")
    features = catalog.load("params:features")
    assert (features.region, features.gaussian_blur) == (Region.FRAME, True)
    assert (features.canny_low, features.canny_high) == (100, 200)
    evaluation = catalog.load("params:evaluation")
    assert (evaluation.operating_rule, evaluation.threshold) == (OperatingRule.FIXED, 0.5)
    assert (catalog.load("params:rf").n_trees, catalog.load("params:rf").balancing) == (100, "class_weight")
