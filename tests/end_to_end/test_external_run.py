"""`--pipelines=predict` and `external`: images from outside meet stored models, and nothing else."""

import re
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from blastscreen.cohort.soundness import CohortError
from blastscreen.synthesis.drawing import write_cells
from blastscreen.synthesis.plan import plan_sample
from blastscreen.vocabulary import GENERATED_MARKER, GENERATED_SAMPLE, Refusal, is_unfit

pytestmark = pytest.mark.slow

TINY = {
    "cnn": {"input_side": 32, "epochs": 1, "batch_size": 8, "test_time_views": 1, "n_threads": 2},
}


@pytest.fixture(scope="module")
def project(make_project):
    project = make_project()
    project.write_local("parameters", TINY)
    project.run("hybrid")
    return project


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Drawn cells under the names of C-NMC, of subjects that are numbered as those of the sample are."""
    folder = tmp_path_factory.mktemp("outside") / "cells"
    write_cells(folder, plan_sample(n_cells=40, n_subjects=8, seed=9), seed=9)
    return folder


@pytest.fixture(scope="module")
def renamed(tree, tmp_path_factory):
    """The same as 1.bmp, 2.bmp ... and other subjects in a sheet of labels, with a file that is no image."""
    folder = tmp_path_factory.mktemp("preliminary")
    rows = []
    for number, file in enumerate(sorted(tree.rglob("*.bmp")), start=1):
        (folder / f"{number}.bmp").write_bytes(file.read_bytes())
        rows.append((file.name.replace("UID_", "UID_X"), f"{number}.bmp", int(file.stem.endswith("all"))))
    shutil.copy(tree / GENERATED_MARKER, folder)
    (folder / "=notes.txt").write_text("not an image")
    sheet = folder.parent / f"{folder.name}_labels.csv"
    pd.DataFrame(rows, columns=["Patient_ID", "new_names", "labels"]).to_csv(sheet, index=False)
    return {"external_images": str(folder), "external_labels": str(sheet)}


def model_versions(project):
    return {name: project.catalog()[name].list_versions() for name in ("rf_model", "rf_operating_point", "cell_index")}


def test_images_without_names_are_decided_on_row_by_row(project, renamed):
    before = model_versions(project)
    project.run("predict", params={"external_images": renamed["external_images"]})
    assert model_versions(project) == before
    catalog = project.catalog()
    index = catalog.load("external_index")
    for model in ("rf", "cnn", "hybrid"):
        table, listed = catalog.load(f"{model}_external_predictions"), catalog.load(f"{model}_external_triage")
        assert table["image_id"].tolist() == index["image_id"].tolist()
        read = table["status"] != "rejected"
        assert table["decision"].notna().tolist() == read.tolist()
        assert table["label"].isna().all()
        assert listed["decision"].fillna("").tolist() == table["decision"].fillna("").tolist()
        assert listed["image_id"].tolist()[-1] == "'=notes.txt"
    threshold = catalog.load(f"{model}_operating_point")["threshold"]
    fit = table["confidence"].notna()
    assert fit.tolist() == (read & ~is_unfit(table["reasons"])).tolist()
    np.testing.assert_array_equal(table["call"].eq("blast")[fit], table["blast_probability"][fit] >= threshold)


def whiten(cell):
    return np.where(cell.any(axis=2, keepdims=True), cell, 255).astype(np.uint8)


def shrink(cell):
    return cv2.resize(cell, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def put_in_frame(cell):
    return np.pad(cell, ((112, 113), (112, 113), (0, 0)))


UNLIKE_TRAINING = {
    "white background": (whiten, "unsegmented"),
    "inverted": (lambda cell: 255 - cell, "unsegmented"),
    "noise": (lambda cell: np.random.default_rng(0).integers(0, 256, cell.shape, np.uint8), "unsegmented"),
    "tissue": (lambda cell: np.full((224, 224, 3), (170, 90, 150), np.uint8), "unsegmented"),
    "half scale": (shrink, "small_cell"),
    "half scale padded": (lambda cell: put_in_frame(shrink(cell)), "small_cell"),
    "double scale": (lambda cell: shrink(np.repeat(np.repeat(cell, 4, 0), 4, 1))[225:675, 225:675], "large_cell"),
    "two": (lambda cell: np.hstack([shrink(cell)] * 2), "multi_object"),
    "cut": (lambda cell: cell[225:], "border"),
}


@pytest.fixture(scope="module")
def unlike(tree, tmp_path_factory):
    """Three cells as the models know them, what they don't know, and a copy of everything."""
    folder = tmp_path_factory.mktemp("unlike")
    areas = {file: (cv2.imread(str(file)) > 0).any(axis=2).sum() for file in sorted(tree.rglob("UID_*.bmp"))}
    ordinary = sorted(areas, key=areas.get)[len(areas) // 2 :][:3]
    for file in ordinary:
        cell = cv2.imread(str(file))
        cv2.imwrite(str(folder / f"ordinary {file.stem}.png"), cell)
        # as much black around a whole cell tells nothing
        cv2.imwrite(str(folder / f"frame {file.stem}.png"), cell[40:-40, 40:-40])
        for kind, (change, _) in UNLIKE_TRAINING.items():
            cv2.imwrite(str(folder / f"{kind} {file.stem}.png"), change(cell))
    shutil.copytree(folder, folder / "again")
    (folder / GENERATED_MARKER).touch()
    return folder


def test_what_the_models_do_not_know_is_referred_with_its_reason(project, unlike, capsys):
    project.run("predict", params={"external_images": str(unlike)})
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    n_unfit = 2 * 3 * len(UNLIKE_TRAINING)
    for model in ("rf", "cnn", "hybrid"):
        table = project.catalog().load(f"{model}_external_predictions").set_index("image_id")
        assert len(table) == n_unfit + 2 * 3 * 2
        for kind, (_, reason) in UNLIKE_TRAINING.items():
            cells = table[table.index.str.contains(f"{kind} UID")]
            assert set(cells["decision"]) == {"refer"}, kind
            assert cells["reasons"].str.split(";").map(lambda codes, reason=reason: reason in codes).all(), kind
            assert cells[["confidence", "calibrated_probability", "call"]].isna().all(axis=None), kind
        assert table.loc[table.index.str.contains("ordinary UID"), "confidence"].notna().all()
        framed = table[table.index.str.contains("frame UID")]
        assert set(framed["reasons"].str.replace("duplicate;", "")) == {"frame_size"}
        assert framed["confidence"].notna().all()
        copies = table[table.index.str.startswith("again/")]
        pd.testing.assert_frame_equal(
            copies.set_index(copies.index.str.removeprefix("again/"))[["blast_probability", "decision", "confidence"]],
            table.loc[copies.index.str.removeprefix("again/"), ["blast_probability", "decision", "confidence"]],
        )
        assert re.search(rf"{model}: \d+ blast, \d+ normal, \d+ refer, of which {n_unfit} unfit to be", shown)
    assert "set aside as duplicates" in shown


def test_models_of_drawn_cells_decide_on_nothing_of_a_lab(project, unlike):
    (unlike / GENERATED_MARKER).unlink()
    project.run("predict", params={"external_images": str(unlike)})
    listed = project.catalog().load("cnn_external_triage")
    assert set(listed["decision"]) == {"refer"}
    assert listed["reasons"].str.contains("drawn_model").all()
    assert listed[["confidence", "calibrated_probability"]].isna().all(axis=None)


def test_labels_of_the_sheet_give_metrics(project, renamed):
    project.run("external", params=renamed)
    catalog = project.catalog()
    for model in ("rf", "cnn", "hybrid"):
        metrics, table = catalog.load(f"{model}_external_metrics"), catalog.load(f"{model}_external_predictions")
        scored = table[table["label"].notna() & (table["status"] != "duplicate")]
        assert metrics["n_cells"] == len(scored)
        assert metrics["n_subjects"] == 8
        assert metrics["auroc"] == roc_auc_score(scored["label"] == "all", scored["blast_probability"])
        assert metrics["threshold"] == catalog.load(f"{model}_operating_point")["threshold"]
        assert metrics["intervals"]["sensitivity"]["n_groups"] > 1
        assert metrics["data_source"] == GENERATED_SAMPLE


def test_subjects_of_the_cohort_stop_the_run_before_anything_is_scored(project, tree):
    with pytest.raises(CohortError, match=r"8 subjects with \d+ cells of the cohort"):
        project.run("external", params={"external_images": str(tree)})
    manifest = project.catalog().load("run_manifest")
    assert manifest["outcome"] == "failed: CohortError"
    assert manifest["saved"] == ["external_index"]


@pytest.mark.parametrize("params", [{}, {"external_images": "nowhere"}])
def test_a_folder_that_is_not_there_is_refused_with_what_to_type(project, params):
    with pytest.raises(Refusal, match="--params=external_images=<folder>"):
        project.run("predict", params=params)


def test_cells_measured_otherwise_than_the_model_learned_are_refused(project, renamed):
    outside = {"external_images": renamed["external_images"]}
    with pytest.raises(Refusal, match=r"_model of .*features\.region was cell, is frame"):
        project.run("predict", params=outside | {"features": {"region": "frame"}})


@pytest.mark.parametrize(
    ("block", "field", "value", "was"), [("cnn", "test_time_views", 8, "1"), ("hybrid", "forest_weight", 0.9, "0.5")]
)
def test_cells_are_scored_as_those_were_that_the_threshold_was_chosen_on(project, renamed, block, field, value, was):
    with pytest.raises(Refusal, match=rf"threshold of {block} .*: {block}\.{field} was {was}, is {value}"):
        project.run("predict", params=renamed | {block: {field: value}})


def test_the_hybrid_scores_the_mean_of_its_members_and_lacks_what_one_lacks(project, renamed):
    project.run("predict", params=renamed)
    forest, network, hybrid = (
        project.catalog().load(f"{model}_external_scores").set_index("image_id")["blast_probability"]
        for model in ("rf", "cnn", "hybrid")
    )
    np.testing.assert_allclose(hybrid, (forest + network.loc[forest.index]).loc[hybrid.index] / 2)
