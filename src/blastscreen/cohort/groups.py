"""Which subject ids belong to one person."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from blastscreen.cohort.names import natural_key


def group_subjects(subject_ids: Sequence[str], pixel_hashes: Sequence[str]) -> list[str]:
    """Join the subject ids that share a picture: they are taken for one person.

    Subjects and pictures are the two sides of a graph with one edge per cell; a group is a connected component, so ids
    that share pictures only by way of a third one are joined too.

    Args:
        subject_ids: subject of each cell.
        pixel_hashes: hash of the decoded pixels of each cell, in the same order.

    Returns:
        The group of each cell: its subject ids in natural order, joined by "+".

    Raises:
        ValueError: the lists differ in length, or a value is missing.

    Examples:
        >>> group_subjects(["H10", "H3", "H3", "7"], ["a", "a", "b", "c"])
        ['H3+H10', 'H3+H10', 'H3+H10', '7']
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if len(subject_ids) != len(pixel_hashes):
        raise ValueError(
            f"{len(subject_ids)} subject ids and {len(pixel_hashes)} pixel hashes: give one of each per cell"
        )
    subject_codes, subjects = pd.factorize(np.asarray(subject_ids, dtype=object))
    hash_codes, hashes = pd.factorize(np.asarray(pixel_hashes, dtype=object))
    if (subject_codes < 0).any() or (hash_codes < 0).any():
        raise ValueError("every cell needs a subject id and a pixel hash: leave out the cells that have none")
    n_nodes = len(subjects) + len(hashes)
    edges = (np.ones(len(subject_codes)), (subject_codes, len(subjects) + hash_codes))
    _, components = connected_components(coo_array(edges, shape=(n_nodes, n_nodes)), directed=False)
    members: dict[int, list[str]] = {}
    for subject, component in zip(subjects, components[: len(subjects)], strict=True):
        members.setdefault(int(component), []).append(str(subject))
    names = {component: "+".join(sorted(ids, key=natural_key)) for component, ids in members.items()}
    return [names[int(components[code])] for code in subject_codes]
