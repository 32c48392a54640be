"""Settings that Kedro reads on start-up."""

import atexit
import gc
from importlib.resources import files

from blastscreen.datasets.layers import LayeredConfigLoader
from blastscreen.runs.checks import CheckRun
from blastscreen.runs.interruptions import ForgetUnfinished, ResumeHint
from blastscreen.runs.recording import RunManifest
from blastscreen.runs.screen import RunSummary

CONFIG_LOADER_CLASS = LayeredConfigLoader
# An environment changes single values of a parameter block, not whole blocks.
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
    # data that travels with the code: ${package:report/published_numbers.yml}
    "custom_resolvers": {"package": lambda name: str(files("blastscreen") / name)},
}
# Kedro calls them last first: the summary is to be the last that a run prints.
HOOKS = (RunSummary(), RunManifest(), ResumeHint(), ForgetUnfinished(), CheckRun())
# Nothing about a run leaves the machine; `.telemetry` says the same to the command line.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
# Python would end with half a second's search for garbage, in memory that the system takes back anyway.
atexit.register(gc.freeze)
