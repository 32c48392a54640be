"""What the models went by, how much a protocol flatters, and the paper's numbers beside ours."""

from collections.abc import Mapping
from typing import Any

from blastscreen.cohort.index import note_on_source
from blastscreen.report.balancing import describe_balancing
from blastscreen.report.metric_tables import METRICS, show_metric
from blastscreen.report.quantities import Quantity, quantity, spell
from blastscreen.report.study import Study
from blastscreen.report.tables import Table, make_table
from blastscreen.vocabulary import Region, Split, SplitStrategy

_STRATEGIES = {
    SplitStrategy.IMAGE: "by image",
    SplitStrategy.SUBJECT: "by subject",
    SplitStrategy.SOURCE_FOLD: "by fold",
}
_REGIONS = {Region.FRAME: "whole frame", Region.CELL: "cell's own pixels"}
_AUDITED = {"auroc": "AUROC", "accuracy": "accuracy", "f1_weighted": "weighted F1"}


def describe_importances(study: Study, model: str) -> Table | None:
    """Tabulate what a model goes by; None for one without importances."""
    entry = f"{model}_importances"
    found = study.get(entry)
    if found is None:
        return None
    rows: list[list[str | Quantity]] = []
    for row in found.to_dict("records"):
        name = f"{model}.importances.{row['feature']}"
        shares = quantity(row["impurity_importance"], kind="rate", name=f"{name}.impurity")
        losses = [
            quantity(row[column], kind="gain", name=f"{name}.{column}")
            for column in ("permutation_importance", "group_importance")
        ]
        others = [member for member in row["feature_group"].split("+") if member != row["feature"]]
        rows.append([row["feature"], shares, losses[0], ", ".join(others) or "none", losses[1]])
    return make_table(
        f"What the {study.models[model]} goes by",
        unit="share of impurity removed on training cells; AUROC lost on validation cells when shuffled",
        sources=study.sources(entry),
        columns=["feature", "impurity", "shuffled alone", "correlated with", "shuffled as a group"],
        rows=rows,
    )


def describe_audit(study: Study) -> dict[str, Any] | None:
    """Tabulate how the protocols of the audit compare; None where no audit was made."""
    summary = study.get("audit_summary")
    if summary is None:
        return None
    return {
        "n_seeds": summary["n_seeds"],
        "note": note_on_source(summary["data_source"]),
        "protocols": _tabulate_protocols(study, summary),
        "flattery": _tabulate_flattery(study, summary),
        "area": _tabulate_area(study),
        "balancing": describe_balancing(study),
    }


def _tabulate_protocols(study: Study, summary: Mapping[str, Any]) -> Table:
    rows: list[list[str | Quantity]] = []
    for row in summary["rows"]:
        name = f"audit.{row['model']}.{row['strategy']}.{row['region']}"
        rates = [_show_spread(row[metric], metric, name=f"{name}.{metric}") for metric in _AUDITED]
        strategy, region = _STRATEGIES[row["strategy"]], _REGIONS[row["region"]]
        rows.append([f"{_name_model(study, row['model'])}, {strategy}, {region}", *rates])
    seeds = f"lowest and highest of {summary['n_seeds']} seeds, which is no interval over subjects"
    return make_table(
        "Means over all seeds under four protocols",
        unit=f"cells not trained on; {seeds}",
        sources=study.sources("audit_summary", "audit_results"),
        columns=["model, how cells were split, what features saw", *_AUDITED.values()],
        rows=rows,
    )


def _tabulate_flattery(study: Study, summary: Mapping[str, Any]) -> Table:
    rows: list[list[str | Quantity]] = []
    for row in summary["flattery"]:
        choice = str(row["choice"])
        name = f"audit.flattery.{row['model']}.{choice.replace(' ', '_')}"
        better = f"{row['n_better']} of {summary['n_seeds']}"
        rows.append(
            [
                f"{choice} ({_name_model(study, row['model'])})",
                quantity(row["auroc"]["mean"], kind="gain", name=name, interval=row["auroc"]),
                better,
            ]
        )
    return make_table(
        "How much each choice flatters",
        unit="AUROC, same seed with and without the choice; lowest and highest seed",
        sources=study.sources("audit_summary"),
        columns=["choice", "AUROC gained", "seeds that gained"],
        rows=rows,
    )


