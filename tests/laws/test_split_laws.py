import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from blastscreen.cohort.index import group_subjects
from blastscreen.cohort.splits import split_cells
from blastscreen.parameters import SplitParameters
from blastscreen.vocabulary import CellLabel, Split, SplitStrategy

N_FOLDS = 3


@st.composite
def cohorts(draw: st.DrawFn) -> pd.DataFrame:
    """Cells of three to nine persons a class, each with one or two ids that share a picture, sizes very uneven."""
    rows = []
    for label, prefix in ((CellLabel.ALL, ""), (CellLabel.HEM, "H")):
        for person in range(draw(st.integers(3, 9))):
            n_ids = draw(st.integers(1, 2))
            for alias in range(n_ids):
                subject = f"{prefix}{2 * person + alias}"
                # every fold has a first person whose cells are all in it
                fold = f"fold_{person if person < N_FOLDS else draw(st.integers(0, N_FOLDS - 1))}"
                pictures = [f"shared by the ids of {label} {person}"]
                pictures += [f"{subject} {number}" for number in range(draw(st.sampled_from([0, 1, 3, 12])))]
                rows += [
                    (f"{fold}/{label}/{subject}_{number}", subject, label.value, fold, picture)
                    for number, picture in enumerate(pictures)
                ]
    cells = pd.DataFrame(rows, columns=["image_id", "subject_id", "label", "source_fold", "pixel_hash"]).astype("str")
    groups = group_subjects(cells["subject_id"].tolist(), cells.pop("pixel_hash").tolist())
    return cells.assign(subject_group=pd.array(groups, dtype="str"), status="accepted", data_source="a test")


@st.composite
def split_settings(draw: st.DrawFn) -> SplitParameters:
    return SplitParameters(
        strategy=draw(st.sampled_from([SplitStrategy.SUBJECT, SplitStrategy.SOURCE_FOLD])),
        validation_fraction=draw(st.sampled_from([0.01, 0.15, 0.3])),
        test_fraction=draw(st.sampled_from([0.01, 0.15, 0.5])),
        validation_fold="fold_1",
        test_fold="fold_2",
        seed=draw(st.integers(0, 2**32 - 1)),
    )


@settings(max_examples=20, deadline=None)
@given(cells=cohorts(), protocol=split_settings(), order=st.randoms(use_true_random=False))
def test_persons_stay_whole_and_every_split_has_both_classes(cells, protocol, order) -> None:
    splits = split_cells(cells, settings=protocol)

    assert splits.groupby("subject_group")["split"].nunique().max() == 1
    assert splits.groupby("subject_id")["split"].nunique().max() == 1
    assert set(zip(splits["split"], splits["label"], strict=True)) == {
        (split, label) for split in Split for label in CellLabel
    }
    assert splits["image_id"].tolist() == sorted(cells["image_id"])
    identity = ["image_id", "subject_id", "subject_group", "label"]
    pd.testing.assert_frame_equal(splits[identity], cells[identity].sort_values("image_id", ignore_index=True))

    rows = list(range(len(cells)))
    order.shuffle(rows)
    pd.testing.assert_frame_equal(split_cells(cells.iloc[rows], settings=protocol), splits)


@settings(max_examples=10, deadline=None)
@given(cells=cohorts(), seed=st.integers(0, 2**32 - 1), order=st.randoms(use_true_random=False))
def test_image_split_depends_on_nothing_but_the_seed(cells, seed, order) -> None:
    # enough cells of each class to be stratified over three splits
    cells = pd.concat([cells.assign(image_id=cells["image_id"] + f"_{copy}") for copy in range(7)], ignore_index=True)
    protocol = SplitParameters(
        strategy=SplitStrategy.IMAGE,
        validation_fraction=0.15,
        test_fraction=0.15,
        validation_fold="fold_1",
        test_fold="fold_2",
        seed=seed,
    )
    splits = split_cells(cells, settings=protocol)

    shares = pd.crosstab(splits["split"], splits["label"])
    expected = cells["label"].value_counts() * 0.15
    assert ((shares.loc[[Split.VALIDATION, Split.TEST]] - expected).abs() <= 1.5).all(axis=None)
    rows = list(range(len(cells)))
    order.shuffle(rows)
    pd.testing.assert_frame_equal(split_cells(cells.iloc[rows], settings=protocol), splits)


@settings(max_examples=60, deadline=None)
@given(edges=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=30))
def test_groups_are_what_repeated_merging_finds(edges) -> None:
    subject_ids = [f"H{subject}" for subject, _ in edges]
    pictures = [f"picture {picture}" for _, picture in edges]

    # the slow way: merge any two sets of ids that hold one picture, until nothing changes
    owners = [({subject}, {picture}) for subject, picture in zip(subject_ids, pictures, strict=True)]
    merged = True
    while merged:
        merged = False
        for first in range(len(owners)):
            for second in range(len(owners) - 1, first, -1):
                if owners[first][0] & owners[second][0] or owners[first][1] & owners[second][1]:
                    ids, seen = owners.pop(second)
                    owners[first][0].update(ids)
                    owners[first][1].update(seen)
                    merged = True
    expected = {subject: ids for ids, _ in owners for subject in ids}

    groups = group_subjects(subject_ids, pictures)

    for subject, group in zip(subject_ids, groups, strict=True):
        assert group == "+".join(sorted(expected[subject], key=lambda name: int(name[1:])))
