from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from blastscreen.cohort.index import group_subjects
from blastscreen.cohort.names import CNMC_2019, parse_cell_name
from blastscreen.cohort.soundness import CohortError
from blastscreen.cohort.splits import (
    require_sound_splits,
    split_by_image,
    split_by_source_fold,
    split_by_subject,
    split_cells,
)
from blastscreen.parameters import SplitParameters
from blastscreen.schemas import CELL_SPLITS
from blastscreen.vocabulary import CellLabel, Split, SplitStrategy

FRACTIONS = {"validation_fraction": 0.15, "test_fraction": 0.15}
IDENTITY = ["image_id", "subject_id", "subject_group", "label"]


def _settings(strategy: SplitStrategy, **changes: object) -> SplitParameters:
    values = FRACTIONS | {"validation_fold": "fold_1", "test_fold": "fold_2", "seed": 42}
    return SplitParameters.model_validate(values | {"strategy": strategy} | changes)


def _cells(*counts: tuple[str, str, str | None, int]) -> pd.DataFrame:
    """Cells from (subject group, label, fold, number of cells)."""
    rows = [
        (f"{fold}/{label}/{group}_{number:03}", group.split("+")[0], group, label, fold)
        for group, label, fold, n_cells in counts
        for number in range(n_cells)
    ]
    return (
        pd.DataFrame(rows, columns=[*IDENTITY, "source_fold"])
        .assign(status="accepted", data_source="a test")
        .astype("str")
    )


def _uneven(total: int, subjects: int, smallest: float) -> list[int]:
    """Share `total` cells out over subjects; the smallest gets about this fraction of what the largest gets."""
    weights = np.geomspace(1, smallest, subjects)
    ends = np.round(total * np.cumsum(weights) / weights.sum()).astype(int)
    return np.diff(ends, prepend=0).tolist()


@pytest.fixture(scope="module")
def cnmc_sized() -> pd.DataFrame:
    """10,661 cells of 73 ids and 66 persons, in the published folds, with sizes about as uneven as the real ones."""
    known_ids = {
        ("fold_0", "all"): "20",
        ("fold_1", "all"): "51",
        ("fold_2", "all"): "21 75 78",
        ("fold_0", "hem"): "H6",
        ("fold_1", "hem"): "H10 H14 H22",
        ("fold_2", "hem"): "H2 H3 H4 H5",
    }
    smallest = {("fold_1", "all"): 0.02, ("fold_1", "hem"): 0.5}
    rows, unused = [], iter(range(101, 200))
    for fold, labels in CNMC_2019.items():
        for label, (n_images, n_subjects) in labels.items():
            known = known_ids[fold, label.value].split()
            prefix = "H" if label == CellLabel.HEM else ""
            others = [f"{prefix}{next(unused)}" for _ in range(n_subjects - len(known))]
            ids = known + others if fold == "fold_1" else others + known
            sizes = _uneven(n_images, n_subjects, smallest.get((fold, label.value), 0.1))
            for subject, n_cells in zip(ids, sizes, strict=True):
                rows += [(f"{fold}/{label}/{subject}_{n}", subject, label.value, fold) for n in range(n_cells)]
    cells = pd.DataFrame(rows, columns=["image_id", "subject_id", "label", "source_fold"])
    cells = cells.assign(status="accepted", data_source="a test").astype("str")
    hashes = cells["image_id"].tolist()
    shared = ["20 21", "51 78", "51 75", "H6 H2", "H10 H3", "H2 H4", "H2 H5"]
    extra_ids = [subject for pair in shared for subject in pair.split()]
    extra_hashes = [pair for pair in shared for _ in range(2)]
    groups = group_subjects(cells["subject_id"].tolist() + extra_ids, hashes + extra_hashes)
    counted = {"status": "accepted", "data_source": "names only"}
    return cells.assign(subject_group=pd.array(groups[: len(cells)], dtype="str"), **counted).astype("str")


def _shares(cells: pd.DataFrame, split: pd.Series) -> pd.DataFrame:
    return pd.crosstab(split, cells["label"], normalize="columns")


