"""Training on images whose names say nothing: a sheet and folders tell label and subject, or the run is refused."""

import pytest

from blastscreen.cohort.names import parse_cell_name
from blastscreen.cohort.soundness import CohortError
from blastscreen.synthesis.drawing import write_cells
from blastscreen.synthesis.plan import plan_sample
from blastscreen.vocabulary import Refusal

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Drawn cells as all/1.bmp, hem/2.bmp ... with a sheet that gives only the person of each."""
    drawn, folder = tmp_path_factory.mktemp("drawn") / "cells", tmp_path_factory.mktemp("lab") / "my cells"
    write_cells(drawn, plan_sample(n_cells=60, n_subjects=12, seed=9), seed=9)
    rows = ["sep=;", "Patient_ID;new_names"]
    for number, file in enumerate(sorted(drawn.rglob("UID_*.bmp")), start=1):
        name = parse_cell_name(file.name)
        (folder / name.label).mkdir(parents=True, exist_ok=True)
        (folder / name.label / f"{number}.bmp").write_bytes(file.read_bytes())
        rows.append(f"p{name.subject_id};{number}")
    (folder / "persons.csv").write_text("\n".join(rows), encoding="utf-16")
    return folder


def test_persons_of_a_sheet_and_labels_of_folders_are_trained_on(project, folder):
    project.run("preprocessing", env="cnmc", params={"images": str(folder), "labels": str(folder / "persons.csv")})
    splits = project.catalog(env="cnmc").load("cell_splits")
    assert len(splits) >= 50
    assert (splits["label"] == splits["image_id"].str.split("/").str[0]).all()
    assert splits["subject_id"].str.fullmatch("PH?[0-9]+").all()
    assert (splits.groupby("subject_group")["split"].nunique() == 1).all()


def test_folders_alone_do_not_tell_persons_apart_and_are_refused(project, folder):
    with pytest.raises(CohortError, match=r"files without subject: .*--params=labels=<file>"):
        project.run("preprocessing", env="cnmc", params={"images": str(folder)})


def test_a_sheet_without_a_folder_of_images_is_refused(project):
    with pytest.raises(Refusal, match=r"labels=labels\.csv has no effect .*--env=cnmc"):
        project.run("rf", params={"labels": "labels.csv"})
