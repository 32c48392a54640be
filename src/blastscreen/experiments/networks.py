"""The network under every protocol that applies to it."""

import logging

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.experiments.fold_scores import score_cells
from blastscreen.experiments.folds import STRATEGIES, count_folds, draw_folds, seeds_of_audit
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.checkpoints import Checkpoint
from blastscreen.parameters import AuditParameters, CnnParameters, ComputeParameters
from blastscreen.vocabulary import Region, Split

logger = logging.getLogger(__name__)


def audit_networks(
    stack: CellStack,
    splits: pd.DataFrame,
    *,
    settings: AuditParameters,
    network: CnnParameters,
    first_seed: int,
    compute: ComputeParameters,
) -> list[dict[str, object]]:
    """Cross-validate the network by subject and by image, if the settings ask for it.

    The fold after the one held out validates, the others train. Standardised cells lie on black, so that the network
    sees the pixels of the cell and nothing else: there is no protocol with the whole frame.

    Args:
        stack: `cell_images`.
        splits: `cell_splits`; its own division is not used.
        settings: Whether networks are asked for, and the number of seeds.
        network: Everything but the seed, which is that of the folds.
        first_seed: The others follow.
        compute: Workers that resize cells.

    Returns:
        One record in the columns of the schema `AUDIT` per split strategy and seed; none if not asked for.

    Raises:
        CohortError: A class has fewer than three subject groups.
    """
    if not settings.networks:
        return []
    # in the order of the stack, in which probabilities come
    cells = splits.set_index("image_id").loc[list(stack.image_ids)].reset_index()
    n_folds = count_folds(cells, fewest=len(Split))
    records: list[dict[str, object]] = []
    for strategy in STRATEGIES:
        for seed in seeds_of_audit(first_seed, settings.n_seeds):
            fold = draw_folds(cells, strategy=strategy, n_folds=n_folds, seed=seed)
            one = network.model_copy(update={"seed": seed, "resume": False})
            probability = _cross_validate(stack, cells, fold, settings=one, compute=compute)
            protocol = {"model": "cnn", "strategy": strategy.value, "region": Region.CELL.value, "seed": seed}
            records.append({**protocol, **score_cells(cells, probability, fold)})
            logger.info("Audited the network, splitting by %s, seed %d", strategy, seed)
    return records


def _cross_validate(
    stack: CellStack,
    cells: pd.DataFrame,
    fold: NDArray[np.intp],
    *,
    settings: CnnParameters,
    compute: ComputeParameters,
) -> NDArray[np.float64]:
    from blastscreen.models.prediction import predict_images
    from blastscreen.models.training import train_network

    n_folds = int(fold.max()) + 1
    probability = np.empty(len(cells))
    for number in range(n_folds):
        held_out = fold == number
        validating = fold == (number + 1) % n_folds
        roles = np.select([held_out, validating], [Split.TEST.value, Split.VALIDATION.value], Split.TRAIN.value)
        network, _ = train_network(stack, cells.assign(split=roles), _NoCheckpoints(), settings, compute)
        # validation cells need no prediction
        tested = cells.assign(split=np.where(held_out, Split.TEST.value, Split.TRAIN.value))
        predictions = predict_images(network, stack, tested, settings).set_index("image_id")
        probability[held_out] = predictions["blast_probability"].loc[cells.loc[held_out, "image_id"]]
    return probability


class _NoCheckpoints:
    """Keep nothing: an interrupted audit starts again."""

    def read(self) -> Checkpoint | None:
        return None

    def write(self, checkpoint: Checkpoint) -> None:
        pass

    def clear(self) -> None:
        pass
