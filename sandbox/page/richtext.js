// Telegram's text with entities -> DOM. Offsets count UTF-16 units, as JavaScript's strings do.

import { el, icon } from "./dom.js";
import { tr } from "./words.js";

const INLINE = { bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code" };
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);

/** actions: command(text), copy(text). */
export function richText(text, entities, actions) {
  const fragment = document.createDocumentFragment();
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  fill(fragment, text, 0, text.length, sorted, actions);
  return fragment;
}

export function endsWithBlock(text, entities) {
  return entities.some((e) => BLOCKS.has(e.type) && e.offset + e.length >= text.trimEnd().length);
}

function fill(parent, text, start, end, entities, actions) {
  let at = start;
  const queue = [...entities];
  while (queue.length) {
    const entity = queue.shift();
    const from = Math.max(entity.offset, at);
    const to = Math.min(entity.offset + entity.length, end);
    if (from >= to) continue;
    const inner = [];
    while (queue.length && queue[0].offset < to) {
      const next = queue.shift();
      const beyond = next.offset + next.length - to;
      inner.push(beyond > 0 ? { ...next, length: to - next.offset } : next);
      if (beyond > 0) queue.unshift({ ...next, offset: to, length: beyond });
      if (beyond > 0) break; // the rest of it begins where this entity ends
    }
    const block = BLOCKS.has(entity.type);
    let before = text.slice(at, from);
    // A block stands on lines of its own; the line breaks around it are not shown twice
    if (block && before.endsWith("\n")) before = before.slice(0, -1);
    parent.append(before);
    const node = shell(entity, text.slice(from, to), actions);
    fill(node.inside, text, from, to, inner, actions);
    parent.append(node.outside);
    at = block && text[to] === "\n" && to < end ? to + 1 : to;
  }
  parent.append(text.slice(at, end));
}

function shell(entity, words, actions) {
  const same = (node) => ({ inside: node, outside: node });
  if (INLINE[entity.type]) return same(el(INLINE[entity.type]));
  switch (entity.type) {
    case "pre":
      return pre(entity, words, actions);
    case "blockquote":
      return same(el("blockquote"));
    case "expandable_blockquote":
      return quote();
    case "spoiler":
      return spoiler();
    case "text_link":
      return same(link(entity.url));
    case "url":
      return same(link(/^https?:/i.test(words) ? words : `http://${words}`));
    case "email":
      return same(link(`mailto:${words}`));
    case "bot_command":
      return same(el("button", { type: "button", class: "command", onclick: () => actions.command(words) }));
    case "mention":
    case "text_mention":
    case "hashtag":
      return same(el("span", { class: "mention" }));
    default:
      return same(el("span"));
  }
}

export function link(url) {
  const safe = /^(https?|mailto|tg):/i.test(url) ? url : "#";
  return el("a", { href: safe, target: "_blank", rel: "noopener noreferrer nofollow", title: safe });
}

function pre(entity, words, actions) {
  const code = el("code");
  const copy = el(
    "button",
    { type: "button", class: "copy", "aria-label": tr("Copy"), onclick: () => actions.copy(words) },
    icon("copy"),
  );
  const box = el(
    "div",
    { class: "pre" },
    entity.language ? el("span", { class: "language" }, entity.language) : null,
    el("pre", { tabindex: "0", role: "region", "aria-label": tr("Preformatted text") }, code),
    copy,
  );
  return { inside: code, outside: box };
}

function spoiler() {
  const node = el("span", { class: "spoiler", role: "button", tabindex: "0", "aria-label": tr("Hidden text: show") });
  const show = (event) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    node.classList.add("shown");
    for (const name of ["role", "tabindex", "aria-label"]) node.removeAttribute(name);
  };
  node.addEventListener("click", show, { once: true });
  node.addEventListener("keydown", show);
  return { inside: node, outside: node };
}

function quote() {
  const inside = el("div", { class: "clamp" });
  const toggle = el("button", { type: "button", class: "more", "aria-expanded": "false" }, tr("Show more"));
  const outside = el("blockquote", { class: "expandable" }, inside, toggle);
  toggle.addEventListener("click", () => {
    const open = outside.classList.toggle("open");
    toggle.setAttribute("aria-expanded", String(open));
    toggle.textContent = tr(open ? "Show less" : "Show more");
  });
  return { inside, outside };
}
