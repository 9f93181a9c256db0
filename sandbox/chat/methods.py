"""The Bot API methods that make and change messages: send, edit, delete, pin, react.

Each takes the state and the parameters and returns the JSON `result`, or raises ApiError as Telegram would.
Checks run in Telegram's order: first what is in the request, then the chat, then the message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.chat.model import ApiError, Chat, Content, Json, Keyboard, Media, Message, User, bad_request
from sandbox.chat.params import Params, Upload, photo_size
from sandbox.chat.rich import rich_message
from sandbox.chat.rights import chat_to_act, chat_to_edit, find_chat
from sandbox.chat.state import ChatState
from sandbox.chat.text import caption_text, inline_keyboard, message_text

DELETE_WITHIN_S = 48 * 3600
ACTIONS = (
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
)


def send_message(state: ChatState, p: Params) -> Json:
    text, entities = message_text(p.text("text"), p.text("parse_mode"), p.json("entities"), state.users)
    return _send(state, p, Content(text, entities, link_preview=p.json("link_preview_options")))


def send_rich_message(state: ChatState, p: Params) -> Json:
    if not state.rich:
        raise ApiError(404, "Not Found: method not found")
    words, blocks = _rich(state, p)
    return _send(state, p, Content(words, rich=blocks))


def _rich(state: ChatState, p: Params) -> tuple[str, tuple[Json, ...]]:
    def store(media: str) -> Any:
        return _media(state, p, "photo", media).to_api()

    return rich_message(p.json("rich_message"), store, state.clock(), buttons_known=state.rich_buttons)


def send_photo(state: ChatState, p: Params) -> Json:
    return _send_media(state, p, "photo")


def send_document(state: ChatState, p: Params) -> Json:
    return _send_media(state, p, "document")


def _send_media(state: ChatState, p: Params, kind: str) -> Json:
    text, entities = _caption(state, p)
    media = _media(state, p, kind, p.text(kind) or kind)
    return _send(state, p, Content(text, entities, media=media))


def _send(state: ChatState, p: Params, content: Content) -> Json:
    keyboard = inline_keyboard(p.json("reply_markup"))
    chat = chat_to_act(state, p)
    reply_to, thread_id = _reply_target(state, chat, p), _thread(chat, p)
    receiver, replaces = _receiver(state, chat, p)
    state.limits.spend(chat.id, sending=True)
    message = state.post(
        chat,
        state.bot,
        replace(content, keyboard=keyboard),
        reply_to=reply_to,
        thread_id=thread_id,
        silent=p.flag("disable_notification"),
        protected=p.flag("protect_content"),
        receiver=receiver,
        replaces=replaces,
    )
    return message.to_api()


def _receiver(state: ChatState, chat: Chat, p: Params) -> tuple[User | None, int | None]:
    """The receiver of an ephemeral message and the message that it replaces. An older server ignores the parameter."""
    wanted = p.json("ephemeral_message_parameters")
    if not wanted or not state.ephemeral:
        return None, None
    if not isinstance(wanted, dict):
        raise bad_request("object expected as ephemeral message parameters")
    if unknown := set(wanted) - {"receiver_user_id", "callback_query_id", "replace_callback_query_message"}:
        raise bad_request(f"can't parse EphemeralMessageParameters: unknown field {min(unknown)!r}")
    receiver = state.receiver(chat, int(wanted.get("receiver_user_id") or 0))
    query_id = wanted.get("callback_query_id")
    pressed = None if query_id is None else state.pressed(str(query_id), receiver, chat)
    if not wanted.get("replace_callback_query_message") or not state.rich_buttons:
        return receiver, None
    if pressed is None:
        raise bad_request("callback query is needed to replace its message")
    if pressed.receiver is not None:
        raise bad_request("an ephemeral message can't be replaced; edit it instead")
    return receiver, pressed.message_id


def _thread(chat: Chat, p: Params) -> int | None:
    thread_id = p.integer("message_thread_id")
    if not thread_id or (chat.type != "private" and not chat.is_forum):
        return None  # Telegram ignores the topic in a group without topics
    if thread_id not in chat.topics:
        raise bad_request("message thread not found")
    return thread_id


def _reply_target(state: ChatState, chat: Chat, p: Params) -> Message | None:
    reply = p.json("reply_parameters") or {"message_id": p.integer("reply_to_message_id")}
    if not isinstance(reply, dict):
        raise bad_request("object expected as reply parameters")
    if not reply.get("message_id"):
        return None
    target = state.message(int(reply.get("chat_id") or chat.id), int(reply["message_id"]))
    lenient = reply.get("allow_sending_without_reply") or p.flag("allow_sending_without_reply")
    if target is None and not lenient:
        raise bad_request("message to be replied not found")
    return target


def _caption(state: ChatState, p: Params) -> tuple[str, tuple[Json, ...]]:
    return caption_text(p.text("caption"), p.text("parse_mode"), p.json("caption_entities"), state.users)


def _media(state: ChatState, p: Params, kind: str, reference: str) -> Media:
    """A new upload, or a file that the bot sent before and names by its id."""
    upload = p.upload(reference)
    if upload is not None:
        return Media(kind, _stored(state, kind, upload))
    if reference in ("", kind):
        raise bad_request(f"there is no {kind} in the request")
    if reference not in state.files:
        raise bad_request("wrong file identifier/HTTP URL specified")
    return Media(kind, state.files[reference])


def _stored(state: ChatState, kind: str, upload: Upload) -> Any:
    if kind == "photo":
        return state.store_file(upload.name, upload.mime_type, upload.data, photo_size(upload))
    if not upload.data:
        raise bad_request("file must be non-empty")
    return state.store_file(upload.name, upload.mime_type, upload.data)


# editing


def _own_message(state: ChatState, p: Params) -> Message:
    chat = chat_to_edit(state, p)
    message = state.message(chat.id, p.integer("message_id"))
    if message is None or message.receiver is not None:
        raise bad_request("message to edit not found")
    if message.sender is not state.bot or message.service or message.forward_origin:
        raise bad_request("message can't be edited")
    state.limits.spend(chat.id, sending=False)
    return message


def _edited_keyboard(p: Params) -> Keyboard | None:
    """An edit without markup removes the buttons."""
    return inline_keyboard(p.json("reply_markup"))


Find = Callable[[ChatState, Params], Message]
Edit = Callable[[Find, ChatState, Params], Message]
Method = Callable[[ChatState, Params], Any]


def _ephemeral(state: ChatState, p: Params) -> Message:
    """The bot's message that only one member of a group sees."""
    if not state.ephemeral:
        raise ApiError(404, "Not Found: method not found")
    chat = chat_to_edit(state, p)
    message = state.message(chat.id, p.integer("ephemeral_message_id"))
    if message is None or message.receiver is not state.receiver(chat, p.integer("receiver_user_id")):
        raise bad_request("ephemeral message not found")
    state.limits.spend(chat.id, sending=False)
    return message


