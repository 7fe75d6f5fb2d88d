// The console: header, keyboard, login, and the page the address names.

import { html, render, useEffect, useState } from "./vendor/preact.js";
import { Problem, get, post, sentence } from "./api.js";
import { go, keyboard, useRoute } from "./route.js";
import { connect, store } from "./store.js";
import { Ask, Failure, say, useStore } from "./parts.js";
import { clock, figure } from "./words.js";
import { Desk } from "./pages/desk.js";
import { OrderPage, Orders } from "./pages/orders.js";
import { Positions } from "./pages/positions.js";
import { Risk } from "./pages/risk.js";
import { Brokers, Sessions } from "./pages/counterparties.js";
import { Cost } from "./pages/cost.js";
import { EntryPage, Journal } from "./pages/journal.js";
import { Settings } from "./pages/settings.js";

const PAGES = [
  ["/", "Desk", "d"], ["/orders", "Orders", "o"], ["/positions", "Positions", "p"], ["/risk", "Risk", "r"],
  ["/sessions", "Sessions", "s"], ["/brokers", "Brokers", "b"], ["/cost", "Cost", "c"], ["/journal", "Journal", "j"],
  ["/settings", "Settings", "t"],
];

function page(path, me) {
  const [, first, second] = path.split("/");
  switch (first) {
    case "": return html`<${Desk} me=${me} />`;
    case "orders": return second ? html`<${OrderPage} id=${Number(second)} me=${me} key=${second} />` : html`<${Orders} me=${me} />`;
    case "positions": return html`<${Positions} me=${me} />`;
    case "risk": return html`<${Risk} me=${me} />`;
    case "sessions": return html`<${Sessions} me=${me} />`;
    case "brokers": return html`<${Brokers} me=${me} />`;
    case "cost": return html`<${Cost} me=${me} />`;
    case "journal": return html`<${Journal} me=${me} />`;
    case "entries": return html`<${EntryPage} seq=${Number(second)} key=${second} />`;
    case "settings": return html`<${Settings} me=${me} />`;
    default: return html`<section><h1>Nothing here</h1><p><a href="/">Desk</a></p></section>`;
  }
}

function Header({ me, path, onKill }) {
  useStore();
  const stale = store.staleSince;
  const state = stale ? `stale since ${clock(stale)}`
    : store.connected ? `live · seq ${figure(store.seq)}${store.lag === null ? "" : ` · ${Math.max(store.lag, 0).toFixed(1)} s`}` : "connecting …";
  return html`<header>
    <a class="skip" href="#main">Skip to the page</a>
    <span class="name">fixbridge <span class="quiet">${me.bridge}</span></span>
    <span class="mode">${me.mode.toUpperCase()}</span>
    <nav aria-label="Pages">${PAGES.map(([address, title]) => html`<a href=${address}
      aria-current=${path === address || (address !== "/" && path.startsWith(address)) ? "page" : undefined}>${title}</a>`)}</nav>
    <span class="state ${stale ? "stale" : ""}" role=${stale ? "alert" : undefined}>${state}</span>
    <span class="quiet">${me.anonymous ? "no token" : me.name} · ${me.role}</span>
    ${!me.anonymous && html`<button onClick=${() => post("/v1/logout").then(() => location.reload())}>Log out</button>`}
    ${me.roles.includes("risk") && html`<button class="danger" onClick=${onKill}>Kill switch…</button>`}
  </header>`;
}

// In live mode the scope's name is typed before anything happens; on paper a reason is enough.
function Kill({ open, onClose, me }) {
  const accounts = [...store.accounts.keys()];
  const [scope, setScope] = useState("");
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [flatten, setFlatten] = useState(false);
  const name = scope || "ALL";
  const working = [...store.orders.values()].filter((order) => order.leaves_qty !== "0" && (!scope || order.account === scope)).length;
  const kill = async () => {
    const body = scope ? { scope: "account", name: scope, reason, flatten } : { scope: "global", reason, flatten };
    const report = await post("/v1/risk/kill", body);
    say(`Killed ${name}`);
    go(`/risk?kill=${report.kill_id}`);
  };
  return html`<${Ask} open=${open} onClose=${onClose} onSubmit=${kill} title="Kill switch" submit="Kill" danger
      ready=${reason.trim() && (me.mode !== "live" || typed === name)}>
    <p>This refuses new orders and cancels ${working} working at the broker. Positions stay${flatten ? " no longer: they are closed at the market" : ""}.
      Resuming is a separate step.</p>
    <label>Scope<select value=${scope} onChange=${(event) => setScope(event.target.value)}>
      <option value="">everything</option>${accounts.map((each) => html`<option value=${each}>account ${each}</option>`)}</select></label>
    <label>Reason<input required autofocus value=${reason} onInput=${(event) => setReason(event.target.value)} /></label>
    <label class="row"><span><input type="checkbox" checked=${flatten} onChange=${(event) => setFlatten(event.target.checked)} /> also close the positions</span></label>
    ${me.mode === "live" && html`<label>Type ${name} to go on<input value=${typed} onInput=${(event) => setTyped(event.target.value)} /></label>`}
  <//>`;
}

