"""Who is drawn: subjects with their own looks, and the name and kind of every cell."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from blastscreen.vocabulary import CellLabel

_FOLDS = ("fold_0", "fold_1", "fold_2")
_CELLS_PER_FIELD = 3
_SHARE_OF_ALL = 0.6
_FEWEST_CELLS_PER_SUBJECT = 5

CohortCounts = Mapping[str, Mapping[CellLabel, tuple[int, int]]]
"""Images and subjects by fold and label, such as `CNMC_2019`."""


class CellKind(StrEnum):
    """What a frame shows; every kind but the first should be noticed by quality checks."""

    ORDINARY = "ordinary"
    BORDER = "border"
    SPECK = "speck"
    PAIR = "pair"


_AWKWARD_KINDS = (CellKind.BORDER, CellKind.SPECK, CellKind.PAIR)


@dataclass(frozen=True, slots=True)
class SubjectTraits:
    """How one subject's cells differ from those of others with the same label, as standard scores."""

    size: float
    light: float
    red: float
    blue: float
    contrast: float
    grain: float
    clump_size: float
    rim: float
    roughness: float


@dataclass(frozen=True, slots=True)
class CellPlan:
    """One file to draw, named as C-NMC 2019 names its files."""

    image_id: str
    subject_id: str
    label: CellLabel
    traits: SubjectTraits
    # index of the label, number of the subject drawn, field and cell: files with one drawing are duplicates
    drawing: tuple[int, int, int, int]
    kind: CellKind = CellKind.ORDINARY

    @property
    def source_fold(self) -> str:
        """Folder of the cohort's tree that the file is in."""
        return self.image_id.partition("/")[0]


def plan_cohort(counts: CohortCounts, *, seed: int) -> list[CellPlan]:
    """Plan ordinary cells of a cohort of any size, sorted by image_id; the seed fixes subjects and pixels.

    Subjects are numbered through the folds and belong to one fold each; their shares of its images are uneven.

    Raises:
        ValueError: A fold has fewer images of a label than subjects.
    """
    plans: list[CellPlan] = []
    for index, label in enumerate(CellLabel):
        rng = np.random.default_rng([seed, index])
        by_fold = {fold: counts[fold][label] for fold in sorted(counts) if label in counts[fold]}
        traits = _draw_traits(sum(subjects for _, subjects in by_fold.values()), rng)
        number = 0
        for fold, (images, subjects) in by_fold.items():
            for share in _uneven_shares(images, subjects, rng, where=f"{fold}/{label}"):
                number += 1
                plans += _plan_subject(fold, label, (index, number), share, traits[number - 1])
    return sorted(plans, key=lambda plan: plan.image_id)


