// The page's own words. The page is in English; with ?language=ru in its address it is in Russian.

export const language = new URLSearchParams(location.search).get("language") === "ru" ? "ru" : "en";
export const locale = language === "ru" ? "ru-RU" : "en-GB";

const RUSSIAN = {
  "%s is typing": "%s печатает",
  "%s pinned a message": "%s закрепляет сообщение",
  "%s unread": "непрочитанных: %s",
  "A stand-in for Telegram on this machine. Nothing here reaches the real one.":
    "Замена Telegram на этой машине. В настоящий Telegram отсюда ничего не попадает.",
  "An emulated Telegram for trying the bot. Nothing leaves this machine.":
    "Эмулятор Telegram, чтобы попробовать бота. Ничего не уходит с этой машины.",
  "Back to the chats": "Назад к чатам",
  bot: "бот",
  Buttons: "Кнопки",
  "Chat list": "Список чатов",
  "chat sandbox": "песочница чата",
  Chats: "Чаты",
  Close: "Закрыть",
  Commands: "Команды",
  "connecting…": "соединение…",
  Conversation: "Переписка",
  Copied: "Скопировано",
  Copy: "Копировать",
  "Do not reply": "Не отвечать",
  edited: "изменено",
  "Enlarge the photo": "Увеличить фото",
  "Forwarded from": "Переслано от",
  "Hidden text: show": "Показать скрытый текст",
  Message: "Сообщение",
  Messages: "Сообщения",
  "No messages yet": "Сообщений пока нет",
  "Only visible to you": "Видно только вам",
  Photo: "Фото",
  "Pinned message": "Закреплённое сообщение",
  "Preformatted text": "Форматированный текст",
  Reply: "Ответить",
  sandbox: "демо",
  Send: "Отправить",
  "Sent without sound": "Отправлено без звука",
  "Service message": "Служебное сообщение",
  "Show less": "Свернуть",
  "Show more": "Показать ещё",
  Start: "Начать",
  "Switch between light and dark": "Светлая или тёмная тема",
  Table: "Таблица",
  "The bot has set no commands for you here": "Бот не задал для вас команд в этом чате",
  "This group became a supergroup.": "Группа стала супергруппой.",
  "This group became a supergroup. It continues in the new chat.":
    "Группа стала супергруппой. Переписка продолжается в новом чате.",
  Today: "Сегодня",
  typing: "печатает",
  "typing…": "печатает…",
  Yesterday: "Вчера",
  You: "Вы",
  "You are": "Вы",
};

const COUNTED = {
  "new message": {
    en: { one: "1 new message", other: "%s new messages" },
    ru: { one: "%s новое сообщение", few: "%s новых сообщения", other: "%s новых сообщений" },
  },
  person: {
    en: { one: "1 person", other: "%s people" },
    ru: { one: "%s человек", few: "%s человека", other: "%s человек" },
  },
};
const plurals = new Intl.PluralRules(locale);

/** English words in the language of the page; "%s" is replaced by the argument. */
export function tr(words, argument = "") {
  return ((language === "ru" && RUSSIAN[words]) || words).replace("%s", () => String(argument));
}

/** A number of things: counted("person", 4) is "4 people". */
export function counted(thing, number) {
  const forms = COUNTED[thing][language];
  return (forms[plurals.select(number)] || forms.other).replace("%s", String(number));
}

/** Translates what index.html itself contains: its text nodes and the attributes that people see or hear. */
export function translatePage() {
  if (language === "en") return;
  document.documentElement.lang = language;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const words = texts.currentNode.data.trim();
    if (words) texts.currentNode.data = tr(words);
  }
  for (const name of ["aria-label", "title", "placeholder"]) {
    for (const node of document.body.querySelectorAll(`[${name}]`)) node.setAttribute(name, tr(node.getAttribute(name)));
  }
}
