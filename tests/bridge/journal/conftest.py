import pytest

from bridge import faults


@pytest.fixture(autouse=True)
def _no_faults_left():
    yield
    faults.disarm()