def test_cnmc_sized_cohort_is_shared_out_as_wanted(cnmc_sized: pd.DataFrame) -> None:
    sizes = cnmc_sized["subject_id"].value_counts()
    assert (sizes.sum(), len(sizes), sizes["51"]) == (10_661, 73, 794)
    assert cnmc_sized["subject_group"].nunique() == 66
    splits_of_seeds = set()
    for seed in range(8):
        split = split_by_subject(cnmc_sized, **FRACTIONS, seed=seed)
        shares = _shares(cnmc_sized, split)
        groups = cnmc_sized.groupby(split)["subject_group"].nunique()

        for label in CellLabel:
            assert shares.loc[Split.VALIDATION, label] == pytest.approx(0.15, abs=0.02)
            assert shares.loc[Split.TEST, label] == pytest.approx(0.15, abs=0.02)
        assert groups[Split.VALIDATION] >= 8
        assert groups[Split.TEST] >= 8
        assert cnmc_sized.groupby([split, "label"])["subject_group"].nunique().min() >= 3
        splits_of_seeds.add(tuple(split))
    assert len(splits_of_seeds) == 8


def test_other_fractions_are_kept_too(cnmc_sized: pd.DataFrame) -> None:
    split = split_by_subject(cnmc_sized, validation_fraction=0.1, test_fraction=0.3, seed=3)
    shares = _shares(cnmc_sized, split)

    for label in CellLabel:
        assert shares.loc[Split.VALIDATION, label] == pytest.approx(0.1, abs=0.02)
        assert shares.loc[Split.TEST, label] == pytest.approx(0.3, abs=0.02)


def test_dominant_subject_trains(cnmc_sized: pd.DataFrame) -> None:
    cells = _cells(("1", "all", None, 300), *[(f"{n}", "all", None, 20) for n in range(2, 8)]).assign(source_fold=None)
    cells = pd.concat([cells, cnmc_sized[cnmc_sized["label"] == CellLabel.HEM]], ignore_index=True)

    for seed in range(5):
        split = split_by_subject(cells, **FRACTIONS, seed=seed)
        assert (split[cells["subject_group"] == "1"] == Split.TRAIN).all()


def test_seeds_resample_groups_of_about_one_size() -> None:
    cells = _cells(
        *[(f"{n}", "all", None, 100 + n) for n in range(6)], *[(f"H{n}", "hem", None, 100 + n) for n in range(6)]
    )

    tested = set()
    for seed in range(20):
        split = split_by_subject(cells, **FRACTIONS, seed=seed)
        tested |= set(cells.loc[split == Split.TEST, "subject_group"])

    assert len(tested) == 12


def test_three_groups_of_each_class_suffice_whatever_the_fractions() -> None:
    cells = _cells(*[(f"{n}", "all", None, n) for n in (1, 2, 3)], *[(f"H{n}", "hem", None, 9) for n in (1, 2, 3)])

    split = split_by_subject(cells, validation_fraction=0.01, test_fraction=0.01, seed=0)

    assert cells.groupby([split, "label"])["subject_group"].nunique().max() == 1
    assert len(cells.groupby([split, "label"])) == 6
    # the largest of three very different groups is the one that can be trained on
    assert (split[cells["subject_group"] == "3"] == Split.TRAIN).all()


def test_split_keeps_the_index_of_the_cells(cnmc_sized: pd.DataFrame) -> None:
    shuffled = cnmc_sized.sample(frac=1, random_state=1)
    splits = [
        split_by_subject(shuffled, **FRACTIONS, seed=5),
        split_by_image(shuffled, **FRACTIONS, seed=5),
        split_by_source_fold(shuffled, validation_fold="fold_1", test_fold="fold_2"),
    ]

    for split in splits:
        pd.testing.assert_index_equal(split.index, shuffled.index)
        assert split.dtype == "str"
    pd.testing.assert_series_equal(splits[0].sort_index(), split_by_subject(cnmc_sized, **FRACTIONS, seed=5))
    pd.testing.assert_series_equal(splits[1].sort_index(), split_by_image(cnmc_sized, **FRACTIONS, seed=5))


