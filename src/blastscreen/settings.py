"""Settings that Kedro reads on start-up."""

import atexit
import gc
from importlib.resources import files

from blastscreen.datasets.viz import LayeredConfigLoader
from blastscreen.runs.checks import CheckRun
from blastscreen.runs.explain import NameCause
from blastscreen.runs.interruptions import ForgetUnfinished, ResumeHint
from blastscreen.runs.log import RunLog
from blastscreen.runs.recording import RunManifest
from blastscreen.runs.screen import RunScreen

CONFIG_LOADER_CLASS = LayeredConfigLoader
# An environment changes single values of a parameter block, not whole blocks.
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
    # data that travels with the code: ${package:report/published_numbers.yml}
    "custom_resolvers": {"package": lambda name: str(files("blastscreen") / name)},
}
LOG = RunLog()
SCREEN = RunScreen(LOG)
# Kedro calls them last first: checks come before there is a log, an error has its cause on it before it is recorded and
# logged, and the summary is the last that a run prints.
HOOKS = (SCREEN, LOG, RunManifest(), ResumeHint(), ForgetUnfinished(), NameCause(), CheckRun())
# Nothing about a run leaves the machine; `.telemetry` says the same to the command line.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
# Python would end with half a second's search for garbage, in memory that the system takes back anyway.
atexit.register(gc.freeze)
