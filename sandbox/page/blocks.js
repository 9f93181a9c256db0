// Rich messages: blocks of paragraphs, tables and details as DOM. Words are text nodes, never markup.

import { el } from "./dom.js";

const TAGS = { bold: "b", italic: "i", code: "code" };

export const richBlocks = (blocks) => el("div", { class: "rich" }, ...blocks.map(block));

function block(one) {
  if (one.type === "paragraph") return el("p", {}, ...words(one.text));
  if (one.type === "details") {
    return el("details", { open: Boolean(one.is_open) }, el("summary", {}, ...words(one.summary)), ...one.blocks.map(block));
  }
  const rows = one.cells.map((cells) => el("tr", {}, ...cells.map(cell)));
  const look = ["table", one.is_striped && "striped", one.is_compact && "compact"].filter(Boolean).join(" ");
  return el("div", { class: look, tabindex: "0", role: "region", "aria-label": "Table" }, el("table", {}, el("tbody", {}, ...rows)));
}

function cell(one) {
  return el(one.is_header ? "th" : "td", { class: one.align }, ...(one.text === undefined ? [] : words(one.text)));
}

function words(text) {
  if (typeof text === "string") return [text];
  if (Array.isArray(text)) return text.flatMap(words);
  return [el(TAGS[text.type] || "span", {}, ...words(text.text))];
}