def test_too_few_groups_and_mixed_groups_are_listed_together() -> None:
    cells = _cells(("1", "all", None, 5), ("2", "all", None, 5), ("H1", "hem", None, 5), ("3+H3", "all", None, 5))
    cells.loc[cells.index[-1], "label"] = "hem"

    with pytest.raises(CohortError) as refusal:
        split_by_subject(cells, **FRACTIONS, seed=0)

    assert refusal.value.args == (
        "subject groups with both labels: 3+H3. Correct the labels or leave them out",
        "subject groups per class: 3 all, 2 hem. Each split needs one: add subjects until each class has 3",
    )


def test_paper_counts() -> None:
    cells = _cells(("1", "all", None, 7272), ("H1", "hem", None, 3389))

    split = split_by_image(cells, **FRACTIONS, seed=42)
    counts = pd.crosstab(split, cells["label"])

    assert counts.loc[Split.TRAIN].to_dict() == {"all": 5090, "hem": 2372}
    assert counts.loc[Split.VALIDATION].to_dict() == {"all": 1091, "hem": 508}
    assert counts.loc[Split.TEST].to_dict() == {"all": 1091, "hem": 509}


@pytest.mark.parametrize("seed", [0, 42])
def test_image_split_is_the_two_calls_of_the_paper(seed: int) -> None:
    cells = _cells(("1", "all", None, 727), ("H1", "hem", None, 339))
    ordered = cells.sort_values("image_id")
    train, rest = train_test_split(ordered, test_size=0.3, stratify=ordered["label"], random_state=seed)
    validation, test = train_test_split(rest, test_size=0.5, stratify=rest["label"], random_state=seed)

    split = split_by_image(cells, **FRACTIONS, seed=seed)

    for part, role in [(train, Split.TRAIN), (validation, Split.VALIDATION), (test, Split.TEST)]:
        assert set(split.index[split == role]) == set(part.index)


def test_floating_point_tails_take_no_extra_image() -> None:
    cells = _cells(("1", "all", None, 50), ("H1", "hem", None, 50))

    split = split_by_image(cells, validation_fraction=0.1, test_fraction=0.2, seed=0)

    assert split.value_counts().to_dict() == {"train": 70, "test": 20, "validation": 10}


@pytest.mark.parametrize(("n_all", "n_hem"), [(20, 2), (2, 1), (0, 0)])
def test_too_few_cells_to_stratify(n_all: int, n_hem: int) -> None:
    with pytest.raises(CohortError, match=rf"too few cells to split by image \({n_all} all, {n_hem} hem\)"):
        split_by_image(_cells(("1", "all", None, n_all), ("H1", "hem", None, n_hem)), **FRACTIONS, seed=0)


def test_official_folds_become_splits(cnmc_sized: pd.DataFrame) -> None:
    split = split_by_source_fold(cnmc_sized, validation_fold="fold_1", test_fold="fold_2")
    subjects = cnmc_sized["subject_id"]

    alone = ~cnmc_sized["subject_group"].str.contains("+", regex=False)
    expected = cnmc_sized["source_fold"].map({"fold_0": "train", "fold_1": "validation", "fold_2": "test"})
    assert (split[alone] == expected[alone]).all()
    # 51 of fold_1 outweighs 75 and 78 of fold_2, so these two change sides
    assert set(split[subjects.isin(["51", "75", "78"])]) == {"validation"}
    assert set(expected[subjects.isin(["51", "75", "78"])]) == {"validation", "test"}
    assert split.groupby(cnmc_sized["subject_group"]).nunique().max() == 1


