// Parts that stand both inside a rich message and around it: photos and buttons.

import { el, icon } from "./dom.js";
import { link } from "./richtext.js";
import { tr } from "./words.js";

/** media: { url, width, height } */
export function photo(media, text, context) {
  const image = el("img", { src: media.url, alt: text || tr("Photo"), width: media.width, height: media.height, decoding: "async" });
  const label = { type: "button", class: "photo", "aria-label": tr("Enlarge the photo"), onclick: () => context.actions.enlarge(media, text) };
  return el("button", label, image);
}

/** One button of a keyboard or of a rich message. words: what stands on it, as nodes. */
export function key(message, button, words, context) {
  const common = { class: `key ${button.style || "plain"}`, "data-testid": "inline-button" };
  const label = el("span", { class: "label" }, ...words);
  if (button.url) {
    const node = link(button.url);
    for (const [name, value] of Object.entries(common)) node.setAttribute(name, value);
    node.append(label, icon("out"));
    return node;
  }
  if (button.copy_text) {
    return el("button", { ...common, type: "button", onclick: () => context.actions.copy(button.copy_text.text) }, label, icon("copy"));
  }
  if (button.disabled) return el("button", { ...common, type: "button", disabled: true }, label);
  const data = button.callback_data;
  const waiting = context.pending(message.message_id, data);
  return el(
    "button",
    {
      ...common,
      type: "button",
      "data-data": data,
      "aria-busy": waiting ? "true" : null,
      onclick: () => context.actions.press(message, data),
    },
    label,
    el("span", { class: "spinner", "aria-hidden": "true" }),
  );
}
