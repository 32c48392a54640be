"""The index of everything that came in: one row per file, rejected ones included."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
import pandas as pd

from blastscreen.cohort.names import CellName, describe_cell, natural_key
from blastscreen.vocabulary import COUNTED, GENERATED_SAMPLE, ReasonCode, Status

_SEEN = dict.fromkeys(("image_id", "status", "reasons", "detail", "image_format"), "str")
_SEEN |= dict.fromkeys(("height", "width", "background_threshold", "cell_area"), "Int64") | {"pixel_hash": "str"}
_NAMED = {"subject_id": "str", "subject_group": "str", "label": "str", "source_fold": "str"}
_NAMED |= {"field_number": "Int64", "cell_number": "Int64"}


def tabulate_records(records: Iterable[dict[str, object]]) -> pd.DataFrame:
    """Tabulate the records of `blastscreen.imaging.intake.inspect_cells`."""
    return pd.DataFrame(list(records), columns=list(_SEEN)).astype(_SEEN)


def build_cell_index(
    parts: Iterable[pd.DataFrame],
    *,
    data_source: str,
    count_duplicates_once: bool,
    cell_names: Mapping[str, CellName] | None = None,
) -> pd.DataFrame:
    """Join what was seen in each file with what its name says, and group subjects that share an image.

    Args:
        parts: Results of `tabulate_records`; none if there is no file.
        data_source: Of the images.
        count_duplicates_once: Give all files of one picture but one the status `duplicate`; `detail` names that one.
        cell_names: By image id what a sheet of labels says of it; of others, name and folders are read.

    Returns:
        Table in the schema `CELL_INDEX`. Rejected rows have no label, rows whose name says nothing no subject either.
    """
    named = (_add_names(part, cell_names or {}) for part in chain([tabulate_records([])], parts))
    index = pd.concat(named, ignore_index=True)
    known = index["label"].notna() & index["subject_id"].notna()
    identities = (index.loc[known, column].tolist() for column in ("subject_id", "pixel_hash"))
    index.loc[known, "subject_group"] = group_subjects(*identities)
    index["data_source"] = pd.Series(data_source, index=index.index, dtype="str")
    return _set_duplicates_aside(index) if count_duplicates_once else index


def _add_names(part: pd.DataFrame, cell_names: Mapping[str, CellName]) -> pd.DataFrame:
    names = [vars(cell_names.get(image_id) or describe_cell(image_id)) for image_id in part["image_id"]]
    named = pd.DataFrame(names, index=part.index, columns=list(_NAMED)).astype(_NAMED)
    named["label"] = named["label"].mask(part["status"] == Status.REJECTED)
    return part.join(named)


def group_subjects(subject_ids: Sequence[str], pixel_hashes: Sequence[str]) -> list[str]:
    """Join the subject ids that share a picture: they are taken for one person.

    Subjects and pictures are the two sides of a graph with one edge per cell; a group is a connected component, so ids
    that share pictures only by way of a third one are joined too.

    Examples:
        >>> group_subjects(["H10", "H3", "H3", "7"], ["a", "a", "b", "c"])
        ['H3+H10', 'H3+H10', 'H3+H10', '7']
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    subject_codes, subjects = pd.factorize(np.asarray(subject_ids, dtype=object))
    hash_codes, hashes = pd.factorize(np.asarray(pixel_hashes, dtype=object))
    n_nodes = len(subjects) + len(hashes)
    edges = (np.ones(len(subject_codes)), (subject_codes, len(subjects) + hash_codes))
    _, components = connected_components(coo_array(edges, shape=(n_nodes, n_nodes)), directed=False)
    members: dict[int, list[str]] = {}
    for subject, component in zip(subjects, components[: len(subjects)], strict=True):
        members.setdefault(component, []).append(subject)
    names = {component: "+".join(sorted(ids, key=natural_key)) for component, ids in members.items()}
    return [names[components[code]] for code in subject_codes]


def _set_duplicates_aside(index: pd.DataFrame) -> pd.DataFrame:
    """Count a picture with the file that says most of it, and has the shortest name: a copy's is longer."""
    readable = select_readable(index)
    nameless, foldless = readable["label"].isna(), readable["source_fold"].isna()
    demerits = readable.assign(nameless=nameless, foldless=foldless, length=readable["image_id"].str.len())
    ordered = demerits.sort_values(["nameless", "foldless", "length", "image_id"])
    originals = ordered.groupby("pixel_hash")["image_id"].transform("first")
    repeats = originals[ordered["pixel_hash"].duplicated()]
    changed = index.copy()
    changed.loc[repeats.index, "status"] = str(Status.DUPLICATE)
    codes = (index.loc[repeats.index, "reasons"] + f";{ReasonCode.DUPLICATE}").str.strip(";").str.split(";")
    changed.loc[repeats.index, "reasons"] = codes.map(lambda found: ";".join(sorted(set(found))))
    changed.loc[repeats.index, "detail"] = "the same picture as " + repeats
    return changed


def select_readable(cell_index: pd.DataFrame) -> pd.DataFrame:
    """Select the rows that were not rejected, duplicates included."""
    return cell_index[cell_index["status"] != Status.REJECTED]


def select_counted(cell_index: pd.DataFrame) -> pd.DataFrame:
    """Select the rows that go on, accepted or flagged for review, and number them anew."""
    return cell_index[cell_index["status"].isin(COUNTED)].reset_index(drop=True)


def join_sources(cells: pd.DataFrame) -> str:
    """Join the data sources of cells into the one that stands on what is made of them."""
    return ", ".join(sorted(cells["data_source"].unique()))


def note_on_source(made_of: pd.DataFrame | str) -> str:
    """Return what must stand on all that is made of cells of a table or data source: that they were drawn, or ""."""
    source = made_of if isinstance(made_of, str) else join_sources(made_of)
    return GENERATED_SAMPLE if GENERATED_SAMPLE in source else ""
