#!/usr/bin/env python3
"""A Telegram Bot API server with one bot (core.telegram.org/bots/api), for tests. See README.md.

It counts only because grammY, unmodified, works against it (test_telegram_double.py).
"""
import itertools
import threading
import time
from html.parser import HTMLParser

import double

ALLOWED_TAGS = {"b", "strong", "i", "em", "u", "s", "code", "pre", "a", "tg-spoiler", "blockquote"}
ENTITY = {"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "s": "strikethrough", "code": "code",
          "pre": "pre", "a": "text_link", "tg-spoiler": "spoiler", "blockquote": "blockquote"}
MAX_TEXT = 4096


class Refused(Exception):
    def __init__(self, code, description, **parameters):
        super().__init__(description)
        self.answer = {"ok": False, "error_code": code, "description": description}
        if parameters:
            self.answer["parameters"] = parameters


def units(text):
    return len(text.encode("utf-16-le")) // 2


class Entities(HTMLParser):
    """parse_mode HTML: known tags only, properly nested; gives text and entities."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.text, self.entities, self.open = "", [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ALLOWED_TAGS:
            raise Refused(400, f"Bad Request: can't parse entities: Unsupported start tag \"{tag}\"")
        self.open.append((tag, units(self.text), dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            raise Refused(400, f"Bad Request: can't parse entities: Unexpected end tag \"{tag}\"")
        _, start, attrs = self.open.pop()
        entity = {"type": ENTITY[tag], "offset": start, "length": units(self.text) - start}
        if tag == "a":
            entity["url"] = attrs.get("href", "")
        if entity["length"]:
            self.entities.append(entity)

    def handle_data(self, data):
        self.text += data


def parse_text(parameters):
    text = str(parameters.get("text", ""))
    entities = []
    if parameters.get("parse_mode") == "HTML":
        parser = Entities()
        parser.feed(text)
        parser.close()
        if parser.open:
            raise Refused(400, f"Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"{parser.open[-1][0]}\"")
        text, entities = parser.text, parser.entities
    if not text.strip():
        raise Refused(400, "Bad Request: message text is empty")
    if units(text) > MAX_TEXT:
        raise Refused(400, "Bad Request: message is too long")
    return text, entities


class TelegramDouble:
    def __init__(self, token, username):
        self.token = token
        self.bot = {"id": int(token.split(":")[0]), "is_bot": True, "first_name": "Pincer", "username": username,
                    "can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}
        self.changed = threading.Condition()
        self.update_ids = itertools.count(1000)
        self.message_ids = itertools.count(1)
        self.callback_ids = itertools.count(1)
        self.updates, self.messages, self.answers, self.calls = [], [], [], []
        self.chats, self.callbacks = {}, {}
        self.webhook = ""
        self.poller = 0
        self.faults = double.Faults()

    # The Bot API

    def serve(self, http, path, parameters):
        head, _, method = path.strip("/").partition("/")
        if not head.startswith("bot"):
            return http.answer(404, {"ok": False, "error_code": 404, "description": "Not Found"})
        if head[3:] != self.token:
            return http.answer(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
        name = method.lower()
        with self.changed:
            self.calls.append({"method": method, "parameters": parameters, "at": time.time()})
            self.changed.notify_all()
        fault = self.faults.take(method)
        if fault and fault.get("drop") and fault.get("before"):
            return http.drop()
        if fault and not fault.get("drop"):
            refused = self.ordered(fault)
            return http.answer(refused["error_code"], refused)
        try:
            handler = getattr(self, "api_" + name, None)
            if not handler:
                raise Refused(404, "Not Found: method not found")
            result = handler(parameters)
        except Refused as refused:
            return http.answer(refused.answer["error_code"], refused.answer)
        if fault:
            return http.drop()
        http.answer(200, {"ok": True, "result": result})

    @staticmethod
    def ordered(fault):
        if "retry_after" in fault:
            seconds = fault["retry_after"]
            return Refused(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds).answer
        return Refused(int(fault.get("status", 500)), fault.get("error", "Internal Server Error")).answer

    def api_getme(self, _):
        return self.bot

    def api_deletewebhook(self, parameters):
        with self.changed:
            self.webhook = ""
            if parameters.get("drop_pending_updates") in (True, "true"):
                self.updates.clear()
        return True

    def api_getwebhookinfo(self, _):
        return {"url": self.webhook, "has_custom_certificate": False, "pending_update_count": len(self.updates)}

    def api_setmycommands(self, _):
        return True

    api_deletemycommands = api_setchatmenubutton = api_sendchataction = api_setmycommands

    def api_getupdates(self, parameters):
        offset = int(parameters.get("offset") or 0)
        limit = min(max(int(parameters.get("limit") or 100), 1), 100)
        until = time.monotonic() + min(float(parameters.get("timeout") or 0), 50)
        allowed = parameters.get("allowed_updates") or []
        with self.changed:
            if self.webhook:
                raise Refused(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
            self.poller += 1
            mine = self.poller
            self.changed.notify_all()
            if offset > 0:
                self.updates = [u for u in self.updates if u["update_id"] >= offset]  # this is what acknowledges
            if offset < 0:
                self.updates = self.updates[offset:]
            while True:
                found = [u for u in self.updates if not allowed or any(kind in u for kind in allowed)]
                if found or time.monotonic() >= until:
                    return found[:limit]
                self.changed.wait(until - time.monotonic())
                if self.poller != mine:
                    raise Refused(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")

    def chat(self, chat_id):
        key = str(chat_id)
        if key not in self.chats:
            raise Refused(400, "Bad Request: chat not found")
        return self.chats[key]

    def check_markup(self, parameters):
        markup = parameters.get("reply_markup") or {}
        for row in markup.get("inline_keyboard", []):
            for button in row:
                if not button.get("text"):
                    raise Refused(400, "Bad Request: inline keyboard button text is empty")
                if not 1 <= len(button.get("callback_data", "x").encode()) <= 64:
                    raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
        return markup or None

    def api_sendmessage(self, parameters):
        text, entities = parse_text(parameters)
        markup = self.check_markup(parameters)
        with self.changed:
            message = {"message_id": next(self.message_ids), "from": {k: self.bot[k] for k in ("id", "is_bot", "first_name", "username")},
                       "chat": self.chat(parameters.get("chat_id")), "date": int(time.time()), "text": text}
            if entities:
                message["entities"] = entities
            if markup:
                message["reply_markup"] = markup
            if parameters.get("message_thread_id"):
                message.update(message_thread_id=int(parameters["message_thread_id"]), is_topic_message=True)
            reply = parameters.get("reply_parameters") or {}
            question = self.find(message["chat"]["id"], reply.get("message_id"))
            if reply and not question and not reply.get("allow_sending_without_reply"):
                raise Refused(400, "Bad Request: message to be replied not found")
            if question:
                message["reply_to_message"] = {k: v for k, v in question.items() if k not in ("reply_to_message", "history")}
            self.messages.append(message)
            self.changed.notify_all()
            return message

    def find(self, chat_id, message_id):
        for message in self.messages:
            if str(message["chat"]["id"]) == str(chat_id) and str(message["message_id"]) == str(message_id):
                return message
        return None

    def api_editmessagetext(self, parameters):
        text, entities = parse_text(parameters)
        markup = self.check_markup(parameters)
        with self.changed:
            message = self.find(parameters.get("chat_id"), parameters.get("message_id"))
            if not message:
                raise Refused(400, "Bad Request: message to edit not found")
            if not message["from"]["is_bot"]:
                raise Refused(400, "Bad Request: message can't be edited")
            if message["text"] == text and message.get("entities", []) == entities and message.get("reply_markup") == markup:
                raise Refused(400, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same")
            message.setdefault("history", []).append(message["text"])
            message.update(text=text, entities=entities, edit_date=int(time.time()))
            message.pop("reply_markup", None)
            if markup:
                message["reply_markup"] = markup
            self.changed.notify_all()
            return {k: v for k, v in message.items() if k != "history"}

    def api_answercallbackquery(self, parameters):
        with self.changed:
            query = self.callbacks.pop(str(parameters.get("callback_query_id")), None)
            if not query:
                raise Refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
            if units(str(parameters.get("text", ""))) > 200:
                raise Refused(400, "Bad Request: MESSAGE_TOO_LONG")
            self.answers.append({"callback_query_id": query["id"], "from": query["from"], "data": query["data"],
                                 "text": parameters.get("text", ""), "show_alert": bool(parameters.get("show_alert"))})
            self.changed.notify_all()
            return True

    # The people in front of it

    def control(self, verb, given):
        handler = getattr(self, "control_" + verb, None)
        if not handler:
            return None
        with self.changed:
            result = handler(given)
            self.changed.notify_all()
            return result

    def person(self, given):
        person = given.get("from") or {}
        if not isinstance(person, dict):
            person = {"id": person}
        return {"id": int(person.get("id", 99)), "is_bot": bool(person.get("is_bot", False)),
                "first_name": person.get("first_name", "Ada"), "username": person.get("username", "ada")}

    def push(self, kind, content):
        update = {"update_id": next(self.update_ids), kind: content}
        self.updates.append(update)
        return update["update_id"]

    def control_message(self, given):
        """chat_id, chat_type, from, text, thread, reply_to, kind (message): a person writes."""
        person = self.person(given)
        chat_id = int(given.get("chat_id", person["id"]))
        kind = given.get("chat_type", "private" if chat_id > 0 else "supergroup")
        chat = self.chats.setdefault(str(chat_id), {"id": chat_id, "type": kind, **({"first_name": person["first_name"]} if kind == "private" else {"title": "Ops"})})
        text = str(given.get("text", ""))
        message = {"message_id": next(self.message_ids), "from": person, "chat": chat, "date": int(time.time()), "text": text}
        entities = []
        name = "@" + self.bot["username"]
        start = text.find(name)
        if start >= 0:
            entities.append({"type": "mention", "offset": units(text[:start]), "length": units(name)})
        if text.startswith("/"):
            entities.append({"type": "bot_command", "offset": 0, "length": units(text.split()[0])})
        if entities:
            message["entities"] = entities
        if given.get("thread"):
            message.update(message_thread_id=int(given["thread"]), is_topic_message=True)
        question = self.find(chat_id, given.get("reply_to"))
        if question:
            message["reply_to_message"] = {k: v for k, v in question.items() if k not in ("reply_to_message", "history")}
        self.messages.append(message)
        return {"update_id": self.push(given.get("kind", "message"), message), "message_id": message["message_id"]}

    def control_press(self, given):
        """chat_id, message_id, from, and data or label: a person presses a button."""
        message = self.find(given["chat_id"], given["message_id"])
        rows = (message or {}).get("reply_markup", {}).get("inline_keyboard", [])
        data = [b["callback_data"] for row in rows for b in row if given.get("data") in (None, b["callback_data"]) and given.get("label") in (None, b["text"])]
        if not data and not given.get("stale"):
            return {"error": "no such button"}
        query = {"id": str(next(self.callback_ids)), "from": self.person(given), "chat_instance": "1", "data": data[0] if data else given["data"],
                 "message": {k: v for k, v in message.items() if k != "history"}}
        self.callbacks[query["id"]] = query
        return {"update_id": self.push("callback_query", query), "callback_query_id": query["id"], "data": query["data"]}

    def control_edit(self, given):
        message = self.find(given["chat_id"], given["message_id"])
        message.update(text=given["text"], edit_date=int(time.time()))
        return {"update_id": self.push("edited_message", dict(message))}

    def control_update(self, given):
        """kind, content: any update as it is."""
        return {"update_id": self.push(given["kind"], given["content"])}

    def control_repeat(self, given):
        """update_id: told again under the same id, as after a restart of Telegram's side."""
        if not any(u["update_id"] == int(given["update_id"]) for u in self.updates):
            self.updates.insert(0, {"update_id": int(given["update_id"]), **given["content"]})
        return {}

    def control_messages(self, given):
        return [m for m in self.messages if given.get("chat_id") in (None, str(m["chat"]["id"]))
                and (not given.get("sent") or m["from"]["id"] == self.bot["id"])]

    def control_wait(self, given):
        """count, chat_id, timeout: answers when the bot has that many messages in the chat, or in time with what there is."""
        until = time.monotonic() + float(given.get("timeout", 10))
        while True:
            sent = self.control_messages({"chat_id": given.get("chat_id"), "sent": "1"})
            if len(sent) >= int(given.get("count", 1)) or time.monotonic() >= until:
                return sent
            self.changed.wait(until - time.monotonic())

    def control_answers(self, _):
        return self.answers

    def control_calls(self, _):
        return self.calls

    def control_pending(self, _):
        return self.updates

    def control_webhook(self, given):
        self.webhook = given.get("url", "")
        return {}

    def control_fault(self, given):
        self.faults.order(given)
        return {}


def main():
    options = double.arguments(__doc__.splitlines()[0], token="123456:TEST-token", username="pincer_bot")
    double.run(TelegramDouble(options.token, options.username), options.port, {"token": options.token, "username": options.username})


if __name__ == "__main__":
    main()
