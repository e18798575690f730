"""The configuration of an import: the seed's dict, the typed way, and every fault by name."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from drf_commons.errors import InvalidImportConfigError
from drf_commons.services.importing import (
    ForeignKeyLookup,
    ImportConfig,
    ModelStep,
    ReadOptions,
    list_columns,
    read_config,
)
from tests.personnel.models import Department, Employee

EMPLOYEES: dict[str, Any] = {
    "file_format": "xlsx",
    "order": ["department", "employee"],
    "models": {
        "department": {
            "model": Department,
            "fields": ["name", "code"],
            "unique_fields": ["code"],
        },
        "employee": {
            "model": Employee,
            "fields": ["first_name", "last_name", "email", "department_code"],
            "unique_fields": ["email"],
            "foreign_keys": {
                "department": {"model": Department, "lookup_field": "code", "source_field": "department_code"}
            },
        },
    },
}


def build(**step: Any) -> dict[str, Any]:
    """Return a configuration of one step on employees."""
    return {"models": {"employee": {"model": "personnel.Employee", "fields": ["email"], **step}}}


def find_faults(config: object) -> tuple[str, ...]:
    with pytest.raises(InvalidImportConfigError) as raised:
        read_config(config, "EmployeeViewSet.import_file_config")  # type: ignore[arg-type]  # wrong on purpose
    assert str(raised.value).startswith("EmployeeViewSet.import_file_config is not valid:\n  ")
    assert isinstance(raised.value, ImproperlyConfigured)
    return raised.value.faults


def test_a_dict_and_the_typed_way_are_the_same() -> None:
    """``order`` and ``models`` become steps, in that order."""
    typed = ImportConfig(
        file_format="xlsx",
        steps=[
            ModelStep(name="department", model=Department, fields=["name", "code"], unique_fields=["code"]),
            ModelStep(
                name="employee",
                model=Employee,
                fields=["first_name", "last_name", "email", "department_code"],
                unique_fields=["email"],
                foreign_keys={
                    "department": ForeignKeyLookup(
                        model=Department, lookup_field="code", source_field="department_code"
                    )
                },
            ),
        ],
    )
    assert read_config(EMPLOYEES) == typed
    assert read_config(typed) is typed


def test_a_model_may_be_named() -> None:
    """A class and ``"app.Model"`` are the same; a step without a name is called after its model."""
    config = ImportConfig(steps=[ModelStep(model="personnel.Department", fields=["code"])])
    assert (config.steps[0].model_class, config.steps[0].step_name) == (Department, "department")


def test_the_columns_of_a_file_are_known() -> None:
    """A source field feeds the foreign key, and what the model needs is required."""
    columns = list_columns(read_config(EMPLOYEES))
    assert [(column.step, column.header, column.field.name, column.is_required) for column in columns] == [
        ("department", "name", "name", False),
        ("department", "code", "code", True),
        ("employee", "first_name", "first_name", True),
        ("employee", "last_name", "last_name", True),
        ("employee", "email", "email", True),
        ("employee", "department_code", "department", True),
    ]
    assert [column.related_model for column in columns if column.lookup] == [Department]


def test_headers_may_be_spelt_otherwise() -> None:
    """The header of a step comes first, then that of the whole file, then the plain name."""
    config = {**build(columns={"E-mail": "email"}), "columns": {"Mail": "email"}}
    [column] = list_columns(read_config(config))
    assert column.headers == ("E-mail", "Mail", "email")


UNKNOWN = "personnel.Employee has no field"
TWICE = "gets its value from two places: keep one of fields, foreign_keys, references, constants, computed"


@pytest.mark.parametrize(
    ("step", "place", "reason"),
    [
        (
            {"unique_feilds": ["email"]},
            "['models']['employee']['unique_feilds']: ",
            "unknown key (did you mean 'unique_fields'?)",
        ),
        (
            {"foreign_keys": {"department": {"lookup": "code"}}},
            "['models']['employee']['foreign_keys']['department']['lookup']: ",
            "unknown key (did you mean 'lookup_field'?)",
        ),
        (
            {"model": "personnel.Employe"},
            "['models']['employee']['model']: ",
            "there is no model 'personnel.Employe' (did you mean 'personnel.Employee'?)",
        ),
        (
            {"fields": ["emial"]},
            "employee.fields: ",
            f"{UNKNOWN} 'emial' that can be imported (did you mean 'email'?)",
        ),
        (
            {"unique_fields": ["mail"]},
            "employee.unique_fields: ",
            f"{UNKNOWN} 'mail' that can be imported (did you mean 'email'?)",
        ),
        (
            {"constants": {"levle": 1}},
            "employee.constants: ",
            f"{UNKNOWN} 'levle' that can be imported (did you mean 'level'?)",
        ),
        ({"foreign_keys": {"email": {}}}, "employee.foreign_keys: ", "'email' is not a foreign key"),
        (
            {"foreign_keys": {"department": {"lookup_field": "cod"}}},
            "employee.foreign_keys['department'].lookup_field: ",
            "personnel.Department has no field 'cod' (did you mean 'code'?)",
        ),
        (
            {"foreign_keys": {"department": {"model": Employee}}},
            "employee.foreign_keys['department'].model: ",
            "the field points to personnel.Department, not to personnel.Employee",
        ),
        (
            {"foreign_keys": {"department": {"create_missing": True}}},
            "employee.foreign_keys['department'].create_missing: ",
            "it needs a lookup_field that is a column of its own",
        ),
        (
            {"foreign_keys": {"manager": {"lookup_field": "email", "create_missing": True}}},
            "employee.foreign_keys['manager'].create_missing: personnel.Employee cannot do without ",
            "'first_name', 'last_name', 'salary', 'hired', 'department'; make its rows in an earlier step",
        ),
        (
            {"many_to_many": {"department": {}}},
            "employee.many_to_many: ",
            "'department' is not a many-to-many relation",
        ),
        (
            {"references": {"department": "depot"}},
            "employee.references['department']: ",
            "no earlier step is called 'depot'",
        ),
        ({"transforms": {"phone": str.strip}}, "employee.transforms: ", "'phone' is no column of this step"),
        ({"required": ["mail"]}, "employee.required: ", "'mail' is no column of this step (did you mean 'email'?)"),
        (
            {"columns": {"Mail": "mail"}},
            "employee.columns: ",
            "'mail' is no column of this step (did you mean 'email'?)",
        ),
        ({"constants": {"email": "a@example.com"}}, "employee.'email' ", TWICE),
        ({"unique_fields": ["badge"]}, "employee.unique_fields: ", "'badge' gets no value from this step"),
        (
            {"update_if_exists": True},
            "employee.update_if_exists: ",
            "it needs unique_fields, by which a row is found again",
        ),
    ],
)
def test_a_fault_is_named(step: dict[str, Any], place: str, reason: str) -> None:
    """A fault says where it is, and what may have been meant."""
    assert f"{place}{reason}" in find_faults(build(**step))


def test_a_column_that_the_database_generates_is_not_suggested() -> None:
    """Its own name is no help to who has written it."""
    config = {"models": {"step": {"model": "warehouse.Box", "fields": ["area"]}}}
    assert find_faults(config) == ("step.fields: warehouse.Box has no field 'area' that can be imported",)


def test_missing_rows_may_be_created_where_nothing_else_must_be_given() -> None:
    """Defaults, NULL, and what fills itself in are no gaps."""
    lookup = ForeignKeyLookup(lookup_field="name", create_missing=True)
    step = ModelStep(model="warehouse.Sample", fields=["one_to_one"], foreign_keys={"one_to_one": lookup})
    config = ImportConfig(steps=[step])
    assert read_config(config) is config


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("file_fromat", "csv", "['file_fromat']: unknown key (did you mean 'file_format'?)"),
        (
            "order",
            ["department", "employes"],
            "order: there is no model 'employes' in models (did you mean 'employee'?)",
        ),
        ("order", ["employee"], "order does not name 'department' of models"),
        ("order", ["employee", "employee", "department"], "order names a model twice"),
        ("order", "employee", "order must be a list of names"),
        ("models", [], "models must be a dict of steps by name"),
        (
            "columns",
            {"Name": "nmae"},
            "columns: 'Name' stands for 'nmae', which no step takes (did you mean 'name'?)",
        ),
        ("steps", [], "give steps, or models with their order, and not both"),
        ("chunk_size", 0, "['chunk_size']: should be greater than or equal to 1"),
        ("encoding", "utf-32", "['encoding']: 'utf-32' is not an encoding that CSV can be read in"),
        ("encoding", "klingon", "['encoding']: 'klingon' is not an encoding that CSV can be read in"),
        ("encodings", "utf-8", "['encodings']: unknown key (did you mean 'encoding'?)"),
        ("delimiter", ", ", "['delimiter']: ', ' is not one character that can divide cells"),
        ("delimiter", '"', "['delimiter']: '\"' is not one character that can divide cells"),
    ],
)
def test_a_fault_of_the_whole_is_named(option: str, value: object, fault: str) -> None:
    """So are those of the file."""
    assert fault in find_faults({**EMPLOYEES, option: value})


def test_how_a_csv_file_is_read_may_be_declared() -> None:
    """In the dict and in the typed way; what is said where the file is opened stands above it."""
    config = read_config({**EMPLOYEES, "file_format": "csv", "encoding": "cp1250", "delimiter": "\t"})
    typed = ImportConfig(steps=config.steps, file_format="csv", encoding="cp1250", delimiter="\t")
    assert config == typed
    assert typed.build_read_options() == ReadOptions(file_format="csv", encoding="cp1250", delimiter="\t")
    assert typed.build_read_options(encoding="utf-8", sheet="x").encoding == "utf-8"
    for encoding in ("utf-16", "UTF-16LE", "utf-8-sig", "latin1"):
        assert read_config({**EMPLOYEES, "encoding": encoding}).encoding == encoding


def test_an_empty_configuration_is_none() -> None:
    """Something has to be imported."""
    assert find_faults({}) == ("['steps']: field required",)


def test_all_faults_are_told_at_once() -> None:
    """Nobody mends one fault to be told of the next."""
    assert len(find_faults(build(fields=["emial", "first_nmae"], unique_fields=["mail"]))) == 3
