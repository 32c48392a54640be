import pickle
from collections.abc import Callable

import pandas as pd
import pytest

from blastscreen.cohort.soundness import CohortError, require_sound_cohort

IndexOf = Callable[..., pd.DataFrame]
REJECTED = {"status": "rejected", "reasons": "truncated"}
SOUND = ("fold_0/all/UID_1_1_1_all.bmp", "fold_0/all/UID_2_1_1_all.bmp", "fold_2/hem/UID_h3_4_1_hem.bmp")


def _problems(cell_index: pd.DataFrame) -> tuple[str, ...]:
    with pytest.raises(CohortError) as refusal:
        require_sound_cohort(cell_index)
    return refusal.value.args


def test_sound_cohort_passes(index_of: IndexOf) -> None:
    require_sound_cohort(index_of(*SOUND, **{"UID_9_1_1_all.bmp": {"status": "review", "reasons": "border"}}))


def test_unreadable_names_are_counted_and_capped(index_of: IndexOf) -> None:
    nameless = [f"{number}.bmp" for number in range(1, 8)]

    (problem,) = _problems(index_of(*SOUND, *nameless))

    assert problem.startswith(
        "7 files without subject and label: 1.bmp, 2.bmp, 3.bmp, 4.bmp, 5.bmp and 2 more. Name them UID_<subject>_"
    )


def test_labels_of_folders_do_not_stand_in_for_subjects(index_of: IndexOf) -> None:
    (problem,) = _problems(index_of(*SOUND, "all/1.bmp", "hem/2.bmp"))

    assert problem.startswith("2 files without subject: all/1.bmp, hem/2.bmp. ")
    assert "--params=labels=<file>" in problem


def test_rejected_files_do_not_matter(index_of: IndexOf) -> None:
    require_sound_cohort(index_of(*SOUND, **{"notes.txt": REJECTED, "fold_0/hem/UID_1_1_2_hem.bmp": REJECTED}))


def test_label_that_its_folder_contradicts(index_of: IndexOf) -> None:
    (problem,) = _problems(index_of(*SOUND, "fold_0/ALL/batch/UID_H7_1_1_hem.bmp", "all/fold_1/hem/UID_H8_1_1_hem.bmp"))

    assert problem.startswith(
        "1 file named with one label in the folder of the other: fold_0/ALL/batch/UID_H7_1_1_hem.bmp. Find out"
    )


def test_subject_with_both_labels(index_of: IndexOf) -> None:
    (problem,) = _problems(index_of(*SOUND, "UID_2_1_2_hem.bmp", "UID_2_1_3_hem.bmp"))

    assert problem.startswith("1 subject with both labels: 2 (1 all, 2 hem). A person is")


def test_identical_pixels_with_both_labels(index_of: IndexOf) -> None:
    same = {"pixel_hash": "one picture"}
    (problem,) = _problems(index_of(*SOUND, **{"UID_8_1_1_all.bmp": same, "UID_H9_1_1_hem.bmp": same}))

    assert problem.startswith("1 picture present with both labels: UID_8_1_1_all.bmp = UID_H9_1_1_hem.bmp. At most")


def test_identical_pixels_with_one_label_pass(index_of: IndexOf) -> None:
    same = {"pixel_hash": "one picture"}
    require_sound_cohort(index_of(*SOUND, **{"UID_8_1_1_all.bmp": same, "UID_9_1_1_all.bmp": same}))


def test_a_duplicate_still_contradicts_but_need_not_be_named(index_of: IndexOf) -> None:
    same = {"pixel_hash": "one picture"}
    require_sound_cohort(index_of(*SOUND, **{"UID_8_1_1_all.bmp": same, "copy of UID_8_1_1_all.bmp": same}))

    (problem,) = _problems(index_of(*SOUND, **{"UID_8_1_1_all.bmp": same, "hem/UID_8_1_2_all.bmp": same}))

    assert problem.startswith("1 file named with one label in the folder of the other: hem/UID_8_1_2_all.bmp")


