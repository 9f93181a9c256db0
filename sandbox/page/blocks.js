// Rich messages: their blocks as DOM. Words are text nodes, never markup.

import { el } from "./dom.js";
import { key, photo } from "./parts.js";
import { locale, tr } from "./words.js";

const TAGS = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code" };

export function richBlocks(message, context) {
  const draw = (one) => DRAWN[one.type](one, message, context, draw);
  return el("div", { class: "rich" }, ...message.rich.map(draw));
}

const DRAWN = {
  paragraph: (one) => el("p", {}, ...words(one.text)),
  heading: (one) => el(`h${Math.min(6, one.size + 2)}`, {}, ...words(one.text)),
  footer: (one) => el("footer", {}, ...words(one.text)),
  divider: () => el("hr"),
  details: (one, message, context, draw) =>
    el("details", { open: Boolean(one.is_open) }, el("summary", {}, ...words(one.summary)), ...one.blocks.map(draw)),
  table,
  photo: drawPhoto,
  buttons: (one, message, context) =>
    el("div", { class: "row", role: "group" }, ...one.buttons.map((button) => key(message, button, words(button.text), context))),
};

function table(one) {
  const rows = one.cells.map((cells) => el("tr", {}, ...cells.map(cell)));
  const look = ["table", one.is_striped && "striped", one.is_compact && "compact"].filter(Boolean).join(" ");
  const caption = one.caption && el("caption", {}, ...words(one.caption));
  return el("div", { class: look, tabindex: "0", role: "region", "aria-label": tr("Table") }, el("table", {}, caption, el("tbody", {}, ...rows)));
}

function cell(one) {
  return el(one.is_header ? "th" : "td", { class: one.align }, ...(one.text === undefined ? [] : words(one.text)));
}

function drawPhoto(one, message, context) {
  const size = one.photo.at(-1);
  const media = { url: `/sandbox/files/${size.file_id}`, width: size.width, height: size.height };
  const caption = one.caption && el("figcaption", {}, ...words(one.caption.text));
  return el("figure", {}, photo(media, "", context), caption);
}

function words(text) {
  if (typeof text === "string") return [text];
  if (Array.isArray(text)) return text.flatMap(words);
  if (text.type === "date_time") return [dateTime(text)];
  return [el(TAGS[text.type] || "span", {}, ...words(text.text))];
}

/** A moment in the reader's own time zone, as the format asks: w day of the week, d D the date, t T the time. */
function dateTime(text) {
  const moment = new Date(text.unix_time * 1000);
  const given = words(text.text);
  const options = {};
  for (const letter of text.date_time_format) Object.assign(options, PARTS[letter]);
  const shown = Object.keys(options).length ? [moment.toLocaleString(locale, { hour12: false, ...options })] : given;
  return el("time", { datetime: moment.toISOString(), title: moment.toString() }, ...shown);
}

const PARTS = {
  w: { weekday: "short" },
  d: { day: "2-digit", month: "2-digit", year: "2-digit" },
  D: { day: "numeric", month: "long", year: "numeric" },
  t: { hour: "2-digit", minute: "2-digit" },
  T: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
};
