// One message -> one <article>: bubble, media, inline keyboard, or a service line.

import { richBlocks } from "./blocks.js";
import { avatar, clockTime, el, fileSize, hue, icon } from "./dom.js";
import { key, photo } from "./parts.js";
import { endsWithBlock, richText } from "./richtext.js";
import { locale, tr } from "./words.js";

/**
 * context: { me, isGroup, pending(messageId, data) -> bool, actions }
 * actions: command, copy, press(message, data), reply(message), jump(messageId), enlarge(media)
 */
export function bubble(message, context) {
  if (Object.keys(message.service).length) return serviceLine(message);
  const own = message.user_id === context.me;
  const article = el("article", {
    class: `message ${own ? "own" : "other"}`,
    "data-testid": "message",
    "data-message-id": message.message_id,
    "data-user-id": message.user_id,
    "aria-label": `${own ? tr("You") : message.author}, ${clockTime(message.date)}`,
  });
  const stack = el("div", { class: "stack" }, card(message, context, own), keyboard(message, context));
  if (context.isGroup && !own) {
    article.append(avatar(el("span", { "aria-hidden": "true" }), message.user_id, message.author, message.from_bot));
  }
  article.append(stack);
  if (!own || context.isGroup) {
    stack.append(
      el(
        "button",
        { type: "button", class: "icon reply", "aria-label": tr("Reply"), onclick: () => context.actions.reply(message) },
        icon("reply"),
      ),
    );
  }
  return article;
}

function card(message, context, own) {
  const { media, text } = message;
  const rich = message.rich.length > 0;
  const below = rich || endsWithBlock(text, message.entities);
  const classes = ["bubble", media && `with-${media.kind}`, !text && "bare", below && "meta-below", rich && "with-rich"];
  const words = el("div", { class: "text" }, rich ? richBlocks(message, context) : richText(text, message.entities, context.actions));
  if (!below) words.append(el("span", { class: "spacer", "data-meta": metaWords(message) + (message.silent ? "    " : "") }));
  return el(
    "div",
    { class: classes.filter(Boolean).join(" "), ondblclick: () => context.actions.reply(message) },
    context.isGroup && !own && authorLine(message),
    message.topic && el("span", { class: "topic" }, message.topic),
    message.receiver_id && el("p", { class: "ephemeral" }, tr("Only visible to you")),
    message.forwarded_from && el("p", { class: "forwarded" }, `${tr("Forwarded from")} `, el("b", {}, message.forwarded_from)),
    message.reply_to && quoted(message.reply_to, context),
    media && (media.kind === "photo" ? photo(media, text, context) : file(media)),
    text && words,
    message.reactions.length > 0 && el("div", { class: "reactions" }, ...message.reactions.map((r) => el("span", {}, r))),
    meta(message),
  );
}

function authorLine(message) {
  return el("p", { class: `author ${message.from_bot ? "bot" : hue(message.user_id)}` }, message.author, message.from_bot && el("small", {}, tr("bot")));
}

const metaWords = (message) => (message.edited ? `${tr("edited")} ` : "") + clockTime(message.date);

function meta(message) {
  const full = new Date(message.date * 1000).toLocaleString(locale);
  const changed = message.edited ? `\n${tr("edited")} ${new Date(message.edit_date * 1000).toLocaleString(locale)}` : "";
  return el(
    "span",
    { class: "meta", title: full + changed },
    message.silent && el("span", { title: tr("Sent without sound") }, icon("mute")),
    message.edited && el("span", { class: "edited" }, `${tr("edited")} `),
    el("time", {}, clockTime(message.date)),
  );
}

function quoted(reply, context) {
  return el(
    "button",
    { type: "button", class: "quoted", onclick: () => context.actions.jump(reply.message_id) },
    el("b", {}, reply.author),
    el("span", {}, reply.text.slice(0, 200)),
  );
}

function file(media) {
  return el(
    "a",
    { class: "file", href: media.url, download: media.name },
    el("span", { class: "file-icon" }, icon("file")),
    el("span", {}, el("b", {}, media.name), el("small", {}, fileSize(media.size))),
  );
}

function keyboard(message, context) {
  if (!message.keyboard.length) return null;
  const rows = message.keyboard.map((row) => el("div", { class: "row" }, ...row.map((button) => key(message, button, [button.text], context))));
  return el("div", { class: "keyboard", role: "group", "aria-label": tr("Buttons") }, ...rows);
}

function serviceLine(message) {
  const { service } = message;
  let words = tr("Service message");
  if (service.pinned_message) words = tr("%s pinned a message", message.author);
  if (service.migrate_to_chat_id) words = tr("This group became a supergroup. It continues in the new chat.");
  if (service.migrate_from_chat_id) words = tr("This group became a supergroup.");
  return el(
    "article",
    { class: "service", "data-testid": "message", "data-message-id": message.message_id },
    el("span", {}, words),
  );
}
