"""One person, chat or message as JSON, for the chat page and for `GET /sandbox/state`. Needs no other state."""

from __future__ import annotations

from sandbox.chat.model import Chat, Content, Json, Message, User


def user_view(user: User) -> Json:
    return {
        "id": user.id,
        "name": user.name,
        "username": user.username,
        "is_bot": user.is_bot,
        "language_code": user.language_code,
        "blocked": user.blocked,
        "started": user.started,
    }


def chat_view(chat: Chat) -> Json:
    return {
        "id": chat.id,
        "type": chat.type,
        "title": chat.title,
        "members": {str(user_id): status for user_id, status in chat.members.items()},
        "is_forum": chat.is_forum,
        "topics": {str(thread_id): name for thread_id, name in chat.topics.items()},
        "bot_status": chat.bot_status,
        "migrated_to": chat.migrated_to,
        "pinned": chat.pinned,
    }


def content_view(content: Content) -> Json:
    media = content.media
    return {
        "text": content.text,
        "entities": list(content.entities),
        "rich": list(content.rich),
        "keyboard": content.keyboard or [],
        "button_rows": content.button_rows(),
        "media": media
        and {
            "kind": media.kind,
            "name": media.file.name,
            "size": len(media.file.data),
            "width": media.file.width,
            "height": media.file.height,
            "url": f"/sandbox/files/{media.file.file_id}",
        },
    }


def message_view(message: Message) -> Json:
    reply, origin = message.reply_to, message.forward_origin
    texts = [(old.text, old.media) for _, old in message.history]
    return {
        "chat_id": message.chat.id,
        "message_id": message.message_id,
        "user_id": message.sender.id,
        "author": message.sender_chat.title if message.sender_chat else message.sender.name,
        "from_bot": message.sender.is_bot and message.sender_chat is None,
        "date": message.date,
        "edit_date": message.edit_date,
        # As in Telegram, a changed keyboard alone does not mark a message as edited
        "edited": any(old != (message.content.text, message.content.media) for old in texts),
        **content_view(message.content),
        "history": [{"replaced_at": at, **content_view(old)} for at, old in message.history],
        "silent": message.silent,
        "protected": message.protected,
        "deleted": message.deleted,
        "receiver_id": message.receiver and message.receiver.id,
        "replaces": message.replaces,
        "service": message.service,
        "thread_id": message.thread_id,
        "topic": message.chat.topics.get(message.thread_id or 0),
        "forwarded_from": origin and _origin_name(origin),
        "reply_to": reply
        and {
            "message_id": reply.message_id,
            "author": reply.sender.name,
            "text": reply.content.text or (reply.content.media and reply.content.media.kind) or "",
        },
        "reactions": list(message.reactions),
    }


def _origin_name(origin: Json) -> str:
    author = origin["sender_user"]
    return f"{author['first_name']} {author.get('last_name', '')}".strip()
