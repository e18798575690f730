// What a front end does with the example's API, through openapi-fetch and the types of openapi-typescript.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const [base = "", token = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: base, headers: { Authorization: `Token ${token}` } });
const seen: Record<string, unknown> = {};

const airport: components["schemas"]["AirportRequest"] = {
  icao: "ZZCT",
  name: "Surtsey Airstrip",
  country: "IS",
  latitude: 63.303,
  longitude: -20.605,
  elevation: 12,
  timezone: "Atlantic/Reykjavik",
};

const created = await client.POST("/api/airports/", { body: airport });
if (created.data === undefined) throw new Error(created.error.message);
// Nothing of an answer is optional: it always has every key.
const row: components["schemas"]["Airport"] = created.data.data;
const code: string | null = row.iata;
seen.created = [created.response.status, row.country.name, code, row.city, row.created_by];

const refused = await client.POST("/api/airports/", { body: { ...airport, latitude: 163.3 } });
if (refused.error === undefined) throw new Error("a latitude of 163 was taken");
const failed: false = refused.error.success;
seen.refused = [refused.response.status, failed, Object.keys(refused.error.errors).sort()];

const listed = await client.GET("/api/airports/", { params: { query: { ordering: ["-elevation", "icao"], country: "IS" } } });
if (listed.data === undefined) throw new Error(listed.error.message);
seen.listed = [listed.data.pagination.count, listed.data.pagination.next, listed.data.data.map((one) => one.icao)];

const changed = await client.PATCH("/api/airports/bulk-update/", { body: [{ id: row.id, elevation: 13 }] });
if (changed.data === undefined) throw new Error(changed.error.message);
seen.changed = changed.data.data.map((one) => [one.icao, one.elevation]);

const many = await client.POST("/api/airports/bulk-create/", {
  params: { header: { "Idempotency-Key": "once" } },
  body: [{ ...airport, icao: "ZZC1" }, { ...airport, icao: "ZZC2" }],
});
if (many.data === undefined) throw new Error(many.error.message);
const gone = await client.POST("/api/airports/bulk-delete/", { body: { ids: many.data.data.map((one) => one.id) } });
seen.gone = [gone.data?.data.count, gone.data?.data.missing_ids];

const airline = { params: { path: { code: "FI" } } };
const read = await client.GET("/api/airlines/{code}/", airline);
const header = { "If-Match": read.response.headers.get("ETag") ?? "" };
const write = { params: { path: { code: "FI" }, header }, body: { name: "Loftleiðir" } };
const first = await client.PATCH("/api/airlines/{code}/", write);
const second = await client.PATCH("/api/airlines/{code}/", write);
if (second.error === undefined || !("current_version" in second.error)) throw new Error("no conflict was told");
seen.conflict = [first.data?.data.version, second.response.status, second.error.current_version];

const upload = await client.POST("/api/airports/import-from-file/", {
  body: { file: "icao,name,country,latitude,longitude,elevation,timezone\nZZCF,From a file,IS,1,2,3,UTC\n", append_data: true },
  bodySerializer({ file, append_data }) {
    const form = new FormData();
    form.append("file", new Blob([file], { type: "text/csv" }), "airports.csv");
    form.append("append_data", String(append_data));
    return form;
  },
});
// Somebody may ask for the rows that failed, as a file.
if (upload.data === undefined || typeof upload.data === "string") throw new Error("no report");
if (!("created" in upload.data.data && "state" in upload.data.data)) throw new Error("a job, and no report");
const state: "completed" | "stopped" | "interrupted" | "rolled_back" = upload.data.data.state;
seen.imported = [upload.response.status, state, upload.data.data.created];

const file = await client.POST("/api/airports/export/", {
  params: { query: { search: "Surtsey" } },
  body: { file_type: "csv", includes: ["icao", "elevation"] },
  parseAs: "text",
});
// What takes long may be answered by a job.
if (typeof file.data !== "string") throw new Error("no file");
seen.exported = file.data.trim().split(/\r?\n/);

await client.DELETE("/api/airports/{icao}/", { params: { path: { icao: "ZZCT" } } });
seen.closed = (await client.GET("/api/airports/{icao}/", { params: { path: { icao: "ZZCT" } } })).response.status;

// @ts-expect-error: a column that is not exported
void ((): unknown => client.POST("/api/airports/export/", { body: { includes: ["secret"] } }));
// @ts-expect-error: a row that does not say which it is
void ((): unknown => client.PATCH("/api/airports/bulk-update/", { body: [{ elevation: 13 }] }));
// @ts-expect-error: what is answered as an object is sent as its code
void ((): unknown => client.POST("/api/airports/", { body: { ...airport, country: row.country } }));

console.log(JSON.stringify(seen));
