// A minimal front end; its API is on another host, on the same site or on another one.
const account = new URLSearchParams(location.search).get("account");
const show = (id, shown) => { document.getElementById(id).hidden = !shown; };
const say = (text) => { document.getElementById("says").textContent = text; };
const value = (id) => document.getElementById(id).value;
let session = null; // a real front end would keep it in its own back end
let waiting = null;

async function call(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  if (session) headers.Authorization = `Bearer ${session}`;
  const sent = { method, headers, credentials: "include", body: body && JSON.stringify(body) };
  const response = await fetch(account + path, sent);
  const text = await response.text();
  return { status: response.status, headers: Object.fromEntries(response.headers), body: text && JSON.parse(text) };
}

function next(answer) {
  show("passcode-form", false);
  if (answer.status !== 201) return say(answer.body.code);
  session = answer.body.session?.token ?? null;
  return say(answer.body.status ?? "signed in");
}

async function enroll() {
  const held = { sign_in_token: waiting.sign_in_token };
  const begun = await call("POST", "/sign-ins/enrollments", { ...held, kind: "totp" });
  waiting.path = `/sign-ins/enrollments/${begun.body.id}/confirmation`;
  document.getElementById("qr-code").innerHTML = begun.body.qr_code_svg;
}

document.getElementById("password-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await call("POST", "/sign-ins", { email: value("email"), password: value("password") });
  if (answer.status !== 201 || answer.body.status === "complete") return next(answer);
  waiting = { sign_in_token: answer.body.sign_in_token, path: "/sign-ins/passcode" };
  document.getElementById("qr-code").innerHTML = "";
  if (answer.body.status === "enrollment_required") await enroll();
  show("passcode-form", true);
  return say(answer.body.status);
});

document.getElementById("passcode-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { sign_in_token: waiting.sign_in_token, passcode: value("passcode") };
  next(await call("POST", waiting.path, body));
});
