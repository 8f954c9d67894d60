"use strict";
const root = document.documentElement;
const input = document.getElementById("search");
const found = document.getElementById("found");
let chosen = -1;

document.getElementById("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* files may have no storage */ }
});

const menu = document.getElementById("menu");
menu.addEventListener("click", () => {
  const open = document.body.classList.toggle("menu");
  menu.setAttribute("aria-expanded", String(open));
});

function rank(entry, words) {
  const title = entry[0].toLowerCase(), last = title.split(".").pop(), text = entry[2].toLowerCase();
  let total = 0;
  for (const word of words) {
    if (last === word) total += 0;
    else if (last.startsWith(word)) total += 1;
    else if (title.includes(word)) total += 3;
    else if (text.includes(word)) total += 8;
    else return null;
  }
  return total + title.split(".").length * 0.5;
}

function escaped(text) {
  return text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
}

function marked(text, words) {
  let made = escaped(text.replace(/`/g, ""));
  for (const word of words) {
    if (word.length > 1) made = made.replace(new RegExp(`(${word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")})(?![^<]*>)`, "gi"), "<mark>$1</mark>");
  }
  return made;
}

function look() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  chosen = -1;
  found.hidden = words.length === 0;
  if (!words.length) return;
  const hits = INDEX.map((entry) => [rank(entry, words), entry]).filter(([value]) => value !== null);
  hits.sort((a, b) => a[0] - b[0]);
  found.innerHTML = hits.slice(0, 30).map(([, [title, address, text, group]]) =>
    `<a role="option" href="${address}"><b>${marked(title, words)}</b><i>${escaped(group)}</i><span>${marked(text, words)}</span></a>`
  ).join("") || `<p>Nothing found.</p>`;
}

function choose(step) {
  const all = [...found.querySelectorAll("a")];
  if (!all.length) return;
  chosen = (chosen + step + all.length) % all.length;
  all.forEach((one, at) => one.classList.toggle("chosen", at === chosen));
  all[chosen].scrollIntoView({ block: "nearest" });
}

input.addEventListener("input", look);
input.addEventListener("focus", look);
input.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") { choose(1); event.preventDefault(); }
  else if (event.key === "ArrowUp") { choose(-1); event.preventDefault(); }
  else if (event.key === "Escape") { input.value = ""; look(); input.blur(); }
  else if (event.key === "Enter") {
    const all = found.querySelectorAll("a");
    if (all.length) location.href = all[Math.max(chosen, 0)].href;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== input) { input.focus(); event.preventDefault(); }
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".search")) found.hidden = true;
  else if (event.target.closest("a")) found.hidden = true;
});

for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const text = button.parentElement.querySelector("code").textContent;
    const commands = text.split("\n").filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
    try {
      await navigator.clipboard.writeText(commands.length ? commands.join("\n") : text);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1200);
    } catch { button.textContent = "No clipboard"; }
  });
}

function open() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", open);
open();

const here = document.querySelector(".side [aria-current]");
if (here) here.scrollIntoView({ block: "center" });
const links = new Map([...document.querySelectorAll(".toc a")].map((link) => [decodeURIComponent(link.hash.slice(1)), link]));
if (links.size) {
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) {
      for (const link of links.values()) link.classList.remove("here");
      links.get(entry.target.id)?.classList.add("here");
    }
  }, { rootMargin: "-80px 0px -75% 0px" });
  for (const id of links.keys()) { const target = document.getElementById(id); if (target) watch.observe(target); }
}
