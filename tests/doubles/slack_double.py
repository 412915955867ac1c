#!/usr/bin/env python3
"""A Slack workspace with one app: Web API and Socket Mode (docs.slack.dev), for tests. See README.md.

It counts only because @slack/bolt, unmodified, works against it (test_slack_double.py).
"""
import itertools
import json
import threading
import time

import double
import websocket

TEAM, BOT_USER, BOT_ID, APP_ID = "T0TEAM", "U0BOT", "B0BOT", "A0APP"
MAX_TEXT, MAX_SECTION, MAX_BLOCKS = 40000, 3000, 50
PING_SECONDS = 10


class Refused(Exception):
    pass


def check_blocks(blocks):
    if not isinstance(blocks, list) or len(blocks) > MAX_BLOCKS:
        raise Refused("invalid_blocks")
    action_ids = set()
    for block in blocks:
        if block.get("type") == "section" and not 1 <= len(block.get("text", {}).get("text", "")) <= MAX_SECTION:
            raise Refused("invalid_blocks")
        if block.get("type") == "actions":
            elements = block.get("elements") or []
            if not 1 <= len(elements) <= 25:
                raise Refused("invalid_blocks")
            for element in elements:
                label = element.get("text", {})
                if label.get("type") != "plain_text" or not 1 <= len(label.get("text", "")) <= 75 or element.get("action_id") in action_ids:
                    raise Refused("invalid_blocks")
                if element.get("style") not in (None, "primary", "danger"):
                    raise Refused("invalid_blocks")
                action_ids.add(element.get("action_id"))
    for index, block in enumerate(blocks):
        block.setdefault("block_id", f"b{index}")


