"""What another service does with the example's API, through the client of openapi-python-client."""

from __future__ import annotations

import io
import json
import sys
from uuid import UUID

from aviation_client import AuthenticatedClient
from aviation_client.api.airlines import airlines_partial_update, airlines_retrieve
from aviation_client.api.airports import (
    airports_bulk_create,
    airports_bulk_delete,
    airports_bulk_partial_update,
    airports_create,
    airports_destroy,
    airports_export,
    airports_import_from_file,
    airports_list,
    airports_retrieve,
)
from aviation_client.models import (
    AirlineEnvelope,
    AirportEnvelope,
    AirportExportColumn,
    AirportIds,
    AirportListEnvelope,
    AirportRequest,
    AirportsExportBody,
    AirportsExportBodyFileType,
    AirportsListOrderingItem,
    BulkPatchedAirportRequest,
    ConflictEnvelope,
    DeleteReportEnvelope,
    ErrorEnvelope,
    ImportReportEnvelope,
    ImportReportState,
    ImportRequest,
    PaginatedAirportListEnvelope,
    PatchedAirlineRequest,
)
from aviation_client.types import File


def drive(client: AuthenticatedClient) -> dict[str, object]:
    """Return what was seen."""
    seen: dict[str, object] = {}

    def build(icao: str, latitude: float = 63.303) -> AirportRequest:
        return AirportRequest(
            icao=icao,
            name="Surtsey Airstrip",
            country="IS",
            latitude=latitude,
            longitude=-20.605,
            elevation=12,
            timezone="Atlantic/Reykjavik",
        )

    created = airports_create.sync_detailed(client=client, body=build("ZZCT"))
    assert isinstance(created.parsed, AirportEnvelope)
    row = created.parsed.data
    # Nothing of an answer is unset: it always has every key.
    code: str | None = row.iata
    key: UUID = row.id
    seen["created"] = [created.status_code, row.country.name, code, row.city, row.created_by]

    refused = airports_create.sync_detailed(client=client, body=build("ZZCT", 163.3))
    assert isinstance(refused.parsed, ErrorEnvelope)
    names = sorted(refused.parsed.errors.additional_keys)
    seen["refused"] = [refused.status_code, refused.parsed.success, names]

    order = [AirportsListOrderingItem("-elevation"), AirportsListOrderingItem("icao")]
    listed = airports_list.sync(client=client, ordering=order, country="IS")
    assert isinstance(listed, PaginatedAirportListEnvelope)
    page = listed.pagination
    seen["listed"] = [page.count, page.next_, [one.icao for one in listed.data]]

    change = BulkPatchedAirportRequest(id=key, elevation=13)
    changed = airports_bulk_partial_update.sync(client=client, body=[change])
    assert isinstance(changed, AirportListEnvelope)
    seen["changed"] = [[one.icao, one.elevation] for one in changed.data]

    many = airports_bulk_create.sync(client=client, body=[build("ZZC1"), build("ZZC2")], idempotency_key="once")
    assert isinstance(many, AirportListEnvelope)
    gone = airports_bulk_delete.sync(client=client, body=AirportIds(ids=[one.id for one in many.data]))
    assert isinstance(gone, DeleteReportEnvelope)
    seen["gone"] = [gone.data.count, gone.data.missing_ids]

    read = airlines_retrieve.sync_detailed("FI", client=client)
    tag = read.headers["ETag"]
    body = PatchedAirlineRequest(name="Loftleiðir")
    first = airlines_partial_update.sync("FI", client=client, body=body, if_match=tag)
    second = airlines_partial_update.sync_detailed("FI", client=client, body=body, if_match=tag)
    assert isinstance(first, AirlineEnvelope)
    assert isinstance(second.parsed, ConflictEnvelope)
    seen["conflict"] = [first.data.version, second.status_code, second.parsed.current_version]

    text = b"icao,name,country,latitude,longitude,elevation,timezone\nZZCF,From a file,IS,1,2,3,UTC\n"
    form = ImportRequest(file=File(payload=io.BytesIO(text), file_name="airports.csv"), append_data=True)
    imported = airports_import_from_file.sync_detailed(client=client, body=form)
    assert isinstance(imported.parsed, ImportReportEnvelope)
    state: ImportReportState = imported.parsed.data.state
    seen["imported"] = [imported.status_code, state, imported.parsed.data.created]

    columns = [AirportExportColumn.ICAO, AirportExportColumn.ELEVATION]
    wanted = AirportsExportBody(file_type=AirportsExportBodyFileType.CSV, includes=columns)
    exported = airports_export.sync(client=client, body=wanted, search="Surtsey")
    assert isinstance(exported, File)
    seen["exported"] = exported.payload.read().decode("utf-8-sig").splitlines()

    airports_destroy.sync(row.icao, client=client)
    seen["closed"] = airports_retrieve.sync_detailed(row.icao, client=client).status_code
    return seen


if __name__ == "__main__":
    base, token = sys.argv[1:]
    client = AuthenticatedClient(base_url=base, token=token, prefix="Token")
    print(json.dumps(drive(client)))  # noqa: T201  # whoever started it reads this
