// The secret came in the fragment, which no server was sent. It leaves the address bar, and so the history, at once.
"use strict";

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

const account = location.pathname.split("/")[2];
const form = document.querySelector("form");
const status = document.querySelector("[role=status]");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  status.textContent = "";
  try {
    const answer = await fetch(`/v1/accounts/${account}${form.dataset.path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, ...Object.fromEntries(new FormData(form)) }),
    });
    if (answer.ok) {
      form.hidden = true;
      status.textContent = form.dataset.done;
      return;
    }
    const problem = await answer.json();
    status.textContent = (problem.errors ?? []).map((error) => error.detail).join(" ") || problem.detail;
  } catch {
    status.textContent = "The service does not answer. Please try again.";
  }
  button.disabled = false;
});
