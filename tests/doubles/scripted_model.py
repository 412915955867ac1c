#!/usr/bin/env python3
"""A model that plays a script: Anthropic /v1/messages, OpenAI /v1/responses and /v1/chat/completions, streamed or not.

The script (--script FILE) is {"turns": [{"tool", "arguments", "expect"}, ...], "text": "last words"}. Each turn calls one
tool; when its result is back, and only if it matches the pattern `expect`, the next follows. An argument may be
{"$find": PATTERN, "in": TOOL} (and "type": "integer"): the first group of the pattern in the result of an earlier turn,
so that nothing but what the client carried back can be answered with. The state is in the request alone (how many of
our calls have results), so that a client may retry as it likes.

Says one line {"url"} when it listens. /control/journal: every call that was ordered and every result that came back;
/control/script: puts another script in place.
"""
import json
import re
import threading

import double

CALL = re.compile(r"^(?:toolu|call)_script_(\d+)$")


class Broken(Exception):
    """The play cannot go on: said as the last words, and in the journal."""


def text_of(content):
    """What a client sent as the result of a tool, whatever its shape, as one text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(text_of(part) for part in content)
    if isinstance(content, dict):
        return content["text"] if isinstance(content.get("text"), str) else json.dumps(content)
    return json.dumps(content)


class Script:
    def __init__(self, script):
        self.turns, self.last_words = script["turns"], script.get("text", "The script is played.")

    def arguments(self, turn, results):
        def fill(value):
            if isinstance(value, dict) and "$find" in value:
                at = max((i for i in range(turn) if self.turns[i]["tool"] == value["in"]), default=None)
                found = re.search(value["$find"], results.get(at, ""))
                if not found:
                    raise Broken(f"turn {turn}: {value['$find']!r} is not in the result of {value['in']}: {results.get(at, '')[:500]!r}")
                return int(found.group(1)) if value.get("type") == "integer" else found.group(1)
            return {k: fill(v) for k, v in value.items()} if isinstance(value, dict) else value
        return fill(self.turns[turn].get("arguments", {}))

    def next(self, results):
        """The turn to play now, or None when all are played."""
        turn = len(results)
        if turn and set(results) != set(range(turn)):
            raise Broken(f"results of turns {sorted(results)} came back")
        if turn and (expected := self.turns[turn - 1].get("expect")) and not re.search(expected, results[turn - 1], re.S):
            raise Broken(f"turn {turn - 1} ({self.turns[turn - 1]['tool']}): expected {expected!r}, got {results[turn - 1][:500]!r}")
        return turn if turn < len(self.turns) else None


def offered(tools, wanted):
    """(namespace or None, name) under which the client offers the tool, or None: its names carry the server's."""
    for tool in tools:
        if tool.get("type") == "namespace":
            for inner in tool.get("tools", []):
                if inner["name"] == wanted or inner["name"].endswith("__" + wanted):
                    return tool["name"], inner["name"]
        name = tool.get("name") or tool.get("function", {}).get("name") or ""
        if name == wanted or name.endswith("__" + wanted):
            return None, name
    return None


