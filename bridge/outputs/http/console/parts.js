// Small parts that every page uses.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";
import { sentence } from "./api.js";
import { listen, store } from "./store.js";

export { html, useEffect, useRef, useState };

const ROW = 26; // pixels; the height of a row in style.css

// Draw again whenever the store has changed, at most once a frame.
export function useStore() {
  const [, draw] = useState(0);
  useEffect(() => listen(() => draw(store.version)), []);
  return store;
}

// Something read once, and again whenever `keys` change or `every` seconds have passed.
export function useRead(read, keys, every) {
  const [state, set] = useState({ value: null, error: null, loading: true });
  const again = useRef(() => {});
  useEffect(() => {
    let live = true;
    const load = () => read().then(
      (value) => live && set({ value, error: null, loading: false }),
      (error) => live && set((old) => ({ ...old, error, loading: false })),
    );
    again.current = load;
    load();
    const timer = every ? setInterval(load, every * 1000) : null;
    return () => { live = false; clearInterval(timer); };
  }, keys);
  return { ...state, again: () => again.current() };
}

export const Failure = ({ error }) => (error ? html`<p class="bad" role="alert">${sentence(error)}</p>` : null);

export function say(text) {
  const place = document.getElementById("said");
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = text; });
}

export function Panel({ title, className = "", children, actions }) {
  const id = `p-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return html`<section class=${className} aria-labelledby=${id}>
    <div class="row between"><h2 id=${id}>${title}</h2>${actions || null}</div>${children}</section>`;
}

// A table with a window of rows: ten thousand rows cost what a screenful does.
export function Rows({ columns, rows, keyOf, empty = "None", short = false, label, link }) {
  const box = useRef(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const measure = () => box.current && setView({ top: box.current.scrollTop, height: box.current.clientHeight || 600 });
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  if (!rows.length) return html`<p class="quiet">${empty}</p>`;
  const first = Math.max(0, Math.floor(view.top / ROW) - 10);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW) + 10);
  return html`<div class="scroll ${short ? "short" : ""}" ref=${box} tabindex="0" role="region" aria-label="${label} table"
      onScroll=${(event) => setView({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}>
    <table aria-rowcount=${rows.length + 1}>
      <thead><tr>${columns.map((column) => html`<th scope="col" class=${column.number ? "number" : ""}>${column.title || html`<span class="hidden-visually">Actions</span>`}</th>`)}</tr></thead>
      <tbody>
        ${first > 0 && html`<tr class="spacer" key="above" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${first * ROW}px` }}></td></tr>`}
        ${rows.slice(first, last).map((row, place) => html`<tr key=${keyOf(row)} aria-rowindex=${first + place + 2}>
          ${columns.map((column) => html`<td class="${column.number ? "number" : ""} ${column.tone ? column.tone(row) : ""}">${column.cell(row)}</td>`)}</tr>`)}
        ${last < rows.length && html`<tr class="spacer" key="below" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${(rows.length - last) * ROW}px` }}></td></tr>`}
      </tbody>
    </table></div>`;
}

// A modal form. `ask` is shown only while `open`; Escape and Cancel close it.
export function Ask({ open, title, children, onClose, onSubmit, submit = "OK", danger = false, ready = true }) {
  const dialog = useRef(null);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const element = dialog.current;
    if (open && !element.open) { setError(null); element.showModal(); }
    if (!open && element.open) element.close();
  }, [open]);
  const go = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await onSubmit();
      onClose();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return html`<dialog ref=${dialog} onClose=${onClose} aria-label=${title}>
    ${open && html`<form onSubmit=${go} method="dialog">
      <h1>${title}</h1>${children}<${Failure} error=${error} />
      <div class="row"><button type="submit" class=${danger ? "danger" : "primary"} disabled=${busy || !ready}>${submit}</button>
      <button type="button" onClick=${onClose}>Cancel</button></div></form>`}
  </dialog>`;
}

// A chart of uPlot that follows its box. `lines` are [{label, values, color}], times in seconds.
export function Chart({ times, lines, unit, label }) {
  const box = useRef(null);
  const plot = useRef(null);
  useEffect(() => {
    if (!box.current || !window.uPlot) return undefined;
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--quiet").trim();
    const line = style.getPropertyValue("--line").trim();
    const colors = ["--fill", "--warn", "--bad", "--focus"].map((name) => style.getPropertyValue(name).trim());
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui" };
    plot.current = new window.uPlot({
      width: box.current.clientWidth || 400,
      height: 160,
      cursor: { y: false },
      scales: { x: { time: true } },
      axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => new Date(tick * 1000).toTimeString().slice(0, tick % 60 ? 8 : 5)) }, { ...axis, size: 52, values: (_, ticks) => ticks.map((tick) => `${tick}`) }],
      series: [{ label: "Time", value: (_, tick) => (tick ? new Date(tick * 1000).toTimeString().slice(0, 8) : "–") }, ...lines.map((each, place) => ({ label: `${each.label} ${unit}`, stroke: each.color || colors[place % 4], width: 1.5, spanGaps: false, points: { show: false } }))],
    }, [times, ...lines.map((each) => each.values)], box.current);
    const observer = new ResizeObserver(() => plot.current && plot.current.setSize({ width: box.current.clientWidth, height: 160 }));
    observer.observe(box.current);
    return () => { observer.disconnect(); plot.current.destroy(); plot.current = null; };
  }, [lines.map((each) => each.label).join()]);
  useEffect(() => {
    if (plot.current) plot.current.setData([times, ...lines.map((each) => each.values)]);
  });
  return html`<div ref=${box} role="img" aria-label=${label}></div>`;
}

export function Meter({ name, ratio, detail }) {
  const tone = ratio >= 1 ? "bad" : ratio >= 0.9 ? "warn" : "";
  const mark = ratio >= 1 ? "over " : ratio >= 0.9 ? "near " : "";
  return html`<div class="bar"><span>${name}</span>
    <meter min="0" max="1" low="0.8" high="0.9" optimum="0" value=${Math.min(ratio, 1)} aria-label="${name} ${Math.round(ratio * 100)} percent used"></meter>
    <span class="number ${tone}" title=${detail}>${mark}${Math.round(ratio * 100)} %</span></div>`;
}
