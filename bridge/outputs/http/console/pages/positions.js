// What we hold: by account, by strategy, and against the broker's own list.

import { get } from "../api.js";
import { Failure, Panel, Rows, html, store, useRead, useStore } from "../desk-parts.js";
import { filter, useRoute } from "../route.js";
import { figure, signed, time, tone, word } from "../words.js";

export function Positions() {
  useStore();
  const { query } = useRoute();
  const text = (query.q || "").toUpperCase();
  const rows = [...store.positions.values()].filter((row) => (query.flat || row.qty !== "0") && (!text || `${row.account} ${row.symbol}`.toUpperCase().includes(text)));
  const books = useRead(() => get("/v1/books"), [], 5);
  const runs = useRead(() => get("/v1/reconciliations"), [], 10);
  const money = [
    { title: "Qty", number: true, cell: (row) => figure(row.qty) }, { title: "Average", number: true, cell: (row) => figure(row.avg_px, 4) },
    { title: "Realised", number: true, cell: (row) => signed(row.realised, 2), tone: (row) => tone(row.realised) }, { title: "Fees", number: true, cell: (row) => figure(row.fees, 2) },
  ];
  return html`
    <${Panel} title="Positions">
      <div class="row"><label>Filter<input data-filter type="search" value=${query.q || ""} onInput=${(event) => filter({ q: event.target.value })} /></label>
        <label class="row"><span><input type="checkbox" checked=${!!query.flat} onChange=${(event) => filter({ flat: event.target.checked ? "1" : "" })} /> flat ones too</span></label></div>
      <${Rows} label="Positions" rows=${rows} keyOf=${(row) => `${row.account} ${row.symbol}`} empty="Flat" columns=${[
        { title: "Account", cell: (row) => row.account }, { title: "Symbol", cell: (row) => html`<a href="/orders?q=${encodeURIComponent(row.symbol)}">${row.symbol}</a>` }, ...money.slice(0, 2),
        { title: "Mark", number: true, cell: (row) => figure(row.mark, 4) }, { title: "Unrealised", number: true, cell: (row) => signed(row.unrealised, 2), tone: (row) => tone(row.unrealised) },
        { title: "Day", number: true, cell: (row) => signed(row.day_realised, 2), tone: (row) => tone(row.day_realised) }, ...money.slice(2),
      ]} /><//>
    <${Panel} title="By strategy" className="half"><${Failure} error=${books.error} />
      <${Rows} short label="Books of strategies" rows=${books.value?.items || []} keyOf=${(row) => `${row.strategy} ${row.account} ${row.symbol}`} columns=${[
        { title: "Strategy", cell: (row) => row.strategy || "none" }, { title: "Account", cell: (row) => row.account }, { title: "Symbol", cell: (row) => row.symbol }, ...money]} /><//>
    <${Panel} title="Against the brokers" className="half"><${Failure} error=${runs.error} />
      <${Rows} short label="Comparisons with brokers" rows=${runs.value?.items || []} keyOf=${(row) => row.seq} empty="Not compared yet" columns=${[
        { title: "Time", cell: (row) => html`<a href="/entries/${row.seq}">${time(row.time)}</a>` }, { title: "Broker", cell: (row) => row.broker }, { title: "Why", cell: (row) => word(row.trigger) },
        { title: "Positions", number: true, cell: (row) => figure(row.positions ?? 0) },
        { title: "Breaks", cell: (row) => (row.breaks ? `${row.breaks}: ${(row.found || []).map((each) => `${each.symbol || ""} ours ${each.ours ?? "–"} theirs ${each.theirs ?? "–"}`).join("; ")}` : "none"), tone: (row) => (row.breaks ? "bad" : "good") },
      ]} /><//>`;
}