class Model:
    def __init__(self, script):
        self.script, self.entries, self.lock = Script(script), [], threading.Lock()

    def journal(self, **entry):
        with self.lock:
            if entry not in self.entries:  # a client that retries says the same again
                self.entries.append(entry)

    def control(self, verb, given):
        with self.lock:
            if verb == "journal":
                return {"entries": self.entries, "broken": [e["broken"] for e in self.entries if "broken" in e], "done": any(e.get("done") for e in self.entries)}
            if verb == "script":
                self.script, self.entries = Script(given), []
                return {"ok": True}
        return None

    def decide(self, api, tools, results):
        """{"tool", "namespace", "turn", "arguments"} or {"text"}: what is said now."""
        script = self.script
        for turn, result in sorted(results.items()):
            self.journal(api=api, turn=turn, result=result)
        if not tools:
            return {"text": "ok"}  # titles, summaries and the like, which clients ask for beside the play
        try:
            turn = script.next(results)
            if turn is None:
                self.journal(api=api, done=True)
                return {"text": script.last_words}
            wanted = script.turns[turn]["tool"]
            found = offered(tools, wanted)
            if not found:
                raise Broken(f"{wanted} is not offered: {[t.get('name') or t.get('type') for t in tools]}")
            arguments = script.arguments(turn, results)
        except Broken as problem:
            self.journal(api=api, broken=str(problem))
            return {"text": f"SCRIPT BROKEN: {problem}"}
        self.journal(api=api, turn=turn, tool=found[1], arguments=arguments)
        return {"namespace": found[0], "tool": found[1], "turn": turn, "arguments": arguments}

    def serve(self, http, path, body):
        answers = {"messages": self.messages, "responses": self.responses, "completions": self.completions}
        last = path.rsplit("/", 1)[-1]
        if http.command == "HEAD" or http.command == "GET":
            return http.answer(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}], "models": []})
        if last == "count_tokens":
            return http.answer(200, {"input_tokens": 1})
        if last not in answers:
            return http.answer(404, {"error": {"type": "not_found_error", "message": f"no {path} here"}})
        whole, events = answers[last](body)
        if not body.get("stream"):
            return http.answer(200, whole)
        named = last != "completions"
        lines = [(f"event: {e['type']}\n" if named else "") + f"data: {json.dumps(e)}\n\n" for e in events] + ([] if named else ["data: [DONE]\n\n"])
        http.send_response(200)
        http.send_header("Content-Type", "text/event-stream")
        http.send_header("Connection", "close")
        http.end_headers()
        http.close_connection = True
        for line in lines:
            http.wfile.write(line.encode())
            http.wfile.flush()

    # --- Anthropic Messages

    def messages(self, body):
        results = {}
        for message in body.get("messages", []):
            for block in message["content"] if isinstance(message.get("content"), list) else []:
                if block.get("type") == "tool_result" and (number := CALL.match(block["tool_use_id"])):
                    results[int(number[1])] = text_of(block.get("content", ""))
        say = self.decide("messages", body.get("tools") or [], results)
        stop = "tool_use" if "tool" in say else "end_turn"
        if "tool" in say:
            block = {"type": "tool_use", "id": f"toolu_script_{say['turn']}", "name": say["tool"], "input": say["arguments"]}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(say["arguments"])}
            start = {**block, "input": {}}
        else:
            block = {"type": "text", "text": say["text"]}
            delta, start = {"type": "text_delta", "text": say["text"]}, {"type": "text", "text": ""}
        usage = {"input_tokens": 1, "output_tokens": 1}
        whole = {"id": "msg_script", "type": "message", "role": "assistant", "model": body.get("model", "scripted"), "content": [block], "stop_reason": stop,
                 "stop_sequence": None, "usage": usage}
        return whole, [
            {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
            {"type": "content_block_start", "index": 0, "content_block": start},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]

    # --- OpenAI Responses

    def responses(self, body):
        results = {}
        for item in body["input"] if isinstance(body.get("input"), list) else []:
            if item.get("type") in ("function_call_output", "mcp_tool_call_output") and (number := CALL.match(item.get("call_id", ""))):
                results[int(number[1])] = text_of(item.get("output", ""))
        say = self.decide("responses", body.get("tools") or [], results)
        if "tool" in say:
            item = {"type": "function_call", "id": f"fc_script_{say['turn']}", "call_id": f"call_script_{say['turn']}", "name": say["tool"],
                    "arguments": json.dumps(say["arguments"]), "status": "completed", **({"namespace": say["namespace"]} if say["namespace"] else {})}
        else:
            item = {"type": "message", "role": "assistant", "id": "msg_script", "status": "completed",
                    "content": [{"type": "output_text", "text": say["text"], "annotations": []}]}
        usage = {"input_tokens": 1, "input_tokens_details": None, "output_tokens": 1, "output_tokens_details": None, "total_tokens": 2}
        whole = {"id": "resp_script", "object": "response", "status": "completed", "output": [item], "usage": usage}
        return whole, [{"type": "response.created", "response": {"id": "resp_script"}}, {"type": "response.output_item.done", "output_index": 0, "item": item},
                       {"type": "response.completed", "response": whole}]

    # --- OpenAI chat completions

    def completions(self, body):
        results = {}
        for message in body.get("messages", []):
            if message.get("role") == "tool" and (number := CALL.match(message.get("tool_call_id", ""))):
                results[int(number[1])] = text_of(message.get("content", ""))
        say = self.decide("completions", body.get("tools") or [], results)
        if "tool" in say:
            call = {"id": f"call_script_{say['turn']}", "type": "function", "function": {"name": say["tool"], "arguments": json.dumps(say["arguments"])}}
            message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        else:
            message, finish = {"role": "assistant", "content": say["text"]}, "stop"
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        base = {"id": "chatcmpl-script", "created": 0, "model": body.get("model", "scripted")}
        whole = {**base, "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}
        streamed = {**message, "tool_calls": [{"index": 0, **call}]} if "tool" in say else message
        chunk = {**base, "object": "chat.completion.chunk"}
        return whole, [{**chunk, "choices": [{"index": 0, "delta": streamed, "finish_reason": None}]},
                       {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": usage}]


if __name__ == "__main__":
    given = double.arguments(__doc__.splitlines()[0], script="")
    double.run(Model(json.loads(open(given.script).read()) if given.script else {"turns": []}), given.port, {})
