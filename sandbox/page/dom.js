// Small helpers. Text from people and bots enters the page only as text nodes.

import { locale, tr } from "./words.js";

export const byId = (id) => document.getElementById(id);

/** el("p", {class: "x", "data-a": 1, onclick: f}, "text", child, …); null, false and undefined are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

export async function post(path, body) {
  const answer = await fetch(`/sandbox/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error || answer.statusText);
  return result;
}

export async function get(path) {
  const answer = await fetch(`/sandbox/${path}`);
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}

export const clockTime = (seconds) =>
  new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });

export function dayName(seconds) {
  const day = new Date(seconds * 1000);
  const today = new Date();
  if (day.toDateString() === today.toDateString()) return tr("Today");
  today.setDate(today.getDate() - 1);
  if (day.toDateString() === today.toDateString()) return tr("Yesterday");
  return day.toLocaleDateString(locale, { day: "numeric", month: "long" });
}

export function fileSize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

export const hue = (id) => `hue-${(Math.abs(id) % 13) % 7}`;

/** Letters on a colour for a person or a group; the rack sign for the bot. */
export function avatar(node, id, name, isBot) {
  const letters = name.split(/\s+/).slice(0, 2).map((word) => [...word][0] || "").join("");
  node.className = isBot ? "avatar bot" : `avatar ${hue(id)}`;
  node.replaceChildren(isBot ? icon("bot") : letters.toUpperCase());
  return node;
}
