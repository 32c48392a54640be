"""Show how a run ended."""

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog

SUMMARISED_TABLES = frozenset({"cell_index", "cell_features", "external_index", "external_features"})


class RunSummary:
    """End a run with a few lines: what came in, what was rejected and why, the test metrics, where things lie."""

    def __init__(self) -> None:
        self._saved: set[str] = set()

    @hook_impl
    def after_catalog_created(self) -> None:
        """Forget the run before."""
        self._saved = set()

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Note what was written."""
        self._saved.add(dataset_name)

    @hook_impl
    def after_pipeline_run(self, catalog: DataCatalog) -> None:
        """Print what this run produced; what stayed in memory is gone by now, and is left out."""
        from blastscreen.summary import print_summary

        paths = {name: getattr(catalog.get(name), "_filepath", None) for name in sorted(self._saved)}
        saved = {name: path for name, path in paths.items() if path is not None}
        tables = {name.split("_")[1]: catalog.load(name) for name in SUMMARISED_TABLES & saved.keys()}
        print_summary(
            index=tables.get("index"),
            features=tables.get("features"),
            promises=_read_promises(catalog, self._saved),
            metrics={name.removesuffix("_metrics"): catalog.load(name) for name in saved if name.endswith("_metrics")},
            decisions={
                name.removesuffix(suffix): catalog.load(name)
                for suffix in ["_external_predictions"]
                for name in saved
                if name.endswith(suffix)
            },
            files=saved,
        )


def _read_promises(catalog: DataCatalog, saved: set[str]) -> dict[str, list[str]]:
    """Say what the models that this run judged, or scored other cells with, can be relied on for."""
    from blastscreen.evaluation import explain_referral, explain_sensitivity

    said = {"operating_point": explain_sensitivity, "referral": explain_referral}
    models = {
        name.removesuffix(entry)
        for name in saved
        for entry in ("_referral", "_external_triage")
        if name.endswith(entry)
    }
    sentences = {
        model: [say(catalog.load(f"{model}_{entry}")) for entry, say in said.items()] for model in sorted(models)
    }
    return {model: [sentence for sentence in found if sentence] for model, found in sentences.items()}
