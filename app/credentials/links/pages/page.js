// The page behind a link in an e-mail. The token of the link is in the fragment, which browsers send to no server.
"use strict";

const form = document.querySelector("form");
const button = form.querySelector("button");
const field = form.querySelector("input");
const messages = document.querySelector("template").content;
const tokenKey = `passgate token ${location.pathname}`;
const doneKey = `passgate done ${location.pathname}`;

// Move the token from the address bar, where the history would keep it, to the session storage of this tab, where a
// reload finds it. Where the browser allows no storage, it stays in the address bar.
function takeToken() {
  const given = location.hash.slice(1);
  try {
    if (given) {
      sessionStorage.setItem(tokenKey, given);
      sessionStorage.removeItem(doneKey);
      removeFragment();
    }
    return sessionStorage.getItem(tokenKey) ?? "";
  } catch {
    return given;
  }
}

// Whether a link was used on this page in this tab; a separate key, so that no link can claim it.
function wasUsed() {
  try {
    return sessionStorage.getItem(doneKey) !== null;
  } catch {
    return false;
  }
}

function forgetToken({ used }) {
  removeFragment();
  try {
    sessionStorage.removeItem(tokenKey);
    if (used) sessionStorage.setItem(doneKey, "");
  } catch {
    // Nothing was stored.
  }
}

function removeFragment() {
  history.replaceState(null, "", location.pathname + location.search);
}

// Show a message by its name in the page's template, as a status or as an alert. The other one becomes empty.
function show(role, name) {
  for (const id of ["status", "alert"]) {
    const text = messages.querySelector(`[data-name="${CSS.escape(name)}"]`) ?? messages.querySelector("[data-name=failed]");
    document.getElementById(id).textContent = id === role ? text.textContent : "";
  }
}

function showAndFocus(role, name) {
  show(role, name);
  document.getElementById(role).focus();
}

function clear() {
  for (const id of ["status", "alert"]) document.getElementById(id).textContent = "";
}

function end(role, name) {
  form.remove();  // with the password in it
  document.querySelector("[data-value=expires_at]").closest("div").hidden = true;
  document.getElementById("onward").hidden = false;
  showAndFocus(role, name);
}

// Call the API and `read` its answer. Without a whole answer there is a problem with the code `no_answer`.
async function call(path, body, read) {
  try {
    const answer = await fetch(`/v1/accounts/${form.dataset.account}${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return answer.ok ? { result: await read(answer) } : { problem: await answer.json() };
  } catch {
    return { problem: { code: "no_answer" } };
  }
}

function showDetails(details) {
  for (const element of document.querySelectorAll("[data-value]")) {
    const value = details[element.dataset.value];
    element.closest("div").hidden = value === null;
    element.textContent = element.dataset.value === "expires_at" ? localTime(value) : value;
  }
  document.querySelector("dl").hidden = false;
}

function localTime(value) {
  const parts = { dateStyle: "long", timeStyle: "short" };
  return new Date(value).toLocaleString(document.documentElement.lang, parts);
}

async function readFile(answer) {
  const [, name] = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"));
  return { name, content: await answer.blob() };
}

function save(file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file.content);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const token = takeToken();

async function start() {
  if (wasUsed()) {
    end("status", "done");
    return;
  }
  if (!token) {
    end("alert", "no_token");
    return;
  }
  show("status", "checking");
  const { result, problem } = await call(form.dataset.details, { token }, (answer) => answer.json());
  if (!problem) {
    showDetails(result);
    clear();
    form.hidden = false;
  } else if (["link_expired", "not_found", "invalid_request"].includes(problem.code)) {
    forgetToken({ used: false });
    end("alert", problem.code);
  } else {
    document.getElementById("retry").hidden = false;
    showAndFocus("alert", problem.code === "no_answer" ? "unavailable" : problem.code);
  }
}

async function submit() {
  const worksAgain = "worksAgain" in form.dataset;
  const body = { token, ...Object.fromEntries(new FormData(form)) };
  const { result, problem } = await call(form.dataset.action, body, worksAgain ? readFile : () => null);
  if (!problem && worksAgain) {
    save(result);
    document.getElementById("onward").hidden = false;
    showAndFocus("status", "done");
  } else if (!problem) {
    forgetToken({ used: true });
    end("status", "done");
  } else if (problem.code === "link_expired") {
    forgetToken({ used: false });
    end("alert", "link_expired");
  } else if (problem.errors?.length && field) {
    show("alert", problem.errors[0].code);
    field.setAttribute("aria-invalid", "true");
    field.focus();  // the field is described by the alert
  } else {
    showAndFocus("alert", problem.code);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";  // `disabled` would remove the focus
  field?.removeAttribute("aria-invalid");
  clear();
  await submit();
  button.ariaDisabled = "false";
});
document.getElementById("retry").addEventListener("click", () => location.reload());
// Another link of the same kind, opened in this tab, changes only the fragment.
addEventListener("hashchange", () => location.reload());

start();
