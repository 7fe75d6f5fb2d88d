import errno
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import faults

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _disarmed():
    yield
    faults.disarm()


def test_nothing_happens_where_nothing_is_armed():
    assert not faults.armed
    faults.point("anywhere")
    assert faults.cut("anywhere") is None


def test_a_fault_fires_once_at_its_pass():
    fired: list[int] = []
    faults.arm("here", lambda: fired.append(1), 3)
    for _ in range(5):
        faults.point("here")
        faults.point("there")
    assert fired == [1]


def test_a_lasting_fault_fires_from_its_pass_on():
    faults.arm("here", "error:ENOSPC@2+")
    faults.point("here")
    for _ in range(2):
        with pytest.raises(OSError, match="No space left on device") as error:
            faults.point("here")
        assert error.value.errno == errno.ENOSPC


def test_a_fault_can_be_armed_for_a_block():
    with faults.arming("here", "error:EIO"), pytest.raises(OSError, match="injected"):
        faults.point("here")
    faults.point("here")


def test_a_short_write_reports_what_it_wrote():
    written: list[bytes] = []

    def write(data: bytes) -> int:
        written.append(data)
        return len(data)

    faults.arm("here", "short:2")
    assert faults.write("here", write, b"abcdef") == 2
    assert faults.write("here", write, b"abcdef") == 6
    assert written == [b"ab", b"abcdef"]


@pytest.mark.parametrize("text", ["here=explode", "here", "here=error:ENOSUCHTHING", "here=stall:soon", "here=kill:9"])
def test_a_misspelt_fault_is_no_silent_success(text):
    with pytest.raises(ValueError):
        faults.arm_from(text)


def test_the_environment_arms_a_process():
    done = subprocess.run(
        [sys.executable, "-c", "from bridge import faults; faults.point('there'); faults.point('here')"],
        env={faults.VARIABLE: "here=exit:7, other=kill"},
        cwd=ROOT,
        check=False,
        timeout=30,
    )
    assert done.returncode == 7