def _show_spread(found: Mapping[str, Any], metric: str, *, name: str) -> Quantity:
    return quantity(found["mean"], kind=METRICS[metric].kind, name=name, interval=found)


def _name_model(study: Study, model: str) -> str:
    return study.models.get(model, model)


def _tabulate_area(study: Study) -> Table | None:
    found = study.get("area_correlations")
    if found is None:
        return None
    rows: list[list[str | Quantity]] = []
    for feature, regions in found.groupby("feature", sort=False):
        by_region = regions.set_index("region")["pearson"]
        rows.append(
            [
                str(feature),
                *(
                    quantity(
                        by_region.get(region),
                        kind="gain",
                        name=f"area_correlations.{region}.{feature}",
                        undefined="the feature does not vary",
                    )
                    for region in _REGIONS
                ),
            ]
        )
    return make_table(
        "How much each feature repeats the area of the cell",
        unit="Pearson correlation with the area, over cells",
        sources=study.sources("area_correlations"),
        columns=["feature", *_REGIONS.values()],
        rows=rows,
    )


def describe_paper(study: Study) -> dict[str, Any] | None:
    """Put the paper's rates beside ours and list its contradictions; None where its numbers were not checked."""
    check = study.get("paper_check")
    if check is None:
        return None
    return {
        "citation": check["citation"],
        "n_checked": check["n_checked"],
        "contradictions": check["contradictions"],
        "prevalence": _describe_prevalence(study, check),
        "sources": study.sources("paper_check", "published_numbers"),
        "beside": _tabulate_beside(study, check),
    }


def _describe_prevalence(study: Study, check: Mapping[str, Any]) -> str:
    """Say how many of the test cells are blasts, there and here; "" where the paper's tables don't tell."""
    tables = [found["consistent"] for found in check.get("tables", ()) if found["split"] == Split.TEST]
    theirs = sorted({spell(_share_of_blasts(table), kind="rate") for table in tables})
    calls = [study.entries[f"{model}_metrics"][Split.TEST]["confusion"] for model in study.models]
    ours = sorted({spell(_share_of_blasts(table), kind="rate") for table in calls if sum(table.values())})
    if not (theirs and ours):
        return ""
    return (
        f"Blasts are {' and '.join(theirs)} of the paper's test cells and {' and '.join(ours)} of ours: accuracy, "
        "precision and F1 depend on that share, sensitivity and specificity do not."
    )


def _share_of_blasts(calls: Mapping[str, int]) -> float:
    return (calls["true_positives"] + calls["false_negatives"]) / sum(calls.values())


def _tabulate_beside(study: Study, check: Mapping[str, Any]) -> Table:
    rows: list[list[str | Quantity]] = []
    for model, words in study.models.items():
        ours = study.entries[f"{model}_metrics"][Split.TEST]
        for metric, theirs in check["rates"].get(model, {}).get(Split.TEST, {}).items():
            if metric in METRICS:
                printed = ", ".join(dict.fromkeys(found["text"] for found in theirs["printed"])) or "not printed"
                name = f"{model}.test.{metric}"
                recomputed = quantity(theirs["recomputed"], kind=METRICS[metric].kind, name=f"paper.{name}")
                label = f"{words}: {metric.replace('_', ' ')}"
                rows.append([label, printed, recomputed, show_metric(metric, ours, name=name)])
    return make_table(
        "The paper's rates on its test cells beside ours",
        unit="cells; the test cells are not the same, and the paper's were split by image",
        sources=study.sources("paper_check", *(f"{model}_metrics" for model in study.models)),
        columns=["metric", "paper, as printed", "paper, from its tables", f"ours, {study.confidence} interval"],
        rows=rows,
    )
