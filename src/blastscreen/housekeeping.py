"""What is kept for a run that may be interrupted goes when a run ends well."""

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline


class ForgetUnfinished:
    """Empty the places where nodes keep what they have finished."""

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Forget what an interrupted run would have gone on from: this one has stored its results."""
        for name in sorted(pipeline.datasets()):
            forget = getattr(catalog.get(name), "forget_unfinished", None)
            if forget is not None:
                forget()
