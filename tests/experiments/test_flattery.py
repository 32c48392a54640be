import json

import pandas as pd
import pytest

from blastscreen.experiments.flattery import MEASURES, compare_protocols, summarise_audit

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
        | {"accuracy": auroc - 0.1, "f1_weighted": auroc - 0.2}
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


def test_the_summary_tells_mean_and_extremes_of_every_protocol_and_choice():
    summary = json.loads(json.dumps(summarise_audit(RESULTS, note="of a test")))
    assert (summary["n_seeds"], summary["n_folds"], summary["note"]) == (2, 4, "of a test")
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
