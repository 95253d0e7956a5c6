"""What every test file shares with pytest: the instruction sets of this machine, and how hypothesis draws."""

import secrets
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from agreement import using_isa
from tilepool import _core

# The same examples in every run, so that a red test is about the change at hand; `--hypothesis-profile=random` draws
# new ones, `thorough` many. No deadline: the machine may be busy. `print_blob` prints how to rerun one example.
NEW_EXAMPLES = ("random", "thorough")
settings.register_profile(
    "fixed",
    max_examples=400,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.register_profile("random", settings.get_profile("fixed"), derandomize=False)
settings.register_profile("quick", settings.get_profile("fixed"), max_examples=40)
settings.register_profile("thorough", settings.get_profile("random"), max_examples=5000)
settings.load_profile("fixed")


@pytest.hookimpl(tryfirst=True)  # before hypothesis reads them, and before xdist hands them to its workers
def pytest_configure(config: pytest.Config) -> None:
    """New examples have a seed that can be given again; a run without slow tests has fewer examples."""
    if config.option.markexpr == "not slow" and config.option.hypothesis_profile is None:
        config.option.hypothesis_profile = "quick"
    if config.option.hypothesis_profile in NEW_EXAMPLES and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(secrets.randbelow(2**32))


def pytest_report_header(config: pytest.Config) -> list[str]:
    seed = config.option.hypothesis_seed
    return [] if seed is None else [f"the examples of this run again: --hypothesis-seed={seed}"]


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set of this machine in turn; the choice made before is restored."""
    with using_isa(request.param):
        yield request.param
