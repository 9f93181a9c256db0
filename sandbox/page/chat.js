// The page: follows the sandbox's events, draws what changed, and does what the person at it asks for.

import { Conversation } from "./conversation.js";
import { avatar, byId, get, post } from "./dom.js";
import { alertBox, CommandMenu, drawChats, drawPeople, enlarge, toast } from "./panels.js";
import { chatName, forMe, isGroup, load, messagesOf, myChats, people, put, shown, store, unread, view } from "./store.js";
import { counted, tr, translatePage } from "./words.js";

const TYPING_MS = 5000;
const address = new URLSearchParams(location.search);
const field = byId("text");
const menu = new CommandMenu((command) => {
  field.value = "";
  send(command);
});
const conversation = new Conversation({ command: send, copy, press, reply, enlarge }, () => {
  if (document.querySelector(".chat-item[aria-current] .unread")) drawSide();
});

// drawing

function drawSide() {
  drawPeople(store.users, view.me, become);
  const entries = myChats().map(entryOf);
  drawChats(entries.sort((a, b) => b.isBot - a.isBot || (b.date || 0) - (a.date || 0) || a.id - b.id), open);
}

function entryOf(chat) {
  const last = shown(chat.id).at(-1);
  const typing = view.typing.has(chat.id);
  const author = last && !typing && (last.user_id === view.me ? tr("You") : isGroup(chat) && (last.from_bot ? last.author : last.author.split(" ")[0]));
  return {
    id: chat.id,
    name: chatName(chat),
    isBot: !isGroup(chat),
    current: chat.id === view.chat,
    date: last?.date,
    preview: typing ? tr("typing…") : last ? firstWords(last) : tr("No messages yet"),
    previewAuthor: author,
    unread: unread(chat.id),
  };
}

function firstWords(message) {
  if (message.text) return message.text.split("\n")[0];
  if (message.media) return message.media.kind === "photo" ? tr("Photo") : message.media.name;
  return "…";
}

function drawHead() {
  const chat = store.chats.get(view.chat);
  avatar(byId("talk-avatar"), chat.id, chatName(chat), !isGroup(chat));
  byId("talk-title").textContent = chatName(chat);
  const status = byId("talk-status");
  const typing = view.typing.has(chat.id);
  status.classList.toggle("typing", typing);
  if (typing) status.textContent = isGroup(chat) ? tr("%s is typing", store.bot.name) : tr("typing");
  else status.textContent = isGroup(chat) ? `${counted("person", people(chat).length)}, ${tr("bot")}` : tr("bot");
  const pinned = chat.pinned && messagesOf(chat.id).get(chat.pinned);
  byId("pinned").hidden = !pinned || pinned.deleted;
  if (pinned) byId("pinned-text").textContent = firstWords(pinned);
  const closed = chat.migrated_to ? tr("This group became a supergroup. It continues in the new chat.") : "";
  byId("closed").hidden = !closed;
  byId("closed").textContent = closed;
  byId("compose").hidden = Boolean(closed);
  document.title = `${chatName(chat)} · ${tr("chat sandbox")}`;
}

function redraw() {
  drawHead();
  drawSide();
}

// what you do

async function attempt(act) {
  try {
    return await act();
  } catch (error) {
    toast(error.message);
    return null;
  }
}

function send(text) {
  menu.hide();
  const to = view.replyTo;
  setReply(null);
  const body = { chat_id: view.chat, user_id: view.me, text, reply_to: to?.message_id, thread_id: to?.thread_id };
  return attempt(() => post("send", body));
}

async function press(message, data) {
  const key = `${message.chat_id}:${message.message_id}:${data}`;
  if (view.pending.has(key)) return;
  view.pending.add(key);
  conversation.button(message.message_id, data)?.setAttribute("aria-busy", "true");
  const body = { chat_id: message.chat_id, message_id: message.message_id, user_id: view.me, data };
  const answer = await attempt(() => post("press", body));
  view.pending.delete(key);
  if (message.chat_id === view.chat) conversation.button(message.message_id, data)?.removeAttribute("aria-busy");
  if (!answer?.text) return;
  if (answer.show_alert) alertBox(store.bot.name, answer.text);
  else toast(answer.text);
}

async function copy(text) {
  const done = await attempt(async () => {
    await navigator.clipboard.writeText(text);
    return true;
  });
  if (done) toast(tr("Copied"));
}

function setReply(message) {
  view.replyTo = message;
  byId("replying").hidden = !message;
  if (!message) return;
  byId("replying-author").textContent = message.author;
  byId("replying-text").textContent = firstWords(message);
}

