// A front end's whole way, by a client that openapi-typescript generated: enrollment, passcode, device cookie, report.
import { createHmac } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

import createClient, { type Middleware } from "openapi-fetch";

import type { components, paths } from "./generated.js";

type SignInAnswer = components["schemas"]["SignInAnswer"];
type Problem = components["schemas"]["Problem"];

const baseUrl = process.argv[2] ?? "";
const password = process.argv[3] ?? "";
const path = { account: "demo" };

// What a browser does with cookies, and a front end with its session.
let cookies: string[] = [];
let session: string | undefined;
const browser: Middleware = {
  onRequest({ request }) {
    if (cookies.length) request.headers.set("Cookie", cookies.join("; "));
    if (session) request.headers.set("Authorization", `Bearer ${session}`);
    return request;
  },
  onResponse({ response }) {
    const given = response.headers.getSetCookie().map((cookie) => cookie.split(";")[0] ?? "");
    if (given.length) cookies = given;
  },
};
const api = createClient<paths>({ baseUrl });
api.use(browser);

function check(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

function answered<T>(result: { data?: T; error?: unknown }): T {
  check(result.data !== undefined, JSON.stringify(result.error));
  return result.data;
}

// RFC 6238, with a secret in base32; `ahead` steps after the present one.
function totp(secret: string, ahead: number): string {
  const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0"));
  const key = Buffer.from((bits.join("").match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const digest = createHmac("sha1", key).update(step).digest();
  const number = digest.readUInt32BE((digest[19] ?? 0) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

async function signIn(): Promise<SignInAnswer> {
  session = undefined;
  const body = { email: "owner@demo.example", password };
  return answered(await api.POST("/v1/accounts/{account}/sign-ins", { params: { path }, body }));
}

const first = await signIn();
check(first.status === "complete", first.status);
session = first.session.token;
const required = { require_two_factor: { team_members: true } };
answered(await api.PATCH("/v1/accounts/{account}/security-policy", { params: { path }, body: required }));

const second = await signIn();
check(second.status === "enrollment_required", second.status);
const { sign_in_token } = second;
const enrollment = answered(
  await api.POST("/v1/accounts/{account}/sign-ins/enrollments", {
    params: { path },
    body: { sign_in_token, kind: "totp" },
  }),
);
const secret = String(enrollment.secret);
const used = totp(secret, 0);
const confirmed = answered(
  await api.POST("/v1/accounts/{account}/sign-ins/enrollments/{enrollment_id}/confirmation", {
    params: { path: { ...path, enrollment_id: enrollment.id } },
    body: { sign_in_token, passcode: used, remember_device: false, device_storage: "cookie" },
  }),
);
check(confirmed.recovery_codes.length === 10 && confirmed.trusted_device === null, "recovery codes, and no device");

const third = await signIn();
check(third.status === "passcode_required", third.status);
const submit = (passcode: string) =>
  api.POST("/v1/accounts/{account}/sign-ins/passcode", {
    params: { path },
    body: { sign_in_token: third.sign_in_token, passcode, remember_device: true, device_storage: "cookie" },
  });
const refused = await submit(used);
const problem: Problem | undefined = refused.error;
check(problem?.code === "passcode_already_used", JSON.stringify(problem));
check(String(problem.retry_after) === refused.response.headers.get("Retry-After"), "when to try again");
const passed = answered(await submit(totp(secret, 1)));
check(passed.session.assurance === "aal2" && passed.trusted_device?.token === null, "a device trusted by cookie");

const trusted = await signIn();
check(trusted.status === "complete", "the device cookie replaces the passcode");

session = passed.session.token;
const asked = answered(
  await api.POST("/v1/accounts/{account}/reports", { params: { path }, body: { type: "two_factor_status", include_end_users: false } }),
);
const report = { params: { path: { ...path, report_id: asked.id } } };
for (let tries = 0; tries < 150; tries++) {
  if (answered(await api.GET("/v1/accounts/{account}/reports/{report_id}", report)).status === "ready") break;
  await wait(200);
}
const csv = answered(await api.GET("/v1/accounts/{account}/reports/{report_id}/csv", { ...report, parseAs: "text" }));
check(csv.includes("owner@demo.example"), csv);
console.log("signed in, and read the report");
