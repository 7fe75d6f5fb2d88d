// The journal as it is told: newest first or from any number, filtered, raw, to follow and to download.

import { get } from "../api.js";
import { Failure, Panel, Rows, html, onEntry, store, useEffect, useRead, useState, useStore } from "../desk-parts.js";
import { filter, useRoute } from "../route.js";
import { figure, time, word } from "../words.js";
import { Timeline } from "./orders.js";

const PAGE = 200;

export function Journal() {
  useStore();
  const { query } = useRoute();
  const following = query.after === undefined;
  const [items, setItems] = useState([]);
  const [error, setError] = useState(null);
  const [moved, setMoved] = useState(0);
  useEffect(() => onEntry(() => setMoved((count) => count + 1)), []);
  useEffect(() => {
    let live = true;
    const after = following ? Math.max(store.seq - PAGE, 0) : Number(query.after) || 0;
    get("/v1/entries", { after, limit: PAGE, type: query.type, account: query.account, symbol: query.symbol })
      .then((page) => { if (live) { setItems(following ? page.items.reverse() : page.items); setError(null); } }, (failure) => live && setError(failure));
    return () => { live = false; };
  }, [query.after, query.type, query.account, query.symbol, following ? store.seq : 0, moved]);
  const field = (name, title, extra = {}) => html`<label>${title}<input ...${extra} value=${query[name] || ""} onChange=${(event) => filter({ [name]: event.target.value.trim() })} /></label>`;
  const last = items.length ? (following ? items[0].seq : items.at(-1).seq) : 0;
  return html`<${Panel} title="Journal" actions=${html`<span class="row">
        <button onClick=${() => filter({ after: following ? String(Math.max(store.seq - PAGE, 0)) : "" })}>${following ? "Stop following" : "Follow"}</button>
        <a href="/v1/entries?after=0&limit=500" download="entries.json">Download</a></span>`}>
      <div class="row">${field("type", "Types", { "data-filter": true, placeholder: "order_filled,order_rejected" })}${field("account", "Accounts")}${field("symbol", "Symbol")}${field("after", "After entry", { inputmode: "numeric" })}
        ${!following && html`<button onClick=${() => filter({ after: String(last) })} disabled=${!items.length}>Next page</button>`}</div>
      <${Failure} error=${error} />
      <${Rows} label="Entries" rows=${items} keyOf=${(row) => row.seq} empty="No entry matches" columns=${[
        { title: "Entry", number: true, cell: (row) => html`<a href="/entries/${row.seq}">${figure(row.seq)}</a>` }, { title: "Time", cell: (row) => time(row.time) }, { title: "What", cell: (row) => word(row.event.type) },
        { title: "Account", cell: (row) => row.order?.account || row.event.account || "" }, { title: "Symbol", cell: (row) => row.order?.symbol || row.event.symbol || "" },
        { title: "Order", cell: (row) => row.order && html`<a href="/orders/${row.order.order_id}">${row.order.cl_ord_id}</a>` }, { title: "Status", cell: (row) => word(row.order?.ord_status) },
        { title: "Text", cell: (row) => row.event.text || row.event.reason || "" },
      ]} /><//>`;
}

export function EntryPage({ seq }) {
  const { value, error } = useRead(() => get(`/v1/entries/${seq}`), [seq]);
  if (!value) return html`<section><${Failure} error=${error} /></section>`;
  return html`<${Panel} title="Entry ${seq}" className="half" actions=${html`<span class="row"><a href="/entries/${seq - 1}">before</a><a href="/entries/${seq + 1}">after</a></span>`}>
      ${value.order && html`<p><a href="/orders/${value.order.order_id}">Order ${value.order.order_id}</a>, ${value.order.account} ${value.order.symbol}</p>`}<${Timeline} entries=${[value]} /><//>
    <${Panel} title="As it is" className="half"><pre tabindex="0" role="region" aria-label="JSON of the entry">${JSON.stringify(value, null, 1)}</pre><//>`;
}
