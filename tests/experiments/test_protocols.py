import json

import pandas as pd
import pytest

from blastscreen.experiments.protocols import (
    MEASURES,
    audit_forests,
    audit_networks,
    audit_protocols,
    compare_protocols,
    summarise_audit,
)
from blastscreen.schemas import AUDIT


@pytest.fixture
def audited(forest_settings, compute):
    def audit(cells, *, seeds=(7, 8), compute=compute):
        return audit_forests(cells, list(seeds), forest=forest_settings, compute=compute)

    return audit


def auroc_of(records):
    return pd.DataFrame(records).groupby(["strategy", "region"])["auroc"].mean()


def test_every_protocol_is_run_with_every_seed_on_every_cell(
    cohort, audit_settings, split_settings, forest_settings, compute
):
    # networks are not asked for, and no image is read
    settings = {"settings": audit_settings, "split_settings": split_settings, "forest": forest_settings}
    table = audit_protocols(cohort(blasts=1), None, None, **settings, network=None, compute=compute)
    AUDIT.validate(table)
    assert table.groupby(["model", "strategy", "region"])["seed"].agg(list).to_dict() == {
        ("rf", strategy, region): [3, 4] for strategy in ("subject", "image") for region in ("cell", "frame")
    }
    assert set(table["n_test_cells"]) == {100}
    assert set(table["n_test_groups"]) == {20}
    assert set(table["n_folds"]) == {4}
    assert set(table["data_source"]) == {"a test"}


def test_knowing_the_persons_flatters_where_there_is_nothing_else_to_know(cohort, audited):
    auroc = auroc_of(audited(cohort(persons=3)))
    assert (auroc["image"] > 0.95).all()
    assert (auroc["subject"] < 0.75).all()


def test_where_persons_are_alike_the_split_does_not_matter(cohort, audited):
    auroc = auroc_of(audited(cohort(blasts=2)))
    assert auroc["image"].to_numpy() == pytest.approx(auroc["subject"].to_numpy(), abs=0.06)
    assert (auroc > 0.7).all()


def test_each_region_is_scored_with_its_own_features(cohort, audited):
    auroc = auroc_of(audited(cohort(frame=5)))
    assert (auroc[:, "frame"] > 0.95).all()
    assert (auroc[:, "cell"] < 0.7).all()


def test_workers_and_the_order_of_rows_do_not_matter_but_the_seed_does(cohort, audited, compute):
    cells = cohort(blasts=1)
    alone = audited(cells, compute=compute.model_copy(update={"n_jobs": 1}))
    assert audited(cells.sample(frac=1, random_state=0)) == alone
    assert audited(cells, seeds=[8])[0]["auroc"] == alone[1]["auroc"] != alone[0]["auroc"]


@pytest.fixture
def pictured(toy_cells):
    """Cells of three subjects with blasts and three without, with their images."""
    stack, splits = toy_cells(60)
    groups = [f"{label} {number // 2 % 3}" for number, label in enumerate(splits["label"])]
    return stack, splits.assign(subject_id=groups, subject_group=groups)


@pytest.mark.slow
def test_every_cell_is_scored_with_its_own_image(pictured, cnn_settings, compute):
    stack, splits = pictured
    small = {"input_side": 16, "epochs": 5, "batch_size": 4, "test_time_views": 1}
    network = cnn_settings(**small, learning_rate=0.005, class_weight="none", batch_norm_momentum=0.5)
    shuffled = splits.sample(frac=1, random_state=0)
    table = pd.DataFrame(audit_networks(stack, shuffled, [3], network=network, compute=compute))
    described = table[["model", "strategy", "region", "seed", "n_folds", "n_test_cells", "n_test_groups"]]
    assert described.to_numpy().tolist() == [["cnn", name, "cell", 3, 3, 60, 6] for name in ("subject", "image")]
    # blasts are larger and darker: scores that went to other cells would be worth a half
    assert (table["auroc"] > 0.8).all()


# AUROC of seeds 1 and 2
AUROCS = {
    ("rf", "subject", "cell"): (0.70, 0.80),
    ("rf", "subject", "frame"): (0.60, 0.65),
    ("rf", "image", "cell"): (0.90, 0.78),
    ("rf", "image", "frame"): (0.85, 0.95),
    ("cnn", "subject", "cell"): (0.50, 0.60),
    ("cnn", "image", "cell"): (0.75, 0.75),
}
RESULTS = pd.DataFrame(
    [
        {"model": model, "strategy": strategy, "region": region, "seed": seed, "n_folds": 4, "auroc": auroc}
        | {"accuracy": auroc - 0.1, "f1_weighted": auroc - 0.2, "data_source": "a test"}
        for (model, strategy, region), aurocs in AUROCS.items()
        for seed, auroc in zip((1, 2), aurocs, strict=True)
    ]
)


def test_choices_are_compared_seed_by_seed():
    differences = compare_protocols(RESULTS.sample(frac=1, random_state=0))
    by_choice = differences.sort_values("seed").groupby(["model", "choice"])["auroc"].agg(list)
    assert {key: pytest.approx(values) for key, values in by_choice.items()} == {
        ("rf", "splitting by image"): [0.20, -0.02],
        ("rf", "measuring the whole frame"): [-0.10, -0.15],
        ("rf", "both"): [0.15, 0.15],
        ("rf", "splitting by image when the whole frame is measured"): [0.25, 0.30],
        ("cnn", "splitting by image"): [0.25, 0.15],
    }


def test_the_summary_has_mean_and_extremes_of_every_protocol_and_choice():
    summary = json.loads(json.dumps(summarise_audit(RESULTS)))
    assert (summary["n_seeds"], summary["n_folds"], summary["data_source"]) == (2, 4, "a test")
    assert [(row["model"], row["strategy"], row["region"]) for row in summary["rows"]] == list(AUROCS)
    honest = summary["rows"][0]
    for measure, shift in zip(MEASURES, (0, 0.1, 0.2), strict=True):
        # two values half a tenth either side of their mean
        expected = {"mean": 0.75 - shift, "low": 0.7 - shift, "high": 0.8 - shift, "sd": 0.005**0.5}
        assert honest[measure] == pytest.approx(expected)
    first = summary["flattery"][0]
    assert (first["choice"], first["model"], first["n_better"]) == ("splitting by image", "rf", 1)
    assert {name: first["auroc"][name] for name in ("mean", "low", "high")} == pytest.approx(
        {"mean": 0.09, "low": -0.02, "high": 0.2}
    )
    assert [row["n_better"] for row in summary["flattery"]] == [1, 0, 2, 2, 2]