def test_a_class_of_mostly_unfit_cells_is_refused_with_the_counts(index_of: IndexOf) -> None:
    unfit = {"status": "review", "reasons": "border;frame_size;unsegmented"}
    (problem,) = _problems(index_of(*SOUND, **{"UID_H9_1_1_hem.bmp": unfit, "UID_H9_1_2_hem.bmp": unfit}))

    assert problem.startswith("cells that no model may decide on: 2 of 3 hem (border 2, unsegmented 2). What")

    require_sound_cohort(index_of(*SOUND, **{"UID_H9_1_1_hem.bmp": unfit}))


def test_flags_that_leave_a_cell_fit_do_not_matter(index_of: IndexOf) -> None:
    lossy = {"status": "review", "reasons": "frame_size;lossy_source"}
    require_sound_cohort(index_of(**dict.fromkeys(SOUND, lossy)))


def test_one_class_only(index_of: IndexOf) -> None:
    (problem,) = _problems(index_of(*SOUND[:2]))

    assert problem == "all 2 labelled cells are all. Add hem cells: a classifier needs both classes"


def test_one_person_under_two_ids(index_of: IndexOf) -> None:
    same = {"pixel_hash": "one picture"}
    problems = _problems(index_of("UID_H10_1_2_hem.bmp", **{"UID_H3_1_1_hem.bmp": same, "UID_H10_1_1_hem.bmp": same}))

    assert len(problems) == 2
    assert problems[0].startswith("all 2 labelled cells are hem")
    assert problems[1].startswith("all 2 cells come from one subject (H3+H10)")


@pytest.mark.parametrize(
    ("files", "beginning"),
    [
        ({}, "0 of 0 files rejected (no files)"),
        ({SOUND[0]: REJECTED}, "1 of 1 file rejected (truncated 1)"),
        (dict.fromkeys(SOUND, REJECTED), "3 of 3 files rejected (truncated 3)"),
    ],
)
def test_nothing_accepted(index_of: IndexOf, files: dict[str, dict[str, str]], beginning: str) -> None:
    (problem,) = _problems(index_of(**files))

    assert problem.startswith(beginning)
    assert "Check that the folder holds the cohort" in problem


def test_mostly_rejected_stops_with_the_counts_and_half_does_not(index_of: IndexOf) -> None:
    links = {f"{number}.bmp": REJECTED | {"reasons": "outside_root"} for number in range(3)}
    require_sound_cohort(index_of(*SOUND, **links))

    (problem,) = _problems(index_of(*SOUND, **links, **{"a.txt": REJECTED | {"reasons": "unreadable"}}))

    assert problem.startswith("4 of 7 files rejected (outside_root 3, unreadable 1). outside_root: links that lead out")


def test_every_problem_is_listed_at_once(index_of: IndexOf) -> None:
    same = {"pixel_hash": "one picture"}
    cell_index = index_of(
        "1867.bmp",
        "hem/UID_5_1_1_all.bmp",
        "UID_5_1_2_hem.bmp",
        **{"UID_8_1_1_all.bmp": same, "UID_H9_1_1_hem.bmp": same},
    )

    problems = _problems(cell_index)
    text = str(CohortError(*problems))

    assert [problem.split(":")[0] for problem in problems] == [
        "1 file without subject and label",
        "1 file named with one label in the folder of the other",
        "1 subject with both labels",
        "1 picture present with both labels",
    ]
    assert text.splitlines()[0] == "the cohort has 4 problems:"
    assert [line[:3] for line in text.splitlines()[1:]] == ["1. ", "2. ", "3. ", "4. "]
    assert all(problem in text for problem in problems)


def test_error_survives_a_process_boundary() -> None:
    error = CohortError("first", "second")

    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "the cohort has 2 problems:\n1. first\n2. second"
