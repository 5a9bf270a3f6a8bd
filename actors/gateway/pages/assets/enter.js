// Sends the code that a link has behind its #, and takes it out of the address before that.
const form = document.getElementById("log-in");

function show(text) {
  const problem = document.getElementById("problem");
  problem.textContent = text;
  problem.hidden = false;
  document.getElementById("entering").hidden = true;
  form.hidden = false;
  document.getElementById("token").focus();
}

async function enter(code) {
  history.replaceState(null, "", location.pathname + location.search);
  form.hidden = true;
  document.getElementById("entering").hidden = false;
  try {
    const answer = await fetch("/api/v1/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code }),
    });
    if (answer.ok) location.replace(form.dataset.then);
    else if (answer.status === 401) show("This link has been used, or is older than a minute. `stretto open` makes another.");
    else show((await answer.json()).detail);
  } catch {
    show("The daemon does not answer. Is it running?");
  }
}

function start() {
  if (location.hash.length > 1) enter(location.hash.slice(1));
  else document.getElementById("token").focus();
}

// A link that is opened where this page is shown already changes the part behind the # alone.
addEventListener("hashchange", start);
start();