def _edit_text(find: Find, state: ChatState, p: Params) -> Message:
    blocks: tuple[Json, ...] = ()
    entities: tuple[Json, ...] = ()
    if state.rich and p.json("rich_message"):
        text, blocks = _rich(state, p)
    else:
        text, entities = message_text(p.text("text"), p.text("parse_mode"), p.json("entities"), state.users)
    keyboard = _edited_keyboard(p)
    message = find(state, p)
    if message.content.media is not None:
        raise bad_request("there is no text in the message to edit")
    preview = p.json("link_preview_options")
    return state.edit(message, Content(text, entities, keyboard, link_preview=preview, rich=blocks))


def _edit_caption(find: Find, state: ChatState, p: Params) -> Message:
    text, entities = _caption(state, p)
    keyboard = _edited_keyboard(p)
    message = find(state, p)
    if message.content.media is None:
        raise bad_request("there is no caption in the message to edit")
    return state.edit(message, Content(text, entities, keyboard, message.content.media))


def _edit_media(find: Find, state: ChatState, p: Params) -> Message:
    media = p.json("media")
    if not isinstance(media, dict) or media.get("type") not in ("photo", "document"):
        raise bad_request("can't parse InputMedia: the sandbox knows photo and document")
    inner = Params(media, p.files)
    text, entities = _caption(state, inner)
    keyboard = _edited_keyboard(p)
    message = find(state, p)
    new = _media(state, p, media["type"], inner.text("media"))
    return state.edit(message, Content(text, entities, keyboard, new))


