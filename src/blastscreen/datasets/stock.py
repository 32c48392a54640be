"""Tables in Parquet and CSV files."""

import pandas as pd
from kedro_datasets._typing import TablePreview
from kedro_datasets.pandas import CSVDataset, ParquetDataset

from blastscreen.datasets.atomic import AtomicSave


class AtomicParquet(AtomicSave, ParquetDataset):  # type: ignore[misc]
    """A pandas table in a Parquet file; once loaded, `attrs["version"]` tells its version, if it has one."""

    def load(self) -> pd.DataFrame:
        """Load the table, and note in it which version it is of."""
        table: pd.DataFrame = super().load()  # type: ignore[safe-super]
        version = self.resolve_load_version()
        # whatever attributes were saved are those of the tables that this one was made from
        table.attrs = {"version": version} if version else {}
        return table

    def preview(self, nrows: int = 30) -> TablePreview:
        """Show the first rows; small tables are shown whole."""
        return super().preview(nrows)


class AtomicCSV(AtomicSave, CSVDataset):  # type: ignore[misc]
    """A pandas table in a CSV file: for people, never between pipelines."""
