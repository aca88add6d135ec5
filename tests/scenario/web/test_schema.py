"""What the API's description allows, asked of a real server: no answer is a fault, and each is as described."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.scenario.web.serving import API, Served

EXAMPLES = 3
"""Requests of each route; what is wrong with one of them is mostly wrong with all."""
ENDLESS = (f"{API}/stream",)
PATIENCE_S = 300
"""How long an answer may take; the machine may be busy."""
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]


def test_the_description_is_kept(empty: Served) -> None:
    """For each route a few requests out of all that its description allows, each answered as the description says."""
    url = f"http://127.0.0.1:{empty.port}"
    schema = schemathesis.openapi.from_url(f"{url}{API}/openapi.json")
    asked: list[Any] = [found.ok() for found in schema.get_all_operations()]  # type: ignore[union-attr]
    assert len({operation.label for operation in asked}) == len(asked) > 50
    for operation in asked:
        if operation.path not in ENDLESS:
            ask(operation, url)


def ask(operation: Any, url: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def whatever(case: Any) -> None:
        case.call_and_validate(base_url=url, checks=CHECKS, timeout=PATIENCE_S)

    whatever()
