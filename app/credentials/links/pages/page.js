// The token is in the fragment, which browsers send to no server. Remove it at once from the address bar and history.
"use strict";

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

const account = location.pathname.split("/")[2];
const form = document.querySelector("form");
const button = form.querySelector("button");
const status = document.querySelector("[role=status]");

// After a reload the page no longer has the token. The link itself is still valid.
if (!token) {
  button.disabled = true;
  status.textContent = "Please open the link from your e-mail again.";
}

const save = async (answer) => {
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name ? name[1] : "";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  status.textContent = "";
  try {
    const answer = await fetch(`/v1/accounts/${account}${form.dataset.path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, ...Object.fromEntries(new FormData(form)) }),
    });
    if (answer.ok) {
      const isFile = answer.headers.has("Content-Disposition");
      if (isFile) await save(answer);
      form.hidden = !isFile;
      status.textContent = form.dataset.done;
    } else {
      const problem = await answer.json();
      status.textContent = (problem.errors ?? []).map((error) => error.detail).join(" ") || problem.detail;
    }
  } catch {
    status.textContent = "The service does not answer. Please try again.";
  }
  button.disabled = false;
  button.focus();  // disabling the button removed the focus
});
