import resource
from contextlib import contextmanager

import pytest


@pytest.fixture
def full_disk():
    """A disk that takes no file over 20 kB while the block runs: the writes themselves fail, as on a full one."""

    @contextmanager
    def limited():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited
