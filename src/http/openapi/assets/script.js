// Comfort for the pages: a filter, links that open what they lead to, dark and light, copying.
// Nothing is loaded from anywhere else, and everything can be read without this.
"use strict";

const root = document.documentElement;
const filter = document.getElementById("filter");
const theme = document.getElementById("theme");
const nothing = document.getElementById("nothing");
const found = [...document.querySelectorAll("[data-find]")];
filter.hidden = false;
theme.hidden = false;

function remembered() {
  try { return localStorage.getItem("theme"); } catch { return null; }
}
function remember(name) {
  // Where nothing may be stored, it lasts as long as the page.
  try { localStorage.setItem("theme", name); } catch { /* as said */ }
}
if (remembered()) root.dataset.theme = remembered();
theme.addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme || (dark ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  remember(root.dataset.theme);
});

function apply() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const item of found) {
    item.hidden = !words.every((word) => item.dataset.find.includes(word));
    count += item.hidden ? 0 : 1;
  }
  for (const section of document.querySelectorAll("section.tag")) {
    section.hidden = !section.querySelector("article:not([hidden])");
  }
  for (const link of document.querySelectorAll("nav a")) {
    const target = document.getElementById(link.hash.slice(1));
    link.parentElement.hidden = Boolean(target && target.hidden);
  }
  for (const heading of document.querySelectorAll("nav h2")) {
    heading.hidden = !heading.nextElementSibling.querySelector("li:not([hidden])");
  }
  nothing.hidden = count > 0;
}
filter.addEventListener("input", apply);
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    filter.focus();
  } else if (event.key === "Escape" && event.target === filter) {
    filter.value = "";
    apply();
  }
});

function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = target && target.querySelector("details");
  if (details) details.open = true;
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", open);
if (location.hash) open();

for (const figure of document.querySelectorAll("figure")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(figure.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  figure.querySelector("figcaption").append(button);
}
