"""What the README claims beside other libraries is there, and a test holds it."""

from __future__ import annotations

import re
from typing import Final

import pytest
from django.utils.module_loading import import_string

from tests.pages import PAGES, ROOT

#: By row of the table, each part of the cell about this library: what is public of it, and the test that holds it.
CLAIMS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "djangorestframework-bulk": {
        "rows found and checked together, written by set": (
            "drf_commons.bulk.bulk_update",
            "bulk_requests.test_statements_do_not_grow_with_the_rows",
        ),
        "object permissions for each row": (
            "drf_commons.views.mixins.BulkUpdateModelMixin",
            "bulk_update_views.test_a_row_forbidden_by_a_permission_keeps_all_from_being_written",
        ),
        "a bad row named by position": (
            "drf_commons.views.BulkCreateViewSet",
            "bulk_update_views.test_wrong_types_are_named_by_row_and_field",
        ),
        "rows in the order of the request": (
            "drf_commons.views.BulkUpdateViewSet",
            "bulk_update_views.test_rows_are_changed_in_the_order_of_the_request",
        ),
    },
    "drf-writable-nested": {
        "queries that do not grow with the rows": (
            "drf_commons.serializers.BaseModelSerializer",
            "nested_queries.test_a_tree_costs_the_same_however_wide_it_is",
        ),
        "ids that reach no other parent's rows": (
            "drf_commons.serializers.BaseModelSerializer",
            "nested_errors.test_rows_of_another_parent_cannot_be_reached",
        ),
        "nothing deleted unless a field says so": (
            "drf_commons.serializers.BaseModelSerializer",
            "nested_sync.test_rows_that_cannot_stay_behind_are_not_lost_by_default",
        ),
        "errors by path": (
            "drf_commons.serializers.BaseModelSerializer",
            "nested_errors.test_every_error_of_a_tree_is_reported_at_once_by_its_path",
        ),
    },
    "drf-flex-fields": {
        "which way a relation goes in and comes out is said by the field": (
            "drf_commons.serializers.fields.IdToDataField",
            "relation_fields.test_the_table_of_inputs_and_outputs_is_complete",
        ),
        "typed": ("drf_commons.mypy_plugin.plugin", "inference.test_line_is_seen_as_it_says"),
    },
    "drf-spectacular": {
        "it makes the schema": ("drf_commons.openapi.EnvelopeSchema", "openapi.test_the_example_has_a_valid_schema"),
        "envelopes, bulk, files and relations are described for it": (
            "drf_commons.openapi.EnvelopeSchema",
            "openapi.test_real_answers_are_as_described",
        ),
    },
    "drf-standardized-errors": {
        "one envelope for success as well": (
            "drf_commons.response.success_response",
            "openapi.test_every_answer_stands_in_its_envelope",
        ),
        "for single views": (
            "drf_commons.response.enveloped",
            "error_envelope.test_the_handler_of_other_views_is_untouched",
        ),
        "without a global handler": (
            "drf_commons.response.enveloped",
            "error_envelope.test_the_projects_own_handler_is_asked_first",
        ),
    },
    "django-import-export": {
        "a REST endpoint": ("drf_commons.views.ImportableViewSet", "import_views.test_all_rows_are_imported"),
        "good rows kept without the bad ones": (
            "drf_commons.services.FileImportService",
            "importing.test_every_planted_fault_is_found_and_no_good_row_is_lost",
        ),
        "every cell validated by its field": (
            "drf_commons.services.FileImportService",
            "importing.test_every_error_tells_number_column_value_reason_and_code",
        ),
        "many rows by one statement": (
            "drf_commons.services.FileImportService",
            "importing.test_the_number_of_queries_does_not_grow_with_the_rows",
        ),
    },
    "drf-excel": {
        "an allow-list": ("drf_commons.services.ExportFieldConfig", "export_views.test_nothing_leaves_without_a_list"),
        "CSV and PDF too": ("drf_commons.services.ExportService", "export_views.test_a_pdf_is_sent"),
        "streamed": ("drf_commons.services.ExportService", "export_views.test_a_workbook_is_streamed"),
    },
    "django-auditlog, django-simple-history": {
        "the writer's name on the row": (
            "drf_commons.models.UserActionMixin",
            "audit_columns.test_a_new_row_knows_its_time_and_its_author",
        ),
        "without a query more": ("drf_commons.models.UserActionMixin", "audit_columns.test_a_save_reads_no_user"),
        "in bulk too": (
            "drf_commons.bulk.bulk_create",
            "bulk_stamps.test_created_rows_tell_who_made_them_and_when",
        ),
    },
    "django-model-utils": {
        "soft deletion with who and when": (
            "drf_commons.models.SoftDeleteMixin",
            "soft_delete.test_a_soft_deletion_is_audited_and_writes_nothing_else",
        ),
        "audit columns": (
            "drf_commons.models.UserActionMixin",
            "audit_columns.test_a_new_row_knows_its_time_and_its_author",
        ),
        "versions": ("drf_commons.models.VersionMixin", "versions.test_each_save_counts_once"),
        "slugs": ("drf_commons.models.SlugMixin", "slugs.test_equal_names_are_numbered"),
    },
    "django-safedelete": {
        "unique among live rows": (
            "drf_commons.models.LiveUniqueConstraint",
            "soft_delete.test_only_live_rows_are_unique",
        ),
        "restored with its audit": (
            "drf_commons.models.SoftDeleteMixin",
            "soft_delete.test_a_queryset_is_restored_in_one_statement",
        ),
        "checked against versions": (
            "drf_commons.views.mixins.SoftDestroyModelMixin",
            "preconditions.test_deleting_and_restoring_heed_the_version",
        ),
    },
    "django-concurrency": {
        "`ETag`, `If-Match`, 409 and 412 in views": (
            "drf_commons.views.BaseViewSet",
            "preconditions.test_another_tag_is_a_412_and_nothing_is_written",
        ),
        "versions in bulk": (
            "drf_commons.models.VersionMixin",
            "bulk_update_views.test_rows_with_versions_count_and_conflict",
        ),
    },
    "drf-commons 1.0.3": {
        "the same names and paths": (
            "drf_commons.current_user.get_current_user",
            "public_api.test_public_paths_export_what_is_promised",
        ),
        "[written anew](docs/migrating.md#from-drf-commons-1x)": (
            "drf_commons.__version__",
            "public_api.test_the_version_is_told",
        ),
    },
}


