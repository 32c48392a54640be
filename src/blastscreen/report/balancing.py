"""What balancing the classes is worth, way by way."""

from collections.abc import Mapping
from typing import Any

from blastscreen.report.quantities import NO_INTERVAL, Kind, Quantity, quantity, spell
from blastscreen.report.study import Study
from blastscreen.report.tables import Table, make_table
from blastscreen.vocabulary import Balancing

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
_TITLES = {"value": "What balancing the classes reaches", "difference": "What it changes against class weights"}


def describe_balancing(study: Study) -> list[Table]:
    """Tabulate what every way to balance the classes reaches, and what it changes; empty where that is not known."""
    found = study.get("audit_imbalance")
    if found is None:
        return []
    rows = {(row["balancing"], row["measure"]): row for row in found.to_dict("records")}
    first = next(iter(rows.values()))
    unit = (
        f"cells held out by subject, {first['n_seeds']} divisions together; equal sensitivity is "
        f"{spell(first['min_sensitivity'], kind='rate')}; {study.confidence_of('audit_imbalance')} intervals over "
        "subject groups"
    )
    return [
        make_table(
            title,
            unit=unit,
            sources=study.sources("audit_imbalance"),
            columns=["balanced by", *_MEASURES.values()],
            rows=[
                [words, *(_show(rows[way, measure], column) for measure in _MEASURES)]
                for way, words in _BALANCINGS.items()
                if (way, column) != (Balancing.CLASS_WEIGHT, "difference")
            ],
        )
        for column, title in _TITLES.items()
    ]


def _show(row: Mapping[str, Any], column: str) -> Quantity:
    kinds: dict[str, tuple[Kind, Kind]] = {"value": ("rate", "score"), "difference": ("points", "gain")}
    low, high = ("low", "high") if column == "value" else ("difference_low", "difference_high")
    return quantity(
        row[column],
        kind=kinds[column][row["measure"] == "auroc"],
        name=f"audit.balancing.{row['balancing']}.{row['measure']}.{column}",
        interval={"low": row[low], "high": row[high]},
        no_interval=NO_INTERVAL,
    )
