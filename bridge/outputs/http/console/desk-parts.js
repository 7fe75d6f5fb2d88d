// What pages import: the parts and the store under one name.

export * from "./parts.js";
export { store, onEntry, watchQuotes } from "./store.js";
