import pandas as pd
import pytest

from blastscreen.experiments.flattery import tabulate_audit
from blastscreen.experiments.forests import audit_forests
from blastscreen.schemas import AUDIT


@pytest.fixture
def audited(audit_settings, forest_settings, compute):
    def audit(cells, *, first_seed=7, compute=compute):
        return audit_forests(
            cells, settings=audit_settings, forest=forest_settings, first_seed=first_seed, compute=compute
        )

    return audit


def auroc_of(records):
    return pd.DataFrame(records).groupby(["strategy", "region"])["auroc"].mean()


def test_every_protocol_is_run_with_every_seed_on_every_cell(cohort, audited):
    table = tabulate_audit(audited(cohort(blasts=1)))
    AUDIT.validate(table.assign(data_source="cells"))
    assert table.groupby(["model", "strategy", "region"])["seed"].agg(list).to_dict() == {
        ("rf", strategy, region): [7, 8] for strategy in ("subject", "image") for region in ("cell", "frame")
    }
    assert set(table["n_test_cells"]) == {100}
    assert set(table["n_test_groups"]) == {20}
    assert set(table["n_folds"]) == {4}


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
    assert audited(cells, first_seed=8)[0]["auroc"] == alone[1]["auroc"] != alone[0]["auroc"]
