// The form of a run: files fill fields, and the first field that is wrong has the focus.
const MOST_BYTES = 1024 * 1024;

async function fill(input) {
  const field = document.getElementById(input.dataset.for);
  const [file] = input.files;
  if (!file) return;
  field.setCustomValidity("");
  if (file.size > MOST_BYTES) {
    field.setCustomValidity(`${file.name} has more than ${MOST_BYTES} bytes: use the command line for it`);
    field.reportValidity();
  } else {
    field.value = await file.text();
    const format = document.querySelector(`[name="${CSS.escape(field.name.replace(/^in\./, "as."))}"]`);
    if (format) format.value = file.name.endsWith(".csv") ? "csv" : file.name.endsWith(".txt") ? "lines" : "json";
    field.focus();
  }
  input.value = "";
}

for (const input of document.querySelectorAll("input[type=file]")) {
  input.parentElement.hidden = false;
  input.addEventListener("change", () => fill(input));
}
for (const field of document.querySelectorAll("textarea")) {
  field.addEventListener("input", () => field.setCustomValidity(""));
}
document.querySelector("[aria-invalid=true]")?.focus();