def test_crossing_group_goes_where_most_of_its_cells_are() -> None:
    cells = _cells(
        *[(f"{fold[-1]}", "all", fold, 3) for fold in ("fold_0", "fold_1", "fold_2")],
        *[(f"H{fold[-1]}", "hem", fold, 3) for fold in ("fold_0", "fold_1", "fold_2")],
        ("20+21", "all", "fold_0", 4),
        ("20+21", "all", "fold_2", 5),
        ("H3+H10", "hem", "fold_2", 5),
        ("H3+H10", "hem", "fold_1", 5),
        ("30+31", "all", "fold_10", 2),
        ("30+31", "all", "fold_2", 2),
    )

    split = split_by_source_fold(cells, validation_fold="fold_1", test_fold="fold_2").groupby(cells["subject_group"])

    assert split.nunique().max() == 1
    assert split.first().to_dict() == {
        "0": "train",
        "1": "validation",
        "2": "test",
        "H0": "train",
        "H1": "validation",
        "H2": "test",
        "20+21": "test",
        "H3+H10": "validation",  # a tie: fold_1 comes first
        "30+31": "test",  # a tie: fold_2 comes before fold_10
    }


def test_missing_folds_and_homeless_cells_are_listed_together() -> None:
    cells = _cells(("1", "all", "fold_0", 3), ("H1", "hem", "fold_0", 2), ("H2", "hem", None, 4))
    cells["source_fold"] = cells["source_fold"].mask(cells["subject_id"] == "H2")

    with pytest.raises(CohortError) as refusal:
        split_by_source_fold(cells, validation_fold="fold_1", test_fold="fold_2")

    assert refusal.value.args == (
        "cells outside the official folders: 4, such as None/hem/H2_000. Put them into fold_<n> folders, or split by "
        "subject",
        "no cells in fold_1 and fold_2; folds found: fold_0 (5 cells). Name two of them",
    )


def test_fold_without_a_class_is_refused_with_counts() -> None:
    cells = _cells(
        ("1", "all", "fold_0", 3), ("H1", "hem", "fold_0", 2), ("2", "all", "fold_1", 4), ("H2", "hem", "fold_2", 5)
    )

    with pytest.raises(CohortError, match="train 3 all, 2 hem; validation 4 all, 0 hem; test 0 all, 5 hem cells"):
        split_cells(cells, settings=_settings(SplitStrategy.SOURCE_FOLD))


@pytest.mark.parametrize("strategy", SplitStrategy)
def test_table_of_splits(cnmc_sized: pd.DataFrame, strategy: SplitStrategy) -> None:
    before = cnmc_sized.copy()
    splits = split_cells(cnmc_sized, settings=_settings(strategy))
    direct = {
        SplitStrategy.SUBJECT: lambda: split_by_subject(cnmc_sized, **FRACTIONS, seed=42),
        SplitStrategy.IMAGE: lambda: split_by_image(cnmc_sized, **FRACTIONS, seed=42),
        SplitStrategy.SOURCE_FOLD: lambda: split_by_source_fold(
            cnmc_sized, validation_fold="fold_1", test_fold="fold_2"
        ),
    }[strategy]()

    CELL_SPLITS.validate(splits)
    assert splits["image_id"].tolist() == sorted(cnmc_sized["image_id"])
    assert (splits.dtypes == "str").all()
    assert splits.set_index("image_id")["split"].to_dict() == dict(zip(cnmc_sized["image_id"], direct, strict=True))
    pd.testing.assert_frame_equal(cnmc_sized, before)


def test_repeated_index_labels_do_no_harm(cnmc_sized: pd.DataFrame) -> None:
    stacked = pd.concat([cnmc_sized.iloc[:5000].reset_index(drop=True), cnmc_sized.iloc[5000:].reset_index(drop=True)])

    for strategy in SplitStrategy:
        settings = _settings(strategy)
        pd.testing.assert_frame_equal(
            split_cells(stacked, settings=settings), split_cells(cnmc_sized, settings=settings)
        )


@pytest.mark.parametrize("column", ["subject_id", "subject_group", "label"])
def test_cell_of_nobody_is_not_split(cnmc_sized: pd.DataFrame, column: str) -> None:
    cells = cnmc_sized.copy()
    cells.loc[7, column] = None

    with pytest.raises(CohortError, match="cells without subject or label: 1, such as fold_0/all/101_7"):
        split_cells(cells, settings=_settings(SplitStrategy.SUBJECT))