function Login({ onIn }) {
  const [token, setToken] = useState("");
  const [error, setError] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    try {
      await post("/v1/login", { token: token.trim() });
      onIn();
    } catch (failure) {
      setError(failure);
    }
  };
  return html`<main class="login"><section><h1>fixbridge</h1><p class="quiet">A token is needed here: <code>fixbridge token new NAME</code> makes one.</p>
    <form class="fields" onSubmit=${submit}><label>Token<input type="password" autocomplete="current-password" required autofocus value=${token}
      onInput=${(event) => setToken(event.target.value)} /></label><button class="primary">Log in</button></form><${Failure} error=${error} /></section></main>`;
}

function Help({ open, onClose }) {
  return html`<${Ask} open=${open} onClose=${onClose} onSubmit=${async () => {}} title="Keyboard" submit="Close">
    <table><tbody>
      <tr><td><kbd>/</kbd></td><td>filter</td></tr><tr><td><kbd>Esc</kbd></td><td>close, clear</td></tr><tr><td><kbd>?</kbd></td><td>this</td></tr>
      ${PAGES.map(([, title, letter]) => html`<tr><td><kbd>g</kbd> <kbd>${letter}</kbd></td><td>${title}</td></tr>`)}
    </tbody></table><//>`;
}

function App() {
  const route = useRoute();
  const [me, setMe] = useState(null);
  const [error, setError] = useState(null);
  const [killing, setKilling] = useState(false);
  const [helping, setHelping] = useState(false);
  useStore();
  const enter = () => get("/v1/whoami").then((who) => {
    setMe(who);
    setError(null);
    document.documentElement.classList.toggle("live", who.mode === "live");
    if (!store.connected) connect();
  }, setError);
  useEffect(() => { enter(); }, []);
  useEffect(() => keyboard(Object.fromEntries(PAGES.map(([address, , letter]) => [letter, address])), () => setHelping(true)), []);
  const title = PAGES.find(([address]) => address === route.path)?.[1] || route.path.slice(1).replace("/", " ").replace("orders", "Order").replace("entries", "Entry");
  useEffect(() => {
    document.title = me ? `${me.mode.toUpperCase()} ${title} · ${me.bridge}` : "fixbridge";
  }, [route.path, me]);
  if (error instanceof Problem && error.status === 401) return html`<${Login} onIn=${enter} />`;
  if (error) return html`<main class="login"><section><h1>fixbridge</h1><p class="bad" role="alert">${sentence(error)}</p><button onClick=${enter}>Again</button></section></main>`;
  if (!me) return null;
  return html`<div class=${store.staleSince ? "stale-figures" : ""}>
    <${Header} me=${me} path=${route.path} onKill=${() => setKilling(true)} />
    <aside aria-label="Notices">
      ${me.anonymous && html`<div class="notice">Anybody on this machine may use this console without a token: only so in the default paper configuration.</div>`}
      <${Alerts} /></aside>
    <main id="main" tabindex="-1"><h1 class="hidden-visually">${title}</h1>${page(route.path, me)}</main>
    <${Kill} open=${killing} onClose=${() => setKilling(false)} me=${me} />
    <${Help} open=${helping} onClose=${() => setHelping(false)} />
  </div>`;
}

const TEXTS = {
  outcome_unknown: (alert) => `Outcome unknown: ${alert.orders.map((id) => `order ${id}`).join(", ")}. Being asked at the broker.`,
  kill_incomplete: (alert) => `Kill incomplete: ${JSON.stringify(alert.left)} left.`,
  reconciliation_break: (alert) => `Our book and the broker's differ: ${Object.entries(alert.brokers).map(([broker, kinds]) => `${broker} ${Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`).join(", ")}`).join("; ")}.`,
  late_fill: (alert) => `A fill came after its order had ended, account ${alert.account}.`,
};

function Alerts() {
  const alerts = [...store.alerts.values()];
  return alerts.map((alert) => html`<div class="notice bad" role="alert" key=${alert.code + (alert.account || "")}>
    <strong>${alert.severity}</strong> ${(TEXTS[alert.code] || (() => alert.code))(alert)}</div>`);
}

render(html`<${App} />`, document.getElementById("app"));
