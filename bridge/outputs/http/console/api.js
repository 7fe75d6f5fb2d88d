// Talks to /v1 on the page's own host. The cookie goes along by itself.

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.body = body;
  }
}

export async function ask(method, path, body, headers = {}) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
  });
  const text = response.status === 204 ? "" : await response.text();
  const isJson = (response.headers.get("content-type") || "").includes("json");
  const value = text && isJson ? JSON.parse(text) : text;
  if (!response.ok) throw new Problem(response.status, isJson ? value : { title: text.slice(0, 200) });
  return value;
}

export const get = (path, query) => ask("GET", query ? `${path}?${new URLSearchParams(clean(query))}` : path);
export const post = (path, body, headers) => ask("POST", path, body, headers);

const clean = (query) => Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined && value !== ""));

// ClOrdID(11) of this page: unique, and made before the first try, so a retry cannot double.
const prefix = `w${crypto.getRandomValues(new Uint32Array(2)).reduce((text, part) => text + part.toString(36), "")}`;
let number = 0;
export const nextId = () => `${prefix}-${++number}`;

// One sentence for any failure: code and rule first, as on the FIX side.
export function sentence(error) {
  if (!(error instanceof Problem)) return String(error.message || error);
  const { code, rule } = error.body;
  return [code, rule, error.message].filter(Boolean).join("  ");
}
