// Make and revoke the user's own tokens through the Hub's API (same origin, xsrf token in a header).
const page = document.querySelector("main[data-api]");
const failed = document.querySelector(".problem");
const headers = { "X-XSRFToken": page.dataset.xsrf, "Content-Type": "application/json" };

async function call(method, path, body) {
  failed.hidden = true;
  const answer = await fetch(page.dataset.api + path, { method, headers, body: body && JSON.stringify(body) });
  if (answer.ok) return answer.status === 204 ? {} : answer.json();
  failed.hidden = false;
  throw new Error(`HTTP ${answer.status}`);
}

document.querySelector("form.make").addEventListener("submit", async (event) => {
  event.preventDefault();
  const values = new FormData(event.target);
  const made = await call("POST", "", { note: values.get("note"), expires_in: Number(values.get("days")) * 86400 });
  document.querySelector(".secret").textContent = made.token;
  document.querySelector(".made").hidden = false;
});
for (const button of document.querySelectorAll("button[data-token]")) {
  button.addEventListener("click", async () => {
    await call("DELETE", `/${button.dataset.token}`);
    button.closest("tr").remove();
  });
}
