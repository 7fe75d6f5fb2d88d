// The address is the state: pages by path, filters by query. Links are plain links.

import { useEffect, useState } from "./vendor/preact.js";

const listeners = new Set();
const read = () => ({ path: location.pathname, query: Object.fromEntries(new URLSearchParams(location.search)) });

export function go(address, replace = false) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  for (const listener of listeners) listener();
}

// Change some of the query; empty values leave it.
export function filter(changes) {
  const query = { ...read().query, ...changes };
  const kept = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  go(location.pathname + (kept.length ? `?${new URLSearchParams(kept)}` : ""), true);
}

export function useRoute() {
  const [route, set] = useState(read());
  useEffect(() => {
    const update = () => set(read());
    listeners.add(update);
    addEventListener("popstate", update);
    return () => { listeners.delete(update); removeEventListener("popstate", update); };
  }, []);
  return route;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/']");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || link.target || link.hasAttribute("download")) return;
  if (link.pathname.startsWith("/v1/") || link.pathname.startsWith("/problems/")) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});

// `/` filter, `g x` pages, `?` help. Nothing while one types.
export function keyboard(pages, help) {
  let afterG = 0;
  const key = (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape" && typing) { event.target.blur(); return; }
    if (typing || event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "/") {
      const box = document.querySelector("[data-filter]");
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    } else if (event.key === "?") {
      help();
    } else if (event.key === "g") {
      afterG = Date.now();
    } else if (Date.now() - afterG < 1500 && pages[event.key]) {
      afterG = 0;
      go(pages[event.key]);
    }
  };
  addEventListener("keydown", key);
  return () => removeEventListener("keydown", key);
}
