"""What the mypy plugin infers: mypy runs once over a small project, and each expectation in it is a test."""

from __future__ import annotations

import pytest

from tests.inference.expectations import PROJECT, Expectation, Place, parse_messages, read_expectations, run_mypy

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("inference")]

EXPECTATIONS = read_expectations()


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[Place, list[str]]:
    """Return what mypy says of the project, from a cold start."""
    return parse_messages(run_mypy(PROJECT, tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=str)
def test_line_is_seen_as_it_says(expectation: Expectation, messages: dict[Place, list[str]]) -> None:
    """A line's type, or its fault, is the one its comment states."""
    assert expectation.is_met(messages.get(expectation.place, [])), messages.get(expectation.place)


def test_nothing_else_is_reported(messages: dict[Place, list[str]]) -> None:
    """Code without a fault gets no error, and every error is an expected one."""
    expected: dict[Place, list[Expectation]] = {}
    for expectation in EXPECTATIONS:
        expected.setdefault(expectation.place, []).append(expectation)
    surplus = [
        (place, text)
        for place, texts in messages.items()
        for text in texts
        if not any(expectation.matches(text) for expectation in expected.get(place, []))
    ]
    assert surplus == []