def read_cells() -> dict[str, str]:
    """Return what the table says of this library, by whom it is compared with."""
    table = PAGES["README.md"].read_text(encoding="utf-8").split("<!-- others -->")[1].split("<!-- /others -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    return {row[0]: row[1] for row in rows[2:]}


def test_every_row_of_the_table_is_accounted_for() -> None:
    """A claim is added where its proof is named."""
    assert [*read_cells()] == [*CLAIMS]


@pytest.mark.parametrize("library", CLAIMS)
def test_a_cell_says_what_can_be_shown(library: str) -> None:
    """Each part of it stands in the list above, in its place, and nothing else is in the cell."""
    parts = "|".join(map(re.escape, CLAIMS[library]))
    assert re.findall(parts, read_cells()[library]) == [*CLAIMS[library]]
    assert re.fullmatch(r"(?:; |, and |, )*", re.sub(parts, "", read_cells()[library]))


@pytest.mark.parametrize("library", CLAIMS)
def test_what_is_claimed_is_there(library: str) -> None:
    """What is named is public, and the tests that hold it exist."""
    for name, test in CLAIMS[library].values():
        assert import_string(name)
        file, _, function = test.partition(".")
        source = (ROOT / "tests" / f"test_{file}.py").read_text(encoding="utf-8")
        assert re.search(rf"^def {function}\(", source, re.MULTILINE), test
