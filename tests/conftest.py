"""Fixtures that every test may use."""

import gc
import os
import signal
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest
from hypothesis import HealthCheck, settings

# What libraries and tests define stays to the end: to look for garbage there is a sixth of the fast tests' time.
gc.disable()

# How fast a machine that does other things is at the moment is no property of what is tested.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and hands that down to the commands that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real reviews and models; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("LIGHTUNE_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("the shared folder with IMDb stands beside the checkout only in CI")
    return folder


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny GPT-2 without a classification head."""
    from tests.fixtures.models import save_language_model

    return save_language_model(tmp_path_factory.mktemp("models") / "tiny-gpt2")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort tests into fast and full ones before `-m` chooses."""
    from tests.fixtures.tiers import marked

    marked(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """From now on garbage is looked for, in what is new; in the process too that has others run the tests."""
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """With LIGHTUNE_NO_SKIPS set, as in CI, a skipped test is a failure: say so."""
    if os.environ.get("LIGHTUNE_NO_SKIPS") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("LIGHTUNE_NO_SKIPS is set and tests were skipped: that is a failure.", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn skips into a failing exit status where LIGHTUNE_NO_SKIPS is set."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("LIGHTUNE_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = 1