function reply(message) {
  setReply(message);
  field.focus();
}

async function open(chatId, show = true) {
  view.chat = chatId;
  if (show) byId("app").dataset.view = "talk";
  setReply(null);
  menu.hide();
  drawHead();
  conversation.draw();
  drawSide();
  address.set("user", view.me);
  address.set("chat", view.chat);
  history.replaceState(null, "", `?${address}`);
  await loadCommands();
}

async function loadCommands() {
  const [me, chat] = [view.me, view.chat];
  const commands = await attempt(() => get(`commands?user_id=${me}&chat_id=${chat}`));
  if (me === view.me && chat === view.chat) menu.commands = commands || [];
}

async function become(userId) {
  const inGroup = isGroup(store.chats.get(view.chat));
  view.me = userId;
  const mine = myChats();
  const stay = inGroup && mine.some((chat) => chat.id === view.chat);
  await open(stay ? view.chat : (mine.find((chat) => !isGroup(chat)) || mine[0]).id, false);
}

// what happens

const handlers = {
  message({ message }) {
    stopTyping(message);
    put(message);
    if (message.chat_id === view.chat && forMe(message)) {
      if (message.replaces) conversation.drawInPlace();
      else conversation.add(message);
    }
    drawSide();
  },
  edit({ message }) {
    stopTyping(message);
    put(message);
    if (message.chat_id === view.chat && shown(view.chat).includes(message)) conversation.replace(message);
    redraw();
  },
  delete({ chat_id: chatId, message_id: messageId }) {
    const message = messagesOf(chatId).get(messageId);
    if (message) message.deleted = true;
    if (chatId === view.chat && message?.replaces) conversation.drawInPlace();
    else if (chatId === view.chat) conversation.remove(messageId);
    redraw();
  },
  action({ chat_id: chatId }) {
    clearTimeout(view.typing.get(chatId));
    view.typing.set(chatId, setTimeout(() => stopTyping({ chat_id: chatId, from_bot: true }), TYPING_MS));
    redraw();
  },
  commands: loadCommands,
  async chats() {
    await load();
    redraw();
  },
};

function stopTyping(message) {
  if (!message.from_bot || !view.typing.has(message.chat_id)) return;
  clearTimeout(view.typing.get(message.chat_id));
  view.typing.delete(message.chat_id);
  redraw();
}

function follow() {
  const source = new EventSource("/sandbox/events");
  let late = null; // events that come while the state is on its way
  source.onmessage = async ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === "hello") {
      late = [];
      await start();
      const missed = late;
      late = null;
      for (const one of missed) handlers[one.type]?.(one);
    } else if (late) late.push(event);
    else handlers[event.type]?.(event);
  };
  source.onerror = () => {
    byId("talk-status").textContent = tr("connecting…");
  };
}

/** At the first sight of the sandbox, and again whenever the connection came back. */
async function start() {
  const again = view.chat !== null;
  if (!again) view.me = Number(address.get("user")) || view.me;
  await load();
  const mine = myChats();
  const asked = !again && address.has("chat");
  const wish = again ? view.chat : Number(address.get("chat"));
  const found = mine.find((chat) => chat.id === wish) || mine.find((chat) => !isGroup(chat)) || mine[0];
  await open(found.id, asked);
  document.body.dataset.ready = "true";
}

// the form

function grow() {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, 160)}px`;
}

function submit() {
  const text = field.value.trim();
  if (!text) return;
  field.value = "";
  grow();
  send(text);
}

byId("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
field.addEventListener("keydown", (event) => {
  if (menu.key(event.key)) event.preventDefault();
  else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  } else if (event.key === "Escape") setReply(null);
});
field.addEventListener("input", () => {
  grow();
  const typed = /^\/([a-z0-9_]*)$/i.exec(field.value);
  if (typed) menu.show(typed[1]);
  else menu.hide();
});
byId("slash").addEventListener("click", () => {
  if (menu.open) menu.hide();
  else menu.show();
  field.focus();
});
byId("reply-cancel").addEventListener("click", () => setReply(null));
byId("pinned").addEventListener("click", () => conversation.jump(store.chats.get(view.chat).pinned));
byId("back").addEventListener("click", () => {
  byId("app").dataset.view = "list";
  drawSide();
});
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});
document.addEventListener("click", (event) => {
  if (menu.open && !event.target.closest("#menu, #slash, #text")) menu.hide();
});

translatePage();
follow();
