"""The times that name versions, and what a wrong clock does to them.

Kedro takes the version of the latest name for the newest. A run under a clock that is ahead would stay "newest" until
the right time has caught up with it.
"""

import logging
import shlex
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import PurePath

from kedro.io.core import VERSION_FORMAT

from blastscreen.vocabulary import Refusal

# As much as clocks of machines that share a store may differ; Kerberos allows the same.
TOLERANCE = timedelta(minutes=5)

logger = logging.getLogger(__name__)


class FutureVersion(Refusal):
    """The newest version of an entry is dated in the future."""


def require_not_from_future(version: str, filepath: PurePath) -> None:
    """Refuse to take a version for the newest that is dated later than now.

    Args:
        version: Name of the newest version; one that is no time is not judged.
        filepath: Of the entry, whose folder holds the versions.

    Raises:
        FutureVersion: By more than `TOLERANCE`.
    """
    now = datetime.now(UTC)
    try:
        dated = datetime.strptime(version, VERSION_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return
    if dated > now + TOLERANCE:
        entry = filepath.name.split(".")[0]
        raise FutureVersion(
            f"The newest version of {filepath.name} is of {version}, which is in the future: now is "
            f"{now:%Y-%m-%d %H:%M} UTC. A clock is wrong, or was. Set it right; or name the version to use, as in "
            f"--load-versions={entry}:{version}; or remove this one: rm -r {shlex.quote(str(filepath / version))}"
        )


@cache  # once, though a run saves dozens of entries
def warn_of_newer(saved: str, newest: str) -> None:
    """Warn that a version just saved is not the newest."""
    if newest > saved:
        logger.warning(
            "This run saves version %s, but %s is there already and stays the newest: another run started later, or "
            "the clock was set back. Later runs read the newest unless --load-versions names another.",
            saved,
            newest,
        )
