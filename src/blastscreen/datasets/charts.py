"""Plotly figures."""

from kedro_datasets.plotly import JSONDataset

from blastscreen.datasets.atomic import AtomicSave


class AtomicPlotly(AtomicSave, JSONDataset):  # type: ignore[misc]
    """A plotly figure in a JSON file."""
