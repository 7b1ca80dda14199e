// What every page needs: Airflow's theme, and forms that are sent as JSON to the route that decides.
"use strict";

(function theme() {
  let dark = null;
  try {
    if (window.parent !== window) {
      dark = window.parent.document.documentElement.classList.contains("dark");
    }
  } catch { /* framed by a stranger: the browser's own preference holds */ }
  if (dark !== null) document.documentElement.dataset.theme = dark ? "dark" : "light";
})();

// Says something to the person; `kind` is good, warn or bad. Text only, never markup.
function tell(kind, text) {
  const line = document.createElement("p");
  line.className = kind;
  line.textContent = text;
  document.getElementById("told").replaceChildren(line);
}

async function send(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    credentials: "same-origin",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) throw new Error("You are not logged in any more. Log in to Airflow, then try again.");
  if (!answer.ok) {
    const words = [said.message || said.detail || `The server answered ${answer.status}.`, said.mend].filter(Boolean);
    throw Object.assign(new Error(words.join(" ")), { code: said.code });
  }
  return said;
}

// <form data-post="ADDRESS" data-done="WORDS">: its fields become a JSON object; the pressed button's name and
// value are part of it. Where the evidence changed meanwhile, data-stale is the page that says how. A button with data-comment needs the field `comment`; data-confirm asks once more.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.post) return;
  event.preventDefault();
  const pressed = event.submitter;
  const body = Object.fromEntries(new FormData(form, pressed));
  // A field with data-when="NAME=VALUE" is sent only with that value: where to return to, when it is returned.
  for (const field of form.querySelectorAll("[data-when]")) {
    const [name, value] = field.dataset.when.split("=");
    if (body[name] !== value) delete body[field.name];
  }
  if (form.dataset.many) {
    body.decisions = [...document.querySelectorAll(form.dataset.many)].filter((b) => b.checked).map((b) => JSON.parse(b.value));
    if (!body.decisions.length) {
      tell("warn", "Choose at least one.");
      return;
    }
  }
  if (pressed?.dataset.comment !== undefined && !String(body.comment || "").trim()) {
    tell("warn", "Say why in the comment.");
    form.elements.comment?.focus();
    return;
  }
  // Airflow's frame forbids dialogues, so the button itself asks: press once more within five seconds.
  if (pressed?.dataset.confirm && !pressed.dataset.asked) {
    const words = pressed.textContent;
    pressed.dataset.asked = "yes";
    pressed.textContent = pressed.dataset.confirm;
    window.setTimeout(() => { pressed.textContent = words; delete pressed.dataset.asked; }, 5000);
    return;
  }
  const buttons = [...form.querySelectorAll("button")];
  buttons.forEach((b) => { b.disabled = true; });
  try {
    const said = await send(form.dataset.post, body);
    if (said.refused?.length) {
      const why = said.refused.map((r) => `${r.request}: ${r.message}`).join(" ");
      tell("warn", `${said.decided.length} recorded, ${said.refused.length} refused. ${why} Load the page again to go on.`);
      return;
    }
    tell("good", form.dataset.done || "Done.");
    form.dispatchEvent(new CustomEvent("sent", { bubbles: true }));
    window.setTimeout(() => window.location.reload(), 900);
  } catch (error) {
    if (error.code === "STALE_EVIDENCE" && form.dataset.stale) {
      window.location.assign(form.dataset.stale);
      return;
    }
    tell("bad", error.message);
    buttons.forEach((b) => { b.disabled = false; });
  }
});

// Filters apply as soon as they change; without a script the button does it.
document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form.filters");
  if (form && form.dataset.live !== undefined) form.requestSubmit();
});
