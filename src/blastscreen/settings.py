"""Settings that Kedro reads on start-up."""

import atexit
import gc
from importlib.resources import files

from blastscreen.datasets.viz import LayeredConfigLoader
from blastscreen.runs.hooks import RunHooks

CONFIG_LOADER_CLASS = LayeredConfigLoader
# An environment changes single values of a parameter block, not whole blocks.
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
    # data that travels with the code: ${package:report/published_numbers.yml}
    "custom_resolvers": {"package": lambda name: str(files("blastscreen") / name)},
}
RUN = RunHooks()
HOOKS = (RUN,)
# Nothing about a run leaves the machine; `.telemetry` says the same to the command line.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
# Python would end by looking for garbage in memory that the system takes back anyway: an eighth of the processor time
# of the shortest pipeline.
atexit.register(gc.freeze)
