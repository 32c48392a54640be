from collections.abc import Callable

import pandas as pd
import pytest

from blastscreen.cohort.index import build_cell_index, tabulate_records


@pytest.fixture
def index_of() -> Callable[..., pd.DataFrame]:
    """Build a cell index from `image_id=what differs from an accepted file with pixels of its own`."""

    def build(*image_ids: str, **changes: dict[str, str]) -> pd.DataFrame:
        records = [
            {
                "image_id": image_id,
                "status": "accepted",
                "reasons": "",
                "detail": "",
                "pixel_hash": f"hash of {image_id}",
            }
            | changes.get(image_id, {})
            for image_id in [*image_ids, *(set(changes) - set(image_ids))]
        ]
        return build_cell_index([tabulate_records(records)], data_source="a test", count_duplicates_once=True)

    return build
