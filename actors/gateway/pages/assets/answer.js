// Sends the code that a personal link has behind its #, and takes it out of the address before that. It shows the question.
const form = document.getElementById("open-link");

function open() {
  if (location.hash.length < 2) return;
  form.elements.code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  form.hidden = true;
  document.getElementById("opening").hidden = false;
  form.requestSubmit();
}

// A page that the browser has kept shows its form again.
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  form.hidden = false;
  document.getElementById("opening").hidden = true;
});
addEventListener("hashchange", open);
open();
