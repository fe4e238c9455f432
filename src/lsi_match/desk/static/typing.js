// While a text is typed, what is wrong with it is shown: by the answer to the button of its own form that checks it. Without
// this script one presses that button. Nothing else is in the hands of a script.
"use strict";
const text = document.querySelector("textarea[data-checked-by]");
let waiting, asked;

async function check() {
  asked?.abort();
  asked = new AbortController();
  const body = new URLSearchParams(new FormData(text.form));
  body.set("what", text.dataset.checkedBy);
  try {
    const answer = await fetch(location.pathname, { method: "POST", body, signal: asked.signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["complaints", "checked"]) {
      const fresh = page.getElementById(id);
      if (fresh) document.getElementById(id).replaceChildren(...fresh.childNodes);
    }
  } catch { /* typed on, or the desk was ended: what is shown stays, until the next time */ }
}

text.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(check, 400); });
document.addEventListener("click", (event) => {
  const line = Number(event.target.dataset.line);
  if (!line) return;
  event.preventDefault();
  const before = text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1);
  text.focus();
  text.setSelectionRange(before, before + text.value.split("\n")[line - 1].length);
  text.scrollTop = (line - 4) * parseFloat(getComputedStyle(text).lineHeight);
});
