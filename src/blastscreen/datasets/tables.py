"""Tables in Parquet files."""

from kedro_datasets.pandas import ParquetDataset

from blastscreen.datasets.atomic import AtomicSave


class AtomicParquet(AtomicSave, ParquetDataset):  # type: ignore[misc]
    """A pandas table in a Parquet file."""
