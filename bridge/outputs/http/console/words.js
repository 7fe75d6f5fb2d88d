// Figures and words, the same everywhere.

export const word = (text) => String(text ?? "").replaceAll("_", " ");
export const time = (text) => (text ? new Date(text).toISOString().slice(11, 23) : "");
export const clock = (date) => (date ? date.toTimeString().slice(0, 8) : "");

// Thousands are parted without going through a float: quantities and prices stay text.
export function figure(text, places) {
  if (text === undefined || text === null || text === "") return "–";
  let value = String(text);
  if (places !== undefined) value = rounded(value, places);
  const [whole, fraction] = value.replace(/^-/, "").split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return (value.startsWith("-") ? "−" : "") + grouped + (fraction ? `.${fraction}` : "");
}

// Rounds decimal text, half up, for display only.
export function rounded(text, places) {
  const negative = text.startsWith("-");
  const [whole, fraction = ""] = text.replace(/^-/, "").split(".");
  if (fraction.length <= places) return text;
  const scaled = BigInt(whole + fraction.slice(0, places)) + (fraction[places] >= "5" ? 1n : 0n);
  const digits = scaled.toString().padStart(places + 1, "0");
  const shown = places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits;
  return (negative && scaled !== 0n ? "-" : "") + shown;
}

export const signed = (text, places) => {
  const value = figure(text, places);
  return value === "–" || value.startsWith("−") || /^[0.,]*$/.test(value) ? value : `+${value}`;
};
export const tone = (text) => (text === undefined || text === null ? "" : String(text).startsWith("-") ? "bad" : Number(text) > 0 ? "good" : "");
export const percent = (ratio) => (ratio === undefined || ratio === null ? "–" : `${Math.round(ratio * 100)} %`);

export const ENDED = new Set(["filled", "canceled", "rejected", "expired"]);
export const open = (order) => !ENDED.has(order.ord_status);
export const STATUS_TONE = { rejected: "bad", filled: "good", partially_filled: "good", pending_cancel: "warn", pending_replace: "warn", pending_new: "warn" };

// FIX tags of the fields an entry tells, for the timeline.
export const TAGS = {
  account: 1, cl_ord_id: 11, orig_cl_ord_id: 41, symbol: 55, side: 54, ord_type: 40, order_qty: 38, cash_order_qty: 152, price: 44,
  stop_px: 99, time_in_force: 59, exec_id: 17, exec_ref_id: 19, last_qty: 32, last_px: 31, transact_time: 60, text: 58, broker_exec_id: 527,
  broker_order_id: 198, msg_seq_num: 34, expire_date: 432, expire_time: 126, exec_inst: 18, min_qty: 110, max_floor: 111, liquidity: 851,
  last_mkt: 30, commission: 12, ord_rej_reason: 103, cxl_rej_reason: 102, response_to: 434, code: 5700, rule: 5701, limit: 5702, value: 5703,
  decision_px: 5710, decision_time: 5711, strategy: 50, source: 5732, mode: 5736, broker: 5737, broker_code: 5738, reason: 378, currency: 15,
  security_type: 167, arrival_mid: 5706, slippage_bps: 5712, order_slippage_bps: 5713, effective_spread_bps: 5714, shortfall_bps: 5715,
  bid: 5704, offer: 5705, mid: 5706, quote_age_us: 5707, risk_us: 5721, recv_to_wire_us: 5722, wire_to_ack_us: 5723, exec_to_report_us: 5724,
};