def _edit_reply_markup(find: Find, state: ChatState, p: Params) -> Message:
    keyboard = _edited_keyboard(p)
    message = find(state, p)
    return state.edit(message, replace(message.content, keyboard=keyboard))


def _for_all(edit: Edit) -> Method:
    """Returns the message."""
    return lambda state, p: edit(_own_message, state, p).to_api()


def _for_one(edit: Edit) -> Method:
    """For an ephemeral message Telegram returns only True."""
    return lambda state, p: bool(edit(_ephemeral, state, p))


# the rest


def delete_message(state: ChatState, p: Params) -> bool:
    chat = chat_to_act(state, p)
    message = state.message(chat.id, p.integer("message_id"))
    if message is None or message.receiver is not None:
        raise bad_request("message to delete not found")
    own = message.sender is state.bot
    in_reach = own or chat.type == "private" or chat.bot_status == "administrator"
    if not in_reach or state.now() - message.date > DELETE_WITHIN_S:
        raise bad_request("message can't be deleted")
    state.delete(message)
    return True


def delete_ephemeral_message(state: ChatState, p: Params) -> bool:
    state.delete(_ephemeral(state, p))
    return True


def answer_callback_query(state: ChatState, p: Params) -> bool:
    state.answer(p.text("callback_query_id"), p.text("text"), p.flag("show_alert"))
    return True


def send_chat_action(state: ChatState, p: Params) -> bool:
    action = p.text("action")
    if action not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat = chat_to_act(state, p)
    state.feed.publish("action", chat_id=chat.id, action=action, thread_id=_thread(chat, p))
    return True


def pin_chat_message(state: ChatState, p: Params) -> bool:
    chat = chat_to_act(state, p)
    message = state.message(chat.id, p.integer("message_id"))
    if message is None:
        raise bad_request("message to pin not found")
    if chat.type != "private" and chat.bot_status != "administrator":
        raise bad_request("not enough rights to manage pinned messages in the chat")
    chat.pinned = message.message_id
    silent = p.flag("disable_notification")
    state.post(chat, state.bot, Content(), service={"pinned_message": message.to_api(nested=True)}, silent=silent)
    state.feed.publish("chats")
    return True


def unpin_chat_message(state: ChatState, p: Params) -> bool:
    chat_to_act(state, p).pinned = None
    state.feed.publish("chats")
    return True


def set_message_reaction(state: ChatState, p: Params) -> bool:
    chat = find_chat(state, p)
    message = state.message(chat.id, p.integer("message_id"))
    if message is None:
        raise bad_request("message to react not found")
    wanted = p.json("reaction") or []
    state.react(message, tuple(str(entry.get("emoji", "")) for entry in wanted if entry.get("type") == "emoji"))
    return True


MESSAGE_METHODS = {
    "sendmessage": send_message,
    "sendrichmessage": send_rich_message,
    "sendphoto": send_photo,
    "senddocument": send_document,
    "editmessagetext": _for_all(_edit_text),
    "editmessagecaption": _for_all(_edit_caption),
    "editmessagemedia": _for_all(_edit_media),
    "editmessagereplymarkup": _for_all(_edit_reply_markup),
    "editephemeralmessagetext": _for_one(_edit_text),
    "editephemeralmessagecaption": _for_one(_edit_caption),
    "editephemeralmessagemedia": _for_one(_edit_media),
    "editephemeralmessagereplymarkup": _for_one(_edit_reply_markup),
    "deleteephemeralmessage": delete_ephemeral_message,
    "deletemessage": delete_message,
    "answercallbackquery": answer_callback_query,
    "sendchataction": send_chat_action,
    "pinchatmessage": pin_chat_message,
    "unpinchatmessage": unpin_chat_message,
    "setmessagereaction": set_message_reaction,
}
