"""What schemathesis checks of requests that are right, and of those that are wrong, where its own word is too strict.

It loads this module by its name in ``SCHEMATHESIS_HOOKS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import schemathesis
from jsonschema import Draft202012Validator
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

#: What no schema tells: which rows there are, which time zones and pairs of airports, that an import is of one kind,
#: that no database takes the null character, that spaces are no text, and how far django-filter counts.
BEYOND_A_SCHEMA: Final = re.compile(
    r"does not exist|already exists|is not a time zone|must make a unique set|leads to another airport"
    r"|Send either append_data=true or replace_data=true"
    r"|Null characters are not allowed|may not be blank|or equal to 1e\+50"
)


@schemathesis.check
def right_data_is_accepted(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """Fail where a request as the schema has it is refused for a reason that the schema could have told.

    412, 413 and 422 are about what is stored: a version that is gone, more rows than a PDF has, a key that was used.
    """
    if response.status_code in {412, 413, 422}:
        return None
    if response.status_code == 400:
        errors = {**response.json()["errors"]}
        is_about_content = errors.pop("file", None) is not None  # of a file, which is any bytes to a schema
        texts = [*list_texts(errors)]
        if (texts or is_about_content) and all(BEYOND_A_SCHEMA.search(text) for text in texts):
            return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.check
def wrong_data_is_refused(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """Fail where a request that the schema forbids is accepted, unless nothing is wrong with it but its query.

    DRF takes a page size that is no number for none, a number for a text, and django-filter what is no truth value.
    """
    if response.status_code == 412:
        return None  # what it is about was gone before it was read
    if case.meta is not None:
        wrong = {place for place, part in case.meta.components.items() if part.mode.is_negative}
        if wrong == {ParameterLocation.QUERY} or (wrong == {ParameterLocation.BODY} and has_only_numbers_wrong(case)):
            return None
    return negative_data_rejection(ctx, response, case)


def has_only_numbers_wrong(case: schemathesis.Case[Any]) -> bool:
    """Tell whether nothing is wrong with the body of *case* but numbers where texts belong."""
    content: dict[str, Any] = case.operation.definition.raw["requestBody"]["content"]
    if "application/json" not in content:
        return False
    components = case.operation.schema.raw_schema["components"]
    validator: Any = Draft202012Validator({**content["application/json"]["schema"], "components": components})
    faults = [*validator.iter_errors(case.body)]
    return bool(faults) and all(
        (fault.validator, fault.validator_value) == ("type", "string") and isinstance(fault.instance, int | float)
        for fault in faults
    )


def list_texts(errors: object) -> Iterable[str]:
    """Yield every message of a tree of them."""
    match errors:
        case Mapping():
            for branch in errors.values():
                yield from list_texts(branch)
        case list():
            for branch in errors:
                yield from list_texts(branch)
        case _:
            yield str(errors)
