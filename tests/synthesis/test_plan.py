from collections import Counter
from dataclasses import astuple

import pandas as pd
import pytest

from blastscreen.cohort.names import CNMC_2019, parse_cell_name
from blastscreen.synthesis.plan import CellKind, plan_cohort, plan_sample
from blastscreen.vocabulary import CellLabel

SEED = 42
SAMPLE = plan_sample(n_cells=480, n_subjects=24, seed=SEED)
ORDINARY = [plan for plan in SAMPLE if plan.kind == CellKind.ORDINARY]


def test_names_of_the_sample_are_those_of_c_nmc():
    names = [plan.image_id for plan in SAMPLE]
    assert names == sorted(set(names))
    for plan in SAMPLE:
        name = parse_cell_name(plan.image_id)
        assert (name.subject_id, name.label, name.source_fold) == (plan.subject_id, plan.label, plan.source_fold)
        assert plan.image_id.startswith(f"{plan.source_fold}/{plan.label}/UID_")
    in_lower_case = {plan.subject_id for plan in SAMPLE if "UID_h" in plan.image_id}
    assert in_lower_case == {"H3"}
    assert not any("UID_H3_" in name for name in names)


def test_the_sample_has_the_subjects_and_the_uneven_shares_that_it_promises():
    cells = pd.DataFrame(
        {"subject_id": plan.subject_id, "label": plan.label.value, "fold": plan.source_fold} for plan in SAMPLE
    )
    assert len(cells) == 480
    subjects = cells.groupby("label")["subject_id"].unique()
    assert set(subjects[CellLabel.ALL]) == {str(number) for number in range(1, 13)}
    assert set(subjects[CellLabel.HEM]) == {f"H{number}" for number in range(1, 13)}
    assert cells["label"].value_counts()[CellLabel.ALL] == 288
    assert len(cells[["subject_id", "fold"]].drop_duplicates()) == 24
    assert (cells.groupby(["fold", "label"])["subject_id"].nunique() == 4).all()
    sizes = cells["subject_id"].value_counts()
    assert sizes.max() > 3 * sizes.min()


def test_no_subject_of_the_sample_is_lost_to_awkward_frames():
    awkward = Counter(plan.subject_id for plan in SAMPLE if plan.kind != CellKind.ORDINARY)
    assert max(awkward.values()) == 1
    assert {plan.subject_id for plan in ORDINARY} == {plan.subject_id for plan in SAMPLE}


@pytest.mark.parametrize(("n_cells", "n_subjects"), [(40, 8), (60, 8), (64, 9), (320, 64), (2_000, 30)])
def test_every_class_keeps_three_groups_of_subjects_and_every_fold_one(n_cells, n_subjects):
    for seed in range(5):
        plans = plan_sample(n_cells=n_cells, n_subjects=n_subjects, seed=seed)
        assert len({plan.image_id for plan in plans}) == n_cells
        assert len({plan.subject_id for plan in plans}) == n_subjects
        subjects_of = {}
        for plan in plans:
            subjects_of.setdefault(plan.drawing, set()).add(plan.subject_id)
        joined = set().union(*(subjects for subjects in subjects_of.values() if len(subjects) > 1))
        for label in CellLabel:
            usable = [plan for plan in plans if plan.label == label and plan.kind != CellKind.SPECK]
            subjects = {plan.subject_id for plan in usable}
            assert len(subjects & joined) == 2
            assert len(subjects) - 1 >= 3
            alone = {plan.source_fold for plan in usable if plan.subject_id not in joined}
            # whichever of its folds the joined group goes to
            for home in {plan.source_fold for plan in usable if plan.subject_id in joined}:
                assert alone | {home} == {"fold_0", "fold_1", "fold_2"}


def test_a_tiny_sample_has_no_shared_images():
    plans = plan_sample(n_cells=24, n_subjects=4, seed=3)
    assert len(plans) == 24
    assert len({plan.drawing for plan in plans}) == 24
    assert Counter(plan.label for plan in {plan.subject_id: plan for plan in plans}.values()) == {"all": 2, "hem": 2}


def test_another_seed_plans_other_subjects():
    other = plan_sample(n_cells=480, n_subjects=24, seed=SEED + 1)
    assert {astuple(plan.traits) for plan in other} != {astuple(plan.traits) for plan in SAMPLE}


def test_impossible_samples_name_every_problem():
    with pytest.raises(ValueError, match=r"n_subjects must be at least 2.*n_cells must be at least 5.*seed"):
        plan_sample(n_cells=3, n_subjects=1, seed=-1)
    with pytest.raises(ValueError, match=r"n_cells must be a whole number, not '480'.*seed must be"):
        plan_sample(n_cells="480", n_subjects=24, seed=1.5)
    with pytest.raises(ValueError, match="n_subjects must be a whole number, not True"):
        plan_sample(n_cells=480, n_subjects=True, seed=1)


def test_the_c_nmc_plan_has_the_published_counts():
    plans = plan_cohort(CNMC_2019, seed=SEED)
    images = Counter((plan.source_fold, plan.label) for plan in plans)
    subjects = Counter((fold, label) for fold, label, _ in {(p.source_fold, p.label, p.subject_id) for p in plans})
    for fold, by_label in CNMC_2019.items():
        for label, (n_images, n_subjects) in by_label.items():
            assert (images[fold, label], subjects[fold, label]) == (n_images, n_subjects)
    assert len(plans) == 10_661
    assert len({plan.subject_id for plan in plans}) == 73
    assert len({plan.drawing for plan in plans}) == 10_661


@pytest.mark.parametrize("counts", [(2, 3), (2, 0)])
def test_counts_that_cannot_be_met_are_refused(counts):
    with pytest.raises(ValueError, match=f"fold_0/hem: 2 images cannot be divided among {counts[1]} subjects"):
        plan_cohort({"fold_0": {CellLabel.HEM: counts}}, seed=0)