def plan_sample(*, n_cells: int, n_subjects: int, seed: int) -> list[CellPlan]:
    """Plan a small cohort with the traps of C-NMC 2019: at least 2 subjects, and 5 cells of each.

    Half of the subjects have ALL, and three fifths of the cells are theirs. From three subjects on, a few frames show
    a cell cut by the border, next to nothing, or two cells. From six on, each of three folds has both labels. From
    eight on, two subjects of each class share identical images, but every fold keeps a subject of its own.

    Raises:
        ValueError: Naming every argument that is out of range.
    """
    require_sample_size(n_cells=n_cells, n_subjects=n_subjects, seed=seed)
    plans = plan_cohort(_sample_counts(n_cells, n_subjects), seed=seed)
    for label in CellLabel:
        _share_images(plans, label, n_shared=1 + (n_cells >= 240))
    n_each = min(3, max(1, n_cells // 160), n_subjects // len(_AWKWARD_KINDS))
    _add_awkward_frames(plans, n_each, np.random.default_rng([seed, len(CellLabel)]))
    return plans


def require_sample_size(*, n_cells: int, n_subjects: int, seed: int) -> None:
    """Raise a ValueError that names every argument that `plan_sample` can't use."""
    given = {"n_cells": n_cells, "n_subjects": n_subjects, "seed": seed}
    if wrong := {name: value for name, value in given.items() if type(value) is not int}:
        raise ValueError("; ".join(f"{name} must be a whole number, not {value!r}" for name, value in wrong.items()))
    n_labels, fewest = len(CellLabel), _FEWEST_CELLS_PER_SUBJECT * n_subjects
    checks = {
        f"n_subjects must be at least {n_labels}, one of each label, not {n_subjects}": n_subjects < n_labels,
        f"n_cells must be at least {fewest} for {n_subjects} subjects, not {n_cells}": n_cells < fewest,
        f"seed must not be negative, but is {seed}": seed < 0,
    }
    if problems := [text for text, is_wrong in checks.items() if is_wrong]:
        raise ValueError("; ".join(problems))


def _sample_counts(n_cells: int, n_subjects: int) -> CohortCounts:
    n_all = round(n_cells * _SHARE_OF_ALL)
    totals = {CellLabel.ALL: (n_all, (n_subjects + 1) // 2), CellLabel.HEM: (n_cells - n_all, n_subjects // 2)}
    counts: dict[str, dict[CellLabel, tuple[int, int]]] = {fold: {} for fold in _FOLDS}
    for label, (images, subjects) in totals.items():
        in_fold = np.bincount(np.arange(subjects) % len(_FOLDS), minlength=len(_FOLDS))
        for fold, n_images, n in zip(_FOLDS, _apportion(images, in_fold), in_fold, strict=True):
            counts[fold][label] = (int(n_images), int(n))
    return counts


def _share_images(plans: list[CellPlan], label: CellLabel, *, n_shared: int) -> None:
    """Give two subjects of a label identical images, in place, where no fold is left without a subject of its own."""
    subjects: dict[str, dict[str, list[int]]] = {fold: {} for fold in _FOLDS}
    for position, plan in enumerate(plans):
        if plan.label == label:
            subjects[plan.source_fold].setdefault(plan.subject_id, []).append(position)
    first_fold, *_, last_fold = (list(of_fold.values()) for of_fold in subjects.values())
    if len(first_fold) < 2:
        return
    originals, copies = first_fold[0], (last_fold[-1] if len(last_fold) > 1 else first_fold[1])
    for original, copy in zip(originals[:n_shared], copies[:n_shared], strict=True):
        plans[copy] = replace(plans[copy], drawing=plans[original].drawing, traits=plans[original].traits)


def _add_awkward_frames(plans: list[CellPlan], n_each: int, rng: np.random.Generator) -> None:
    """Turn some cells into awkward frames, in place: one subject has one at most, and shared images stay ordinary."""
    occurrences = Counter(plan.drawing for plan in plans)
    candidates: defaultdict[str, list[int]] = defaultdict(list)
    for position, plan in enumerate(plans):
        if occurrences[plan.drawing] == 1:
            candidates[plan.subject_id].append(position)
    kinds = _AWKWARD_KINDS * n_each
    for kind, subject_id in zip(kinds, rng.permutation(list(candidates))[: len(kinds)], strict=True):
        position = int(rng.choice(candidates[subject_id]))
        plans[position] = replace(plans[position], kind=kind)


def _plan_subject(
    fold: str, label: CellLabel, subject: tuple[int, int], n_images: int, traits: SubjectTraits
) -> list[CellPlan]:
    subject_id = f"H{subject[1]}" if label == CellLabel.HEM else str(subject[1])
    spelled = subject_id.lower() if subject_id == "H3" else subject_id  # as C-NMC 2019 spells this one
    plans = []
    for position in range(n_images):
        field, cell = position // _CELLS_PER_FIELD + 1, position % _CELLS_PER_FIELD + 1
        image_id = f"{fold}/{label}/UID_{spelled}_{field}_{cell}_{label}.bmp"
        plans.append(CellPlan(image_id, subject_id, label, traits, (*subject, field, cell)))
    return plans


def _draw_traits(n_subjects: int, rng: np.random.Generator) -> list[SubjectTraits]:
    """Return the traits of a class's subjects: evenly spread scores, so that few subjects already span the class."""
    scores = ndtri((np.arange(n_subjects) + 0.5) / max(n_subjects, 1))
    columns = [rng.permutation(scores) for _ in SubjectTraits.__slots__]
    return [SubjectTraits(*map(float, row)) for row in zip(*columns, strict=True)]


def _uneven_shares(n_images: int, n_subjects: int, rng: np.random.Generator, *, where: str) -> NDArray[np.int64]:
    """Divide images among subjects, a few of whom have most of them; everybody gets at least half of an even share."""
    if n_images < n_subjects or (n_subjects == 0 and n_images > 0):
        raise ValueError(f"{where}: {n_images} images cannot be divided among {n_subjects} subjects")
    fewest = max(1, n_images // (2 * n_subjects)) if n_subjects else 0
    weights = np.exp(rng.standard_normal(n_subjects))
    return np.asarray(fewest + _apportion(n_images - fewest * n_subjects, weights))


def _apportion(total: int, weights: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide a total in proportion to weights, the largest remainders rounded up."""
    if total == 0:
        return np.zeros(len(weights), dtype=np.int64)
    exact = np.asarray(total * weights / np.sum(weights), dtype=np.float64)
    shares = np.floor(exact).astype(np.int64)
    shares[np.argsort(shares - exact, kind="stable")[: total - shares.sum()]] += 1
    return shares
