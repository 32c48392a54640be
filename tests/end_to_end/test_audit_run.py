"""The audit as `kedro run --pipeline=audit` makes it."""

import pytest

from blastscreen.vocabulary import GENERATED_SAMPLE, Balancing, Region


def energy_against_area(catalog, region):
    table = catalog.load("area_correlations").set_index(["region", "feature"])
    return table.loc[(region, "glcm_energy"), "pearson"]


def test_the_audit_of_the_sample(project):
    project.run("audit", params={"rf": {"n_trees": 10}})
    catalog = project.catalog()
    results, summary = catalog.load("audit_results"), catalog.load("audit_summary")
    assert results.groupby(["strategy", "region"])["seed"].agg(list).tolist() == [[42, 43]] * 4
    assert set(results["n_test_cells"]) == {len(catalog.load("cell_features").query("reasons == ''"))}
    assert summary["data_source"] == GENERATED_SAMPLE
    assert energy_against_area(catalog, Region.FRAME) < -0.99
    # the texture of the cell itself is another matter
    assert energy_against_area(catalog, Region.CELL) > -0.6
    balanced = catalog.load("audit_imbalance").set_index(["balancing", "measure"])["value"]
    assert set(balanced.index.unique("balancing")) == set(Balancing)
    # with class weights it is the forest of the honest protocol, on the same folds
    honest = results.set_index(["strategy", "region", "seed"])["auroc"]["subject", "cell", 42]
    assert balanced["class_weight", "auroc"] == pytest.approx(honest)
    for name in ("audit", "area_correlations"):
        assert GENERATED_SAMPLE in catalog.load(f"{name}_figure").layout.title.text


@pytest.mark.slow
@pytest.mark.parametrize("env", ["cnmc", "paper"])
def test_real_cells_leak_by_the_person(project, cnmc, env):
    quick = {"audit": {"n_seeds": 3, "balancing_seeds": 1}, "rf": {"n_trees": 30}}
    project.run("audit", env=env, params={"images": str(cnmc / "jpeg300")} | quick)
    catalog = project.catalog(env=env)
    flattery = {row["choice"]: row for row in catalog.load("audit_summary")["flattery"]}
    assert flattery["splitting by image"]["n_better"] == 3
    assert flattery["splitting by image"]["auroc"]["mean"] > 0.03
    assert flattery["splitting by image when the whole frame is measured"]["auroc"]["mean"] > 0.1
    assert flattery["measuring the whole frame"]["auroc"]["mean"] < 0
    assert energy_against_area(catalog, Region.FRAME) < -0.99
    assert abs(energy_against_area(catalog, Region.CELL)) < 0.6