class SlackDouble:
    def __init__(self, bot_token, app_token, ack_seconds):
        self.bot_token, self.app_token, self.ack_seconds = bot_token, app_token, ack_seconds
        self.url = ""
        self.changed = threading.Condition()
        self.counter = itertools.count(1)
        self.messages, self.ephemeral, self.calls, self.events = [], [], [], []
        self.sockets, self.tickets = [], set()
        self.faults = double.Faults()
        threading.Thread(target=self.retry_forever, daemon=True).start()

    # Web API

    def serve(self, http, path, parameters):
        if path == "/link":
            return self.serve_socket(http, parameters.get("ticket"))
        method = path.rsplit("/", 1)[-1]
        token = (http.headers.get("Authorization") or "").removeprefix("Bearer ") or parameters.get("token", "")
        parameters.pop("token", None)
        with self.changed:
            self.calls.append({"method": method, "parameters": parameters, "at": time.time()})
            self.changed.notify_all()
        fault = self.faults.take(method)
        if fault and fault.get("drop") and fault.get("before"):
            return http.drop()
        if fault and "retry_after" in fault:
            return http.answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(fault["retry_after"])})
        if fault and not fault.get("drop"):
            return http.answer(int(fault.get("status", 200)), {"ok": False, "error": fault.get("error", "internal_error")})
        try:
            result = {"ok": True, **self.call(method, token, parameters)}
        except Refused as refused:
            result = {"ok": False, "error": str(refused)}
        if fault:
            return http.drop()
        http.answer(200, result)

    def call(self, method, token, parameters):
        handler = getattr(self, "api_" + method.replace(".", "_"), None)
        if not handler:
            raise Refused("unknown_method")
        expected = self.app_token if method == "apps.connections.open" else self.bot_token
        if not token:
            raise Refused("not_authed")
        if token != expected:
            raise Refused("not_allowed_token_type" if token in (self.app_token, self.bot_token) else "invalid_auth")
        with self.changed:
            result = handler(parameters)
            self.changed.notify_all()
            return result

    def api_auth_test(self, _):
        return {"url": "https://double.slack.com/", "team": "Double", "user": "pincer", "team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT_ID}

    def api_apps_connections_open(self, _):
        ticket = f"ticket-{next(self.counter)}"
        self.tickets.add(ticket)
        return {"url": f"{self.url.replace('http', 'ws', 1)}/link?ticket={ticket}&app_id={APP_ID}"}

    def api_users_info(self, parameters):
        user = parameters.get("user")
        return {"user": {"id": user, "team_id": TEAM, "name": str(user).lower(), "is_bot": user == BOT_USER, "profile": {}}}

    def api_bots_info(self, _):
        return {"bot": {"id": BOT_ID, "app_id": APP_ID, "user_id": BOT_USER, "name": "pincer"}}

    def api_conversations_info(self, parameters):
        return {"channel": {"id": parameters.get("channel"), "name": "ops", "is_channel": True, "is_member": True}}

    def new_ts(self):
        # Slack's names of messages: seconds, and a count in place of the microseconds.
        return f"{int(time.time())}.{next(self.counter):06d}"

    def find(self, channel, ts):
        for message in self.messages:
            if message["channel"] == channel and message["ts"] == str(ts):
                return message
        return None

    def api_chat_postMessage(self, parameters):
        channel, text = parameters.get("channel"), str(parameters.get("text", ""))
        blocks = parameters.get("blocks") or []
        if not channel or channel[0] not in "CDG" or channel == "C0NONE":
            raise Refused("channel_not_found")
        if not text and not blocks:
            raise Refused("no_text")
        if len(text) > MAX_TEXT:
            raise Refused("msg_too_long")
        check_blocks(blocks)
        message = {"type": "message", "channel": channel, "user": BOT_USER, "bot_id": BOT_ID, "app_id": APP_ID, "team": TEAM, "ts": self.new_ts(), "text": text}
        if blocks:
            message["blocks"] = blocks
        if parameters.get("thread_ts"):
            if not self.find(channel, parameters["thread_ts"]):
                raise Refused("thread_not_found")
            message["thread_ts"] = str(parameters["thread_ts"])
        if parameters.get("metadata"):
            message["metadata"] = parameters["metadata"]
        self.messages.append(message)
        self.tell("message", message)  # Slack tells an app of its own messages too
        return {"channel": channel, "ts": message["ts"], "message": without_metadata(message)}

    def api_chat_update(self, parameters):
        message = self.find(parameters.get("channel"), parameters.get("ts"))
        if not message:
            raise Refused("message_not_found")
        if message["user"] != BOT_USER:
            raise Refused("cant_update_message")
        if "blocks" in parameters:
            check_blocks(parameters["blocks"])
            message["blocks"] = parameters["blocks"]
        message.setdefault("history", []).append(message["text"])
        message["text"] = str(parameters.get("text", message["text"]))
        message["edited"] = {"user": BOT_USER, "ts": self.new_ts()}
        if parameters.get("metadata"):
            message["metadata"] = parameters["metadata"]
        return {"channel": message["channel"], "ts": message["ts"], "text": message["text"], "message": without_metadata(message)}

    def api_chat_postEphemeral(self, parameters):
        if not parameters.get("user") or not parameters.get("channel"):
            raise Refused("user_not_in_channel")
        self.ephemeral.append({**parameters, "ts": self.new_ts()})
        return {"message_ts": self.ephemeral[-1]["ts"]}

    def page(self, found, parameters):
        limit, start = int(parameters.get("limit") or 100), int(parameters.get("cursor") or 0)
        show = str(parameters.get("include_all_metadata", "")).lower() == "true"
        rows = [m if show else without_metadata(m) for m in found[start:start + limit]]
        more = start + limit < len(found)
        return {"messages": [{k: v for k, v in m.items() if k not in ("history", "channel")} for m in rows], "has_more": more,
                "response_metadata": {"next_cursor": str(start + limit) if more else ""}}

    def api_conversations_replies(self, parameters):
        root = self.find(parameters.get("channel"), parameters.get("ts"))
        if not root:
            raise Refused("thread_not_found")
        return self.page(self.thread(parameters["channel"], root["ts"]), parameters)

    def api_conversations_history(self, parameters):
        found = [m for m in self.messages if m["channel"] == parameters.get("channel") and m.get("thread_ts") in (None, m["ts"])]
        return self.page(found[::-1], parameters)

    def thread(self, channel, ts):
        return [m for m in self.messages if m["channel"] == channel and (m["ts"] == ts or m.get("thread_ts") == ts)]

    # Socket Mode

    def serve_socket(self, http, ticket):
        with self.changed:
            known = ticket in self.tickets
            self.tickets.discard(ticket)  # good for one connection
        if not known:
            return http.answer(404, {"ok": False, "error": "link_expired"})
        connection = websocket.accept(http)
        connection.send(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": APP_ID}, "debug_info": {"host": "double"}}))
        with self.changed:
            self.sockets.append(connection)
            self.changed.notify_all()
        self.deliver_due(everything=True)
        while (text := connection.receive()) is not None:
            self.acknowledged(text)
        with self.changed:
            self.sockets.remove(connection)
            self.changed.notify_all()

    def acknowledged(self, text):
        try:
            envelope_id = json.loads(text).get("envelope_id")
        except (ValueError, AttributeError):
            return
        with self.changed:
            for event in self.events:
                if envelope_id in event["envelope_ids"] and not event["acked_at"]:
                    event["acked_at"] = time.time()
            self.changed.notify_all()

    def tell(self, kind, body):
        event = {**{k: v for k, v in body.items() if k not in ("blocks", "metadata", "history")}, "type": kind, "event_ts": body["ts"]}
        if kind == "message":
            event["channel_type"] = {"D": "im", "G": "mpim"}.get(body["channel"][0], "channel")
        number = next(self.counter)
        self.enqueue("events_api", {"token": "x", "team_id": TEAM, "api_app_id": APP_ID, "event": event, "type": "event_callback",
                                    "event_id": f"Ev{number}", "event_time": int(time.time()), "is_ext_shared_channel": False,
                                    "authorizations": [{"enterprise_id": None, "team_id": TEAM, "user_id": BOT_USER, "is_bot": True, "is_enterprise_install": False}]})

    def enqueue(self, kind, payload):
        self.events.append({"type": kind, "payload": payload, "attempts": 0, "envelope_ids": [], "due": 0.0, "acked_at": None})
        threading.Thread(target=self.deliver_due, daemon=True).start()

    def deliver_due(self, everything=False):
        """What was never acknowledged is told again: after ack_seconds, or at once on a new connection."""
        with self.changed:
            sockets = [s for s in self.sockets if s.open]
            for event in self.events:
                if event["acked_at"] or not sockets or (event["due"] > time.monotonic() and not everything):
                    continue
                if event["attempts"] > 0 and event["type"] == "interactive":
                    continue  # a press is told once; the person sees a warning sign
                envelope_id = f"env-{next(self.counter)}"
                frame = {"envelope_id": envelope_id, "type": event["type"], "payload": event["payload"], "accepts_response_payload": event["type"] != "events_api"}
                if event["type"] == "events_api":
                    frame.update(retry_attempt=event["attempts"], retry_reason="timeout" if event["attempts"] else "")
                event["envelope_ids"].append(envelope_id)
                event["attempts"] += 1
                event["due"] = time.monotonic() + self.ack_seconds
                sockets[-1].send(json.dumps(frame))

    def retry_forever(self):
        last_ping = time.monotonic()
        while True:
            time.sleep(0.05)
            self.deliver_due()
            if time.monotonic() - last_ping > PING_SECONDS:
                last_ping = time.monotonic()
                for connection in list(self.sockets):
                    connection.ping()

    # The people in front of it

    def control(self, verb, given):
        handler = getattr(self, "control_" + verb, None)
        if not handler:
            return None
        with self.changed:
            result = handler(given)
            self.changed.notify_all()
            return result

    def control_post(self, given):
        """channel, user, text, thread_ts, subtype: a person writes. "<@U0BOT>" in the text mentions the app."""
        message = {"type": "message", "channel": given["channel"], "user": given.get("user", "U0ADA"), "team": TEAM, "ts": self.new_ts(), "text": given["text"]}
        for key in ("thread_ts", "subtype", "bot_id", "user_team"):
            if given.get(key):
                message[key] = given[key]
        self.messages.append(message)
        self.tell("message", message)
        if f"<@{BOT_USER}" in message["text"] and not given.get("subtype") and message["channel"][0] != "D":
            self.tell("app_mention", message)
        return {"ts": message["ts"], "channel": message["channel"]}

    def control_edit(self, given):
        message = self.find(given["channel"], given["ts"])
        message["text"] = given["text"]
        self.tell("message", {"channel": message["channel"], "ts": self.new_ts(), "subtype": "message_changed", "hidden": True, "message": dict(message), "user": message["user"]})
        return {}

    def control_press(self, given):
        """channel, ts, user, and value or label: a person presses a button."""
        message = self.find(given["channel"], given["ts"])
        elements = [(b, e) for b in (message or {}).get("blocks", []) if b.get("type") == "actions" for e in b["elements"]]
        found = [(b, e) for b, e in elements if given.get("value") in (None, e.get("value")) and given.get("label") in (None, e["text"]["text"])]
        if not found and not given.get("stale"):
            return {"error": "no such button"}
        block, element = found[0] if found else ({"block_id": "b"}, {"action_id": "gone", "value": given["value"], "text": {"type": "plain_text", "text": "gone"}})
        user, channel = given.get("user", "U0ADA"), given["channel"]
        container = {"type": "message", "message_ts": message["ts"], "channel_id": channel, "is_ephemeral": False}
        if message.get("thread_ts"):
            container["thread_ts"] = message["thread_ts"]
        self.enqueue("interactive", {
            "type": "block_actions", "team": {"id": TEAM, "domain": "double"}, "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": TEAM},
            "api_app_id": APP_ID, "token": "x", "container": container, "trigger_id": "1.2.3", "enterprise": None, "is_enterprise_install": False,
            "channel": {"id": channel, "name": "directmessage" if channel[0] == "D" else "ops"}, "message": {k: v for k, v in message.items() if k != "history"},
            "state": {"values": {}}, "response_url": f"{self.url}/api/response",
            "actions": [{"type": "button", "action_id": element["action_id"], "block_id": block["block_id"], "value": element["value"], "text": element["text"], "action_ts": self.new_ts()}]})
        return {"value": element["value"]}

    def control_event(self, given):
        """type, payload: any envelope as it is."""
        self.enqueue(given["type"], given["payload"])
        return {}

    def control_messages(self, given):
        return [m for m in self.messages if given.get("channel") in (None, m["channel"]) and (not given.get("sent") or m["user"] == BOT_USER)]

    def control_thread(self, given):
        return self.thread(given["channel"], given["ts"])

    def control_wait(self, given):
        """count, channel, timeout: answers when the app has that many messages there, or in time with what there is."""
        until = time.monotonic() + float(given.get("timeout", 10))
        while True:
            sent = self.control_messages({"channel": given.get("channel"), "sent": "1"})
            if len(sent) >= int(given.get("count", 1)) or time.monotonic() >= until:
                return sent
            self.changed.wait(until - time.monotonic())

    def control_ephemeral(self, _):
        return self.ephemeral

    def control_calls(self, _):
        return self.calls

    def control_events(self, _):
        return [{"type": e["type"], "attempts": e["attempts"], "acked": bool(e["acked_at"]), "event": e["payload"].get("event")} for e in self.events]

    def control_state(self, _):
        return {"connections": len(self.sockets), "unacked": sum(not e["acked_at"] for e in self.events)}

    def control_fault(self, given):
        self.faults.order(given)
        return {}

    def control_disconnect(self, given):
        """reason: Slack asks to connect again, and closes; "abrupt": it only closes."""
        reason = given.get("reason", "refresh_requested")
        for connection in list(self.sockets):
            if reason != "abrupt":
                connection.send(json.dumps({"type": "disconnect", "reason": reason, "debug_info": {"host": "double"}}))
            connection.close()
        return {}


def without_metadata(message):
    return {k: v for k, v in message.items() if k not in ("metadata", "history")}


def main():
    options = double.arguments(__doc__.splitlines()[0], bot_token="xoxb-double-bot", app_token="xapp-double-app", ack_seconds=3.0)
    double.run(SlackDouble(options.bot_token, options.app_token, options.ack_seconds), options.port,
               {"bot_token": options.bot_token, "app_token": options.app_token, "bot_user": BOT_USER, "team": TEAM})


if __name__ == "__main__":
    main()
