"""What is done before a command of `kedro`, whichever it is."""

import os
import sysconfig

from kedro.framework.cli.hooks import cli_hook_impl


class OwnPrograms:
    """Let `kedro ipython` and `kedro jupyter` start the programs of their own environment, activated or not."""

    @cli_hook_impl
    def before_command_run(self) -> None:
        """Look for programs beside this Python first: Kedro starts `ipython` by its bare name."""
        os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])


own_programs = OwnPrograms()
