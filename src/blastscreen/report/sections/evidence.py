"""What the models go by, how much the choices of a protocol flatter, and what balancing the classes is worth."""

from typing import Any

import pandas as pd

from blastscreen.models import MODELS
from blastscreen.report.figures.protocol_audit import REGION_TEXTS, SPLIT_TEXTS
from blastscreen.report.figures.style import note_on
from blastscreen.report.results import ModelResults, Results
from blastscreen.report.shown import (
    NO_INTERVAL,
    Columns,
    Kind,
    Numbers,
    Row,
    Table,
    show,
    show_row,
    spell,
    transpose,
)
from blastscreen.vocabulary import Balancing

_IMPORTANCES: Columns = {
    "feature": ("feature", None),
    "impurity_importance": ("impurity", "rate"),
    "permutation_importance": ("shuffled alone", "gain"),
    "others": ("correlated with", None),
    "group_importance": ("shuffled as a group", "gain"),
}
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
_MEASURES: dict[str, tuple[str, Kind, Kind]] = {
    "auroc": ("AUROC", "score", "gain"),
    "sensitivity": ("sensitivity at 0.5", "rate", "points"),
    "specificity": ("specificity at 0.5", "rate", "points"),
    "specificity_at_sensitivity": ("specificity at equal sensitivity", "rate", "points"),
}


def describe_importances(results: Results, model: ModelResults, found: pd.DataFrame) -> Table:
    """Tabulate what a model goes by."""
    rows = []
    for row in found.to_dict("records"):
        others = [member for member in row["feature_group"].split("+") if member != row["feature"]]
        record = row | {"others": ", ".join(others) or "none"}
        missing = {"impurity_importance": "the model has none"}
        rows.append(show_row(record, _IMPORTANCES, f"{model.name}.importances.{row['feature']}", undefined=missing))
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
        words = f"{MODELS[row['model']].title}, {SPLIT_TEXTS[row['strategy']]}, {REGION_TEXTS[row['region']]}"
        means = {metric: row[metric]["mean"] for metric in _AUDITED} | {"intervals": row}
        name = f"audit.{row['model']}.{row['strategy']}.{row['region']}"
        rows.append(show_row(means, _AUDITED, name, first={"model, how cells were split, what features saw": words}))
    seeds = f"lowest and highest of {summary['n_seeds']} seeds, which is no interval over subjects"
    unit, sources = f"cells not trained on; {seeds}", results.sources("audit_summary", "audit_results")
    return Table("Means over all seeds under four protocols", rows, unit=unit, sources=sources)


def _tabulate_flattery(results: Results, summary: Any) -> Table:
    rows: list[Row] = []
    for row in summary["flattery"]:
        choice, gained = str(row["choice"]), row["auroc"]
        name = f"audit.flattery.{row['model']}.{choice.replace(' ', '_')}"
        shown: Row = {"choice": f"{choice} ({MODELS[row['model']].title})"}
        shown["AUROC gained"] = show(gained["mean"], "gain", name, interval=gained)
        rows.append(shown | {"seeds that gained": f"{row['n_better']} of {summary['n_seeds']}"})
    unit = "AUROC, same seed with and without the choice; lowest and highest seed"
    return Table("How much each choice flatters", rows, unit=unit, sources=results.sources("audit_summary"))


def _tabulate_area(results: Results, found: pd.DataFrame) -> Table:
    of_regions = {}
    for region, words in REGION_TEXTS.items():
        of_features = found[found["region"] == region].set_index("feature")["pearson"].to_dict()
        columns: Columns = {feature: (feature, "gain") for feature in dict.fromkeys(found["feature"])}
        record, name = dict.fromkeys(columns) | of_features, f"area_correlations.{region}"
        of_regions[words] = show_row(record, columns, name, undefined="the feature does not vary")
    title = "How much each feature repeats the area of the cell"
    unit = "Pearson correlation with the area, over cells"
    return Table(title, transpose(of_regions, "feature"), unit=unit, sources=results.sources("area_correlations"))


def _tabulate_balancing(results: Results, found: pd.DataFrame) -> list[Table]:
    """Tabulate what every way to balance the classes reaches, and what it changes against class weights."""
    first, sources = found.iloc[0], results.sources("audit_imbalance")
    unit = (
        f"cells held out by subject, {first['n_seeds']} divisions together; equal sensitivity is "
        f"{spell(first['min_sensitivity'], 'rate')}; {results.confidence_of(*sources)} intervals over subject groups"
    )
    values: dict[str, Row] = {way: {"balanced by": words} for way, words in _BALANCINGS.items()}
    changes: dict[str, Row] = {way: dict(row) for way, row in values.items() if way != Balancing.CLASS_WEIGHT}
    for row in found.to_dict("records"):
        way, (heading, kind, kind_of_change) = row["balancing"], _MEASURES[row["measure"]]
        name, change = f"audit.balancing.{way}.{row['measure']}", row["difference"]
        interval = {bound: row[bound] for bound in ("low", "high")}
        values[way][heading] = show(row["value"], kind, f"{name}.value", interval=interval, no_interval=NO_INTERVAL)
        if way in changes:
            interval = {bound: row[f"difference_{bound}"] for bound in ("low", "high")}
            shown = show(change, kind_of_change, f"{name}.difference", interval=interval, no_interval=NO_INTERVAL)
            changes[way][heading] = shown
    tables = {"What balancing the classes reaches": values, "What it changes against class weights": changes}
    return [Table(title, list(rows.values()), unit=unit, sources=sources) for title, rows in tables.items()]
