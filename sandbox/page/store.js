// The page's copy of the sandbox's state, and what the person at the page is looking at.

import { get } from "./dom.js";

const ANONYMOUS_ADMIN = 1087968824;
const GONE = ["left", "kicked", undefined];

export const store = { bot: null, users: [], chats: new Map(), messages: new Map() };
export const view = { me: 1001, chat: null, replyTo: null, typing: new Map(), pending: new Set() };

export async function load() {
  const state = await get("state");
  store.bot = state.bot;
  store.users = state.users.filter((user) => !user.is_bot && user.id !== ANONYMOUS_ADMIN);
  store.chats = new Map(state.chats.map((chat) => [chat.id, chat]));
  store.messages = new Map();
  state.messages.forEach(put);
  if (!store.users.some((user) => user.id === view.me)) view.me = store.users[0].id;
}

export function put(message) {
  if (!store.messages.has(message.chat_id)) store.messages.set(message.chat_id, new Map());
  store.messages.get(message.chat_id).set(message.message_id, message);
}

export const messagesOf = (chatId) => store.messages.get(chatId) || new Map();
/** An ephemeral message is there for its receiver alone. */
export const forMe = (message) => !message.receiver_id || message.receiver_id === view.me;

/** What this person sees, in order. An ephemeral message may stand in place of another one. */
export function shown(chatId) {
  const mine = [...messagesOf(chatId).values()].filter((message) => !message.deleted && forMe(message));
  const replaced = new Set(mine.map((message) => message.replaces));
  const place = (message) => message.replaces ?? message.message_id;
  return mine.filter((message) => !replaced.has(message.message_id)).sort((a, b) => place(a) - place(b));
}

export const isGroup = (chat) => chat.type !== "private";
export const chatName = (chat) => (isGroup(chat) ? chat.title : store.bot.name);
export const people = (chat) => Object.entries(chat.members).filter(([id, status]) => Number(id) !== ANONYMOUS_ADMIN && !GONE.includes(status));
export const myChats = () => [...store.chats.values()].filter((chat) => !GONE.includes(chat.members[view.me]));

const readKey = (chatId) => `read:${view.me}:${chatId}`;
const newestId = (chatId) => Math.max(0, ...messagesOf(chatId).keys());

export function setRead(chatId) {
  sessionStorage.setItem(readKey(chatId), String(newestId(chatId)));
}

/** Whoever has written has read what was there. */
export function unread(chatId) {
  const messages = shown(chatId);
  const stored = Number(sessionStorage.getItem(readKey(chatId)) || 0);
  const own = messages.filter((message) => message.user_id === view.me).map((message) => message.message_id);
  // A greater number than there are messages is from before the sandbox was started anew
  const read = Math.max(stored > newestId(chatId) ? 0 : stored, 0, ...own);
  return messages.filter((message) => message.message_id > read).length;
}
