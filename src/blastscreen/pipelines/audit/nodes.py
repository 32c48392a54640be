"""Nodes of pipeline `audit`."""

from typing import Any

import pandas as pd

from blastscreen.cohort.index import note_on_source
from blastscreen.compute.parallel import PartStore
from blastscreen.experiments import areas, balancing_audit, flattery, forests, networks, paired_regions
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.parameters import (
    AuditParameters,
    CnnParameters,
    ComputeParameters,
    EvaluationParameters,
    FeatureParameters,
    ForestParameters,
    SplitParameters,
)
from blastscreen.report.figures import protocol_audit


def measure_other_region(
    cell_images: CellStack, finished: PartStore, settings: FeatureParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Measure every cell over the region that `cell_features` does not have."""
    return paired_regions.measure_other_region(cell_images, finished, settings=settings, compute=compute)


def pair_regions(
    cell_features: pd.DataFrame, audit_features: pd.DataFrame, cell_splits: pd.DataFrame, settings: FeatureParameters
) -> pd.DataFrame:
    """Join the features of both regions."""
    return paired_regions.pair_regions(cell_features, audit_features, cell_splits, region=settings.region)


def correlate_with_area(cells: pd.DataFrame) -> pd.DataFrame:
    """Correlate every feature with the area of the cell."""
    return areas.correlate_with_area(cells)


def audit_forests(
    cells: pd.DataFrame,
    settings: AuditParameters,
    splits: SplitParameters,
    forest: ForestParameters,
    compute: ComputeParameters,
) -> list[dict[str, object]]:
    """Cross-validate the forest under every protocol."""
    return forests.audit_forests(cells, settings=settings, forest=forest, first_seed=splits.seed, compute=compute)


def audit_networks(
    cell_images: CellStack,
    cell_splits: pd.DataFrame,
    settings: AuditParameters,
    splits: SplitParameters,
    network: CnnParameters,
    compute: ComputeParameters,
) -> list[dict[str, object]]:
    """Cross-validate the network, where it is asked for."""
    return networks.audit_networks(
        cell_images, cell_splits, settings=settings, network=network, first_seed=splits.seed, compute=compute
    )


def audit_imbalance(
    cells: pd.DataFrame,
    settings: AuditParameters,
    splits: SplitParameters,
    forest: ForestParameters,
    evaluation: EvaluationParameters,
    compute: ComputeParameters,
) -> pd.DataFrame:
    """Cross-validate every way to balance the classes."""
    return balancing_audit.audit_imbalance(
        cells, settings=settings, forest=forest, evaluation=evaluation, first_seed=splits.seed, compute=compute
    )


def tabulate_audit(forests: list[dict[str, object]], networks: list[dict[str, object]]) -> pd.DataFrame:
    """Make one table of all models."""
    return flattery.tabulate_audit([*forests, *networks])


def summarise_audit(results: pd.DataFrame, cells: pd.DataFrame) -> dict[str, Any]:
    """Summarise protocols and choices over the seeds."""
    return flattery.summarise_audit(results, note=note_on_source(cells))


def draw_audit(results: pd.DataFrame, cells: pd.DataFrame, model_names: dict[str, str]) -> Any:
    """Draw what each protocol reaches, and how much each choice flatters."""
    differences = flattery.compare_protocols(results)
    return protocol_audit.draw_audit(results, differences, model_names=model_names, note=note_on_source(cells))


def draw_area_correlations(correlations: pd.DataFrame, cells: pd.DataFrame) -> Any:
    """Draw how much of every feature is the size of the cell."""
    return protocol_audit.draw_area_correlations(correlations, note=note_on_source(cells))
