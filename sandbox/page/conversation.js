// The messages of the open chat: kept in step with the store, and the scrolling that goes with it.

import { bubble } from "./bubbles.js";
import { avatar, byId, dayName, el } from "./dom.js";
import { isGroup, setRead, shown, store, view } from "./store.js";
import { counted, tr } from "./words.js";

const NEAR_END = 80;
const scroll = byId("scroll");
const log = byId("log");

export class Conversation {
  /** actions: see bubbles.js; start() for the first press in an empty chat; onRead() after the end was seen. */
  constructor(actions, onRead) {
    this.actions = { ...actions, jump: (messageId) => this.jump(messageId) };
    this.onRead = onRead;
    this.nodes = new Map();
    this.unseen = 0;
    this.atEnd = true;
    scroll.addEventListener("scroll", () => this.#scrolled());
    // Photos, an opened quotation, the keyboard of a phone: whoever was at the end stays there
    const watcher = new ResizeObserver(() => this.atEnd && this.toEnd());
    watcher.observe(log);
    watcher.observe(scroll);
    document.addEventListener("visibilitychange", () => this.atEnd && this.#seen());
    byId("pill").addEventListener("click", () => this.toEnd());
  }

  draw() {
    this.#drawAll();
    this.toEnd();
  }

  /** After one message took the place of another, or gave it back: what is in view stays in view. */
  drawInPlace() {
    const top = scroll.scrollTop;
    this.#drawAll();
    scroll.scrollTop = top;
  }

  #drawAll() {
    this.nodes.clear();
    log.replaceChildren();
    for (const message of shown(view.chat)) this.#place(message);
    if (!this.nodes.size && !isGroup(store.chats.get(view.chat))) log.append(this.#welcome());
    this.#group();
  }

  add(message) {
    const stay = this.atEnd || message.user_id === view.me;
    this.#place(message).classList.add("new");
    this.#group();
    if (stay) {
      this.toEnd();
      return;
    }
    this.unseen += 1;
    byId("pill-text").textContent = counted("new message", this.unseen);
    byId("pill").hidden = false;
  }

  replace(message) {
    this.#place(message);
    this.#group();
    if (this.atEnd) this.toEnd();
  }

  remove(messageId) {
    this.nodes.get(messageId)?.remove();
    this.nodes.delete(messageId);
    this.#group();
  }

  button(messageId, data) {
    return this.nodes.get(messageId)?.querySelector(`[data-data="${CSS.escape(data)}"]`);
  }

  toEnd() {
    scroll.scrollTop = scroll.scrollHeight;
    this.atEnd = true;
    this.#seen();
  }

  jump(messageId) {
    const node = this.nodes.get(messageId);
    if (!node) return;
    node.scrollIntoView({ block: "center", behavior: "smooth" });
    node.classList.add("flash");
    setTimeout(() => node.classList.remove("flash"), 1200);
  }

  #place(message) {
    const node = bubble(message, {
      me: view.me,
      isGroup: isGroup(store.chats.get(view.chat)),
      pending: (messageId, data) => view.pending.has(`${view.chat}:${messageId}:${data}`),
      actions: this.actions,
    });
    const old = this.nodes.get(message.message_id);
    this.nodes.set(message.message_id, node);
    if (old) this.#swap(old, node);
    else {
      log.querySelector(".welcome")?.remove();
      log.append(node);
    }
    return node;
  }

  /** An edit in place: the focus, opened details and the sideways scrolling of tables stay as they were. */
  #swap(old, node) {
    const opened = [...old.querySelectorAll("details")].map((fold) => fold.open);
    node.querySelectorAll("details").forEach((fold, index) => {
      if (opened[index]) fold.open = true;
    });
    const focused = old.contains(document.activeElement) ? document.activeElement.dataset.data : undefined;
    const offsets = [...old.querySelectorAll("pre")].map((pre) => pre.scrollLeft);
    old.replaceWith(node);
    node.querySelectorAll("pre").forEach((pre, index) => {
      pre.scrollLeft = offsets[index] || 0;
    });
    if (focused) node.querySelector(`[data-data="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  /** Day lines, and who follows whom: the last in a row of one author's messages has the tail. */
  #group() {
    log.querySelectorAll(".day").forEach((line) => line.remove());
    const messages = shown(view.chat).filter((message) => this.nodes.has(message.message_id));
    messages.forEach((message, index) => {
      const node = this.nodes.get(message.message_id);
      const newDay = !index || dayName(messages[index - 1].date) !== dayName(message.date);
      if (newDay) node.before(el("div", { class: "day" }, el("span", {}, dayName(message.date))));
      node.classList.toggle("first", !follows(messages[index - 1], message));
      node.classList.toggle("last", !follows(message, messages[index + 1]));
    });
  }

  #welcome() {
    return el(
      "div",
      { class: "welcome" },
      avatar(el("span"), 0, "", true),
      el("h3", {}, store.bot.name),
      el("p", {}, `@${store.bot.username}`),
      el("button", { type: "button", class: "start", onclick: () => this.actions.command("/start") }, tr("Start")),
    );
  }

  #scrolled() {
    this.atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END;
    if (this.atEnd) this.#seen();
  }

  #seen() {
    if (view.chat === null || document.hidden || !scroll.clientHeight) return;
    setRead(view.chat);
    this.unseen = 0;
    byId("pill").hidden = true;
    this.onRead();
  }
}

function follows(before, after) {
  if (!before || !after || before.author !== after.author || after.date - before.date > 300) return false;
  const isService = (message) => Object.keys(message.service).length > 0;
  return dayName(before.date) === dayName(after.date) && !isService(before) && !isService(after);
}
