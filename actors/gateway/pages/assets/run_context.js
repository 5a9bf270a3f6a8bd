// The context of a run: a slider over its versions leads to the version at which it is let go.
import "./run_tab.js";

const slider = document.getElementById("version");
const links = [...document.querySelectorAll("a[data-version]")].reverse();

if (slider && links.length > 1) {
  const text = document.getElementById("version-text");
  const show = () => (text.textContent = links[slider.value].dataset.version);
  slider.max = links.length - 1;
  slider.value = Math.max(links.findIndex((link) => link.hasAttribute("aria-current")), 0);
  slider.closest("p").hidden = false;
  slider.addEventListener("input", () => {
    show();
    slider.setAttribute("aria-valuetext", text.textContent);
  });
  slider.addEventListener("change", () => links[slider.value].click());
  show();
}
