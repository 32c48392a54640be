"""What the models go by, how much the choices of a protocol flatter, and what balancing the classes is worth."""

from typing import Any

import pandas as pd

from blastscreen.models import MODELS
from blastscreen.report.figures.style import note_on
from blastscreen.report.results import ModelResults, Results
from blastscreen.report.shown import NO_INTERVAL, Columns, Numbers, Row, Table, show, show_row, spell, transpose
from blastscreen.vocabulary import Balancing, Region, SplitStrategy

_IMPORTANCES: Columns = {
    "feature": ("feature", None),
    "impurity_importance": ("impurity", "rate"),
    "permutation_importance": ("shuffled alone", "gain"),
    "others": ("correlated with", None),
    "group_importance": ("shuffled as a group", "gain"),
}
_STRATEGIES = {
    SplitStrategy.IMAGE: "by image",
    SplitStrategy.SUBJECT: "by subject",
    SplitStrategy.SOURCE_FOLD: "by fold",
}
_REGIONS = {Region.FRAME: "whole frame", Region.CELL: "cell's own pixels"}
_AUDITED: Numbers = {
    "auroc": ("AUROC", "score"),
    "accuracy": ("accuracy", "rate"),
    "f1_weighted": ("weighted F1", "score"),
}
_BALANCINGS = {
    Balancing.NONE: "nothing",
    Balancing.CLASS_WEIGHT: "class weights, with which the others are compared",
    Balancing.COST: "class weights, and false alarms cost more",
    Balancing.SMOTE: "made cells of the rarer class (SMOTE)",
    Balancing.UNDERSAMPLING: "fewer cells of the other class",
    Balancing.EASY_ENSEMBLE: "an ensemble on balanced samples (EasyEnsemble)",
}
_MEASURES = {
    "auroc": "AUROC",
    "sensitivity": "sensitivity at 0.5",
    "specificity": "specificity at 0.5",
    "specificity_at_sensitivity": "specificity at equal sensitivity",
}


def describe_importances(results: Results, model: ModelResults, found: pd.DataFrame) -> Table:
    """Tabulate what a model goes by."""
    rows = []
    for row in found.to_dict("records"):
        others = [member for member in row["feature_group"].split("+") if member != row["feature"]]
        record = row | {"others": ", ".join(others) or "none"}
        rows.append(show_row(record, _IMPORTANCES, f"{model.name}.importances.{row['feature']}"))
    unit = "share of impurity removed on training cells; AUROC lost on validation cells when shuffled"
    sources = results.sources(f"{model.name}_importances")
    return Table(f"What the {model.title} goes by", rows, unit=unit, sources=sources)


def describe_audit(results: Results) -> dict[str, Any] | None:
    """Tabulate how the protocols of the audit compare, and the ways to balance the classes."""
    summary, found, balanced = results.audit_summary, results.area_correlations, results.audit_imbalance
    if summary is None:
        return None
    return {
        "n_seeds": summary["n_seeds"],
        "note": note_on(summary),
        "protocols": _tabulate_protocols(results, summary),
        "flattery": _tabulate_flattery(results, summary),
        "area": None if found is None else _tabulate_area(results, found),
        "balancing": [] if balanced is None else _tabulate_balancing(results, balanced),
    }


def _tabulate_protocols(results: Results, summary: Any) -> Table:
    rows = []
    for row in summary["rows"]:
        words = f"{MODELS[row['model']].title}, {_STRATEGIES[row['strategy']]}, {_REGIONS[row['region']]}"
        means = {metric: row[metric]["mean"] for metric in _AUDITED} | {"intervals": row}
        name = f"audit.{row['model']}.{row['strategy']}.{row['region']}"
        rows.append(show_row(means, _AUDITED, name, first={"model, how cells were split, what features saw": words}))
    seeds = f"lowest and highest of {summary['n_seeds']} seeds, which is no interval over subjects"
    sources = results.sources("audit_summary", "audit_results")
    return Table(
        "Means over all seeds under four protocols", rows, unit=f"cells not trained on; {seeds}", sources=sources
    )


def _tabulate_flattery(results: Results, summary: Any) -> Table:
    rows: list[Row] = []
    for row in summary["flattery"]:
        choice, gained = str(row["choice"]), row["auroc"]
        name = f"audit.flattery.{row['model']}.{choice.replace(' ', '_')}"
        rows.append(
            {
                "choice": f"{choice} ({MODELS[row['model']].title})",
                "AUROC gained": show(gained["mean"], "gain", name, interval=gained),
                "seeds that gained": f"{row['n_better']} of {summary['n_seeds']}",
            }
        )
    unit = "AUROC, same seed with and without the choice; lowest and highest seed"
    return Table("How much each choice flatters", rows, unit=unit, sources=results.sources("audit_summary"))


def _tabulate_area(results: Results, found: pd.DataFrame) -> Table:
    of_regions = {}
    for region, words in _REGIONS.items():
        of_features = found[found["region"] == region].set_index("feature")["pearson"].to_dict()
        columns: Columns = {feature: (feature, "gain") for feature in dict.fromkeys(found["feature"])}
        undefined = dict.fromkeys(columns, "the feature does not vary")
        record = dict.fromkeys(columns) | of_features
        of_regions[words] = show_row(record, columns, f"area_correlations.{region}", undefined=undefined)
    title = "How much each feature repeats the area of the cell"
    unit = "Pearson correlation with the area, over cells"
    return Table(title, transpose(of_regions, "feature"), unit=unit, sources=results.sources("area_correlations"))


def _tabulate_balancing(results: Results, found: pd.DataFrame) -> list[Table]:
    """Tabulate what every way to balance the classes reaches, and what it changes against class weights."""
    by_way = {(row["balancing"], row["measure"]): row for row in found.to_dict("records")}
    first, sources = found.iloc[0], results.sources("audit_imbalance")
    unit = (
        f"cells held out by subject, {first['n_seeds']} divisions together; equal sensitivity is "
        f"{spell(first['min_sensitivity'], 'rate')}; {results.confidence_of(*sources)} intervals over subject groups"
    )
    values, changes = [], []
    for way, words in _BALANCINGS.items():
        value: Row = {"balanced by": words}
        change: Row = {"balanced by": words}
        for measure, heading in _MEASURES.items():
            row, kinds = by_way[way, measure], ("score", "gain") if measure == "auroc" else ("rate", "points")
            low, high = row["difference_low"], row["difference_high"]
            bounds = {"value": row, "difference": {"low": low, "high": high}}
            columns: Any = {"value": (heading, kinds[0]), "difference": (f"{heading}: change", kinds[1])}
            shown = show_row(
                row | {"intervals": bounds},
                columns,
                f"audit.balancing.{way}.{measure}",
                no_interval=dict.fromkeys(columns, NO_INTERVAL),
            )
            value[heading], change[heading] = shown.values()
        values.append(value)
        changes += [change] if way != Balancing.CLASS_WEIGHT else []
    return [
        Table("What balancing the classes reaches", values, unit=unit, sources=sources),
        Table("What it changes against class weights", changes, unit=unit, sources=sources),
    ]
