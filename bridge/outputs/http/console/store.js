// What the stream says, kept as maps; whoever draws is called once per animation frame.

const KINDS = ["orders", "positions", "accounts", "risk", "sessions", "brokers", "alerts"];
const TYPES = ["order_filled", "order_rejected", "cancel_rejected", "trading_halted", "trading_resumed", "limit_changed",
  "break_found", "outcome_unknown"];
const KEYS = {
  orders: (item) => item.order_id,
  positions: (item) => `${item.account} ${item.symbol}`,
  accounts: (item) => item.account,
  risk: (item) => (item.rule ? `${item.account} ${item.rule}` : `state ${item.account}`),
  sessions: (item) => item.session_id,
  brokers: (item) => item.broker,
  alerts: (item) => `${item.account || ""} ${item.code}`,
  quotes: (item) => item.symbol,
};
const KEPT = 500; // newest entries kept for lists

export const store = {
  ...Object.fromEntries([...KINDS, "quotes"].map((kind) => [kind, new Map()])),
  entries: [],
  seq: 0,
  lag: null,
  connected: false,
  staleSince: null,
  version: 0,
  quoted: new Set(),
};

const listeners = new Set();
let scheduled = false;
export function changed() {
  store.version += 1;
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    for (const listener of listeners) listener();
  });
}
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const entryListeners = new Set();
export function onEntry(listener) {
  entryListeners.add(listener);
  return () => entryListeners.delete(listener);
}

let socket = null;
let cursor = null;
let pause = 250;
let silence = null;

export function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/v1/stream`);
  socket.onmessage = (event) => take(JSON.parse(event.data), event.data);
  socket.onclose = (event) => {
    stale();
    if (event.code === 4410) cursor = null; // too far behind: start from snapshots
    if (event.code === 4401) { location.reload(); return; }
    setTimeout(connect, pause * (0.5 + Math.random()));
    pause = Math.min(2 * pause, 5000);
  };
}

export function send(frame) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

// Quotes of a few symbols, for the ticket; the newest call counts.
export function watchQuotes(symbols) {
  const wanted = symbols.filter(Boolean);
  if (store.quoted.size) send({ op: "unsubscribe", id: 2 });
  store.quoted = new Set(wanted);
  if (wanted.length) send({ op: "subscribe", id: 2, types: [], states: ["quotes"], symbols: wanted });
}

function alive() {
  clearTimeout(silence);
  silence = setTimeout(() => { stale(); socket.close(); }, 12000);
  if (!store.connected || store.staleSince) {
    store.connected = true;
    store.staleSince = null;
    changed();
  }
}

function stale() {
  clearTimeout(silence);
  store.connected = false;
  if (!store.staleSince) store.staleSince = new Date();
  changed();
}

function take(frame) {
  alive();
  if (frame.event) return takeEntry(frame);
  switch (frame.op) {
    case "hello":
      pause = 250;
      store.seq = Math.max(store.seq, frame.seq);
      if (cursor === null) recall(frame.seq);
      send({ op: "subscribe", id: 1, states: KINDS, types: TYPES, ...(cursor === null ? {} : { after: cursor }) });
      if (store.quoted.size) send({ op: "subscribe", id: 2, types: [], states: ["quotes"], symbols: [...store.quoted] });
      break;
    case "subscribed":
      if (frame.id === 1 && cursor === null) cursor = frame.from - 1;
      break;
    case "state":
      takeState(frame);
      break;
    case "heartbeat":
      cursor = Math.max(cursor ?? 0, frame.seq);
      store.seq = Math.max(store.seq, frame.seq);
      store.lag = (Date.now() - Date.parse(frame.time)) / 1000;
      changed();
      break;
  }
}

let snapshotOf = null; // a snapshot in parts replaces its kind once, at its first part
function takeState(frame) {
  const map = store[frame.kind];
  const key = KEYS[frame.kind];
  if (!map || !key) return;
  if (frame.snapshot && snapshotOf !== frame.kind && frame.kind !== "quotes") map.clear();
  snapshotOf = frame.snapshot && frame.more ? frame.kind : null;
  for (const item of frame.items) {
    const name = key(item);
    if (item.over) { map.delete(name); continue; }
    if (frame.kind === "orders") {
      const known = map.get(name);
      if (known && known.last_seq > item.last_seq) continue;
    }
    map.set(name, item);
  }
  store.seq = Math.max(store.seq, frame.seq);
  changed();
}

// What happened shortly before the page was opened, so that its lists are not empty.
async function recall(seq) {
  const query = new URLSearchParams({ after: Math.max(seq - 2000, 0), limit: 500, type: TYPES.join() });
  const response = await fetch(`/v1/entries?${query}`);
  if (!response.ok) return;
  const known = new Set(store.entries.map((entry) => entry.seq));
  const older = (await response.json()).items.filter((entry) => entry.seq <= seq && !known.has(entry.seq)).reverse();
  store.entries = [...store.entries, ...older].slice(0, KEPT);
  changed();
}

function takeEntry(entry) {
  if (cursor !== null && entry.seq <= cursor) return; // at least once: the rest is a repetition
  cursor = entry.seq;
  store.seq = Math.max(store.seq, entry.seq);
  store.entries.unshift(entry);
  if (store.entries.length > KEPT) store.entries.length = KEPT;
  for (const listener of entryListeners) listener(entry);
  changed();
}
