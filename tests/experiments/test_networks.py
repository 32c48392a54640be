import pytest

from blastscreen.experiments.flattery import tabulate_audit
from blastscreen.experiments.networks import audit_networks
from blastscreen.schemas import AUDIT


@pytest.fixture
def cells(toy_cells):
    """Cells of three subjects with blasts and three without."""
    stack, splits = toy_cells(60)
    groups = [f"{label} {number // 2 % 3}" for number, label in enumerate(splits["label"])]
    return stack, splits.assign(subject_id=groups, subject_group=groups)


def test_networks_are_not_audited_unless_asked_for(cells, audit_settings, cnn_settings, compute):
    stack, splits = cells
    options = {"network": cnn_settings(), "first_seed": 3, "compute": compute}
    assert audit_networks(stack, splits, settings=audit_settings, **options) == []


@pytest.mark.slow
def test_every_cell_is_scored_with_its_own_image(cells, audit_settings, cnn_settings, compute):
    stack, splits = cells
    # one seed, which the settings of a run do not allow, is enough here
    settings = audit_settings.model_copy(update={"n_seeds": 1, "networks": True})
    small = {"input_side": 16, "epochs": 12, "batch_size": 4, "test_time_views": 1}
    network = cnn_settings(**small, learning_rate=0.003, class_weight="none", batch_norm_momentum=0.5)
    options = {"settings": settings, "network": network, "first_seed": 3, "compute": compute}
    table = tabulate_audit(audit_networks(stack, splits.sample(frac=1, random_state=0), **options))
    AUDIT.validate(table.assign(data_source="cells"))
    described = table[["model", "strategy", "region", "seed", "n_folds", "n_test_cells", "n_test_groups"]]
    assert described.to_numpy().tolist() == [["cnn", name, "cell", 3, 3, 60, 6] for name in ("subject", "image")]
    # blasts are larger and darker: scores that went to other cells would be worth a half
    assert (table["auroc"] > 0.8).all()
