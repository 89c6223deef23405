"""Signals to the real command, in a short form; and that it is seen where one leaves badly."""

from __future__ import annotations

import signal
import sys

import pytest

from faults import signals

pytestmark = pytest.mark.full

WELL = """
import signal, sys, time
def leave(*_):
    print("lightune: Terminated.", file=sys.stderr)
    sys.exit(143)
signal.signal(signal.SIGTERM, leave)
print('{"event": "data"}', flush=True)
time.sleep(60)
"""


def _signalled(tmp_path, script):
    (tmp_path / "runs" / "one").mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-c", script, str(tmp_path)]
    return signals.signalled(words, tmp_path, signal.SIGTERM, "data", 0.0)


def test_a_study_that_is_signalled_leaves_and_goes_on(tmp_path):
    for line in signals.run(tmp_path, short=True):
        assert line.holds, line


def test_a_command_that_leaves_well_is_not_blamed(tmp_path):
    sent = _signalled(tmp_path, WELL)
    assert (sent.where, sent.wrong) == ("data", ())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("signal.signal(signal.SIGTERM, leave)", ""), "code -15"),
        (("sys.exit(143)", "sys.exit(1)"), "code 1"),
        (('print("lightune: Terminated.", file=sys.stderr)', "pass"), "said ''"),
        (("Terminated.", "Terminated.\\nTraceback"), "Traceback"),
        (("sys.exit(143)", 'open(sys.argv[1] + "/runs/a.json", "w").write("{"); sys.exit(143)'), "half written"),
        (("sys.exit(143)", 'open(sys.argv[1] + "/.a.1.2.partial", "w"); sys.exit(143)'), "is left"),
        (
            (
                "sys.exit(143)",
                'import subprocess; subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)", '
                '"lightune.worker", sys.argv[1]], stdout=subprocess.DEVNULL); sys.exit(143)',
            ),
            "process ",
        ),
    ],
)
def test_a_command_that_leaves_badly_is(tmp_path, changed, said):
    sent = _signalled(tmp_path, WELL.replace(*changed))
    assert any(said in one for one in sent.wrong)


def test_one_that_does_not_leave_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(signals, "LEAVES", -19.5)
    sent = _signalled(tmp_path, WELL.replace("sys.exit(143)", "time.sleep(60)"))
    assert "code -9" in sent.wrong
