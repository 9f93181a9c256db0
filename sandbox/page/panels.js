// What stands around the messages: chat list, who you are, command menu, toasts, dialogs.

import { avatar, byId, clockTime, el } from "./dom.js";
import { tr } from "./words.js";

export function drawPeople(users, me, choose) {
  const buttons = users.map((user) => {
    const chosen = user.id === me;
    return el(
      "button",
      {
        type: "button",
        role: "radio",
        "aria-checked": String(chosen),
        tabindex: chosen ? "0" : "-1",
        "data-user-id": user.id,
        title: user.name,
        onclick: () => choose(user.id),
      },
      avatar(el("span", { "aria-hidden": "true" }), user.id, user.name, false),
      el("span", {}, user.name.split(" ")[0]),
    );
  });
  const box = byId("people");
  const focused = box.contains(document.activeElement);
  box.replaceChildren(...buttons);
  if (focused) buttons.find((button) => button.tabIndex === 0)?.focus();
  box.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = users.findIndex((user) => user.id === me);
    choose(users[(at + step + users.length) % users.length].id);
  };
  const select = byId("as");
  select.replaceChildren(...users.map((user) => el("option", { value: user.id, selected: user.id === me }, user.name.split(" ")[0])));
  select.onchange = () => choose(Number(select.value));
}

/** entries: {id, name, isBot, preview, previewAuthor, date, unread, current} */
export function drawChats(entries, open) {
  const items = entries.map((entry) =>
    el(
      "button",
      {
        type: "button",
        class: "chat-item",
        "data-testid": "chat-list-item",
        "data-chat-id": entry.id,
        "aria-current": entry.current ? "true" : null,
        onclick: () => open(entry.id),
      },
      avatar(el("span", { "aria-hidden": "true" }), entry.id, entry.name, entry.isBot),
      el(
        "span",
        { class: "chat-words" },
        el("span", { class: "chat-name" }, el("b", {}, entry.name), entry.date && el("time", {}, clockTime(entry.date))),
        el(
          "span",
          { class: "chat-last" },
          el("span", {}, entry.previewAuthor && el("em", {}, `${entry.previewAuthor}: `), entry.preview),
          entry.unread > 0 && el("span", { class: "unread", "aria-label": tr("%s unread", entry.unread) }, String(entry.unread)),
        ),
      ),
    ),
  );
  const box = byId("chats");
  const focused = document.activeElement?.closest?.(".chat-item")?.dataset.chatId;
  box.replaceChildren(...items);
  if (focused) items.find((item) => item.dataset.chatId === focused)?.focus();
}

/** The list of commands above the message field. */
export class CommandMenu {
  constructor(pick) {
    this.box = byId("menu");
    this.pick = pick;
    this.commands = [];
    this.at = 0;
  }

  get open() {
    return !this.box.hidden;
  }

  show(filter = "") {
    const found = this.commands.filter((entry) => entry.command.startsWith(filter.toLowerCase()));
    this.at = 0;
    this.box.replaceChildren(...found.map((entry, index) => this.#item(entry, index)));
    if (!found.length && !filter) {
      this.box.append(el("li", { class: "none", role: "presentation" }, tr("The bot has set no commands for you here")));
    }
    this.#toggle(found.length > 0 || !filter);
    this.#mark();
  }

  hide() {
    this.#toggle(false);
  }

  /** Arrow keys, Enter and Escape while the menu is open; true when the key was used. */
  key(name) {
    const items = [...this.box.querySelectorAll("[role=option]")];
    if (!this.open) return false;
    if (name === "Escape") this.hide();
    else if (name === "ArrowDown") this.at = (this.at + 1) % Math.max(items.length, 1);
    else if (name === "ArrowUp") this.at = (this.at - 1 + items.length) % Math.max(items.length, 1);
    else if (name === "Enter" && items[this.at]) items[this.at].click();
    else return false;
    this.#mark();
    return true;
  }

  #item(entry, index) {
    return el(
      "li",
      {
        role: "option",
        id: `command-${index}`,
        "data-testid": "command-item",
        "data-command": entry.command,
        // The field keeps the focus, so that a phone's keyboard does not come and go
        onmousedown: (event) => event.preventDefault(),
        onclick: () => this.pick(`/${entry.command}`),
      },
      el("b", {}, `/${entry.command}`),
      el("span", {}, entry.description),
    );
  }

  #mark() {
    const items = [...this.box.querySelectorAll("[role=option]")];
    items.forEach((item, index) => item.setAttribute("aria-selected", String(index === this.at)));
    items[this.at]?.scrollIntoView({ block: "nearest" });
    if (this.open && items[this.at]) byId("text").setAttribute("aria-activedescendant", items[this.at].id);
    else byId("text").removeAttribute("aria-activedescendant");
  }

  #toggle(open) {
    this.box.hidden = !open;
    byId("slash").setAttribute("aria-expanded", String(open));
  }
}

export function toast(words) {
  const node = el("div", { class: "toast", role: "status", "data-testid": "toast" }, words);
  byId("toasts").append(node);
  setTimeout(() => node.classList.add("going"), 4200);
  setTimeout(() => node.remove(), 4600);
}

export function alertBox(title, words) {
  byId("alert-title").textContent = title;
  byId("alert-text").textContent = words;
  const box = byId("alert");
  if (box.open) box.close();
  box.showModal();
}

export function enlarge(media, caption) {
  const image = byId("light-img");
  image.src = media.url;
  image.alt = caption || tr("Photo");
  const box = byId("light");
  box.showModal();
  box.onclick = () => box.close();
}