def test_unsound_splits_are_described_in_full() -> None:
    splits = pd.DataFrame(
        {
            "image_id": ["a", "b", "c", "d"],
            "subject_group": ["1", "1", "H1", "H1"],
            "label": ["all", "all", "hem", "hem"],
            "split": ["train", "test", "train", "train"],
        },
        dtype="str",
    )

    with pytest.raises(CohortError) as refusal:
        require_sound_splits(splits, groups_stay_whole=True)

    assert refusal.value.args == (
        "a split lacks a class (train 1 all, 2 hem; validation 0 all, 0 hem; test 1 all, 0 hem cells). Choose other "
        "folds, or add subjects",
        "subject groups in several splits: 1, such as 1",
    )
    with pytest.raises(CohortError) as refusal:
        require_sound_splits(splits, groups_stay_whole=False)
    assert not any("several splits" in problem for problem in refusal.value.args)


@pytest.fixture(scope="module")
def cells_under(cnmc: Path) -> Callable[[str], pd.DataFrame]:
    def read(folder: str) -> pd.DataFrame:
        root = cnmc / folder
        ids = [path.relative_to(root).as_posix() for path in root.rglob("UID_*")]
        names = [parse_cell_name(image_id) for image_id in ids]
        assert None not in names
        subjects = [name.subject_id for name in names if name is not None]
        return pd.DataFrame(
            {
                "image_id": ids,
                "subject_id": subjects,
                "subject_group": subjects,
                "label": [name.label.value for name in names if name is not None],
                "source_fold": [name.source_fold for name in names if name is not None],
                "status": "accepted",
                "data_source": folder,
            },
            dtype="str",
        )

    return read


def test_four_subjects_a_class_are_enough(cells_under: Callable[[str], pd.DataFrame]) -> None:
    cells = cells_under("jpeg300")
    assert cells["subject_id"].value_counts().sort_index().to_dict() == {
        "1": 19,
        "3": 11,
        "4": 113,
        "5": 7,
        "H11": 47,
        "H12": 67,
        "H6": 18,
        "H7": 18,
    }

    found = set()
    for seed in range(6):
        splits = split_cells(cells, settings=_settings(SplitStrategy.SUBJECT, seed=seed))
        shares = pd.crosstab(splits["split"], splits["label"], normalize="columns")
        in_training = splits.loc[splits["split"] == Split.TRAIN, "subject_id"]
        # the nearest that whole subjects of 113, 19, 11, 7 and 67, 47, 18, 18 cells allow
        assert sorted(shares["all"].round(3)) == [0.073, 0.127, 0.8]
        assert sorted(shares["hem"].round(3)) == [0.12, 0.12, 0.76]
        assert set(in_training) == {"4", "5", "H11", "H12"}
        found.add(tuple(splits["split"]))
    assert len(found) > 1


def test_originals_split_by_every_strategy(cells_under: Callable[[str], pd.DataFrame]) -> None:
    cells = cells_under("C-NMC_training_data")
    assert len(cells) == 52
    assert "H3" in set(cells["subject_id"])
    assert "h3" not in set(cells["subject_id"])
    assert cells["subject_id"].nunique() == 19

    for strategy in SplitStrategy:
        splits = split_cells(cells, settings=_settings(strategy))
        assert sorted(splits["image_id"]) == sorted(cells["image_id"])
        assert len(splits.groupby(["split", "label"])) == 6
        if strategy != SplitStrategy.IMAGE:
            assert splits.groupby("subject_id")["split"].nunique().max() == 1


def test_one_fold_is_not_enough_for_a_fold_split(cells_under: Callable[[str], pd.DataFrame]) -> None:
    with pytest.raises(CohortError, match=r"no cells in fold_1 and fold_2; folds found: fold_0 \(300 cells\)"):
        split_cells(cells_under("jpeg300"), settings=_settings(SplitStrategy.SOURCE_FOLD))
