from blastscreen.cohort.index import group_subjects

# Pairs of C-NMC subjects that share byte-identical pictures, as counted from the published files.
SHARED_PICTURES = [
    ("20", "21"),
    ("51", "78"),
    ("51", "75"),
    ("H6", "H2"),
    ("H10", "H3"),
    ("H2", "H4"),
    ("H2", "H5"),
]


def test_cnmc_ids_become_persons() -> None:
    all_ids = [str(number) for number in [*range(1, 45), 51, 75, 78]]
    hem_ids = [f"H{number}" for number in range(1, 27)]
    cells = [(subject, f"own picture of {subject}") for subject in all_ids + hem_ids]
    for first, second in SHARED_PICTURES:
        cells += [(first, f"{first} = {second}"), (second, f"{first} = {second}")]
    subject_ids, pixel_hashes = zip(*cells, strict=True)

    groups = group_subjects(subject_ids, pixel_hashes)

    assert len(set(subject_ids)) == 73
    assert len(set(groups)) == 66
    assert {group for group in groups if "+" in group} == {"20+21", "51+75+78", "H2+H4+H5+H6", "H3+H10"}
    # every id is in the group that bears its name, and ids that share nothing stay alone
    assert all(subject in group.split("+") for subject, group in zip(subject_ids, groups, strict=True))
    assert len(set(zip(subject_ids, groups, strict=True))) == 73


def test_ids_are_joined_by_way_of_a_third() -> None:
    assert group_subjects(["1", "2", "2", "3", "4"], ["a", "a", "b", "b", "c"]) == ["1+2+3"] * 4 + ["4"]


def test_pictures_repeated_within_a_subject_join_nobody() -> None:
    assert group_subjects(["1", "1", "11", "H11"], ["a", "a", "b", "c"]) == ["1", "1", "11", "H11"]


def test_no_cells_no_groups() -> None:
    assert group_subjects([], []) == []
