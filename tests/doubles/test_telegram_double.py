"""grammY, unmodified, as the bot of telegram_double.py."""
import json
import urllib.error
import urllib.request

import pytest


@pytest.fixture
def telegram(start_double):
    return start_double("telegram_double.py")


@pytest.fixture
def start_bot(telegram, start_node):
    return lambda token=None: start_node("grammy_bot.cjs", TOKEN=token or telegram.ready["token"], API_ROOT=telegram.ready["url"])


def call(telegram, method, **parameters):
    request = urllib.request.Request(f"{telegram.ready['url']}/bot{telegram.ready['token']}/{method}", json.dumps(parameters).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def test_a_message_an_answer_and_a_button(telegram, start_bot):
    bot = start_bot()
    assert bot.ready == {"ready": "pincer_bot"}
    question = telegram.control("message", text="hello", **{"from": {"id": 99}})
    assert bot.line() == {"text": "hello", "from": 99, "thread": None}
    answer, = telegram.control("wait", chat_id="99")
    assert answer["text"] == "echo hello"
    assert answer["entities"] == [{"type": "bold", "offset": 0, "length": 4}]
    assert answer["reply_to_message"]["message_id"] == question["message_id"]

    telegram.control("press", chat_id=99, message_id=answer["message_id"], label="Deny")
    assert bot.line() == {"pressed": "deny:1"}
    assert telegram.control("answers")[0]["text"] == "done"
    edited, = telegram.control("messages", chat_id="99", sent="1")
    assert edited["text"] == "settled: deny:1" and "reply_markup" not in edited


def test_a_topic_of_a_group(telegram, start_bot):
    bot = start_bot()
    telegram.control("message", text="@pincer_bot hi", chat_id=-1001, thread=42)
    assert bot.line()["thread"] == 42
    answer, = telegram.control("wait", chat_id="-1001")
    assert answer["message_thread_id"] == 42


def test_an_edit_is_another_kind_of_update(telegram, start_bot):
    bot = start_bot()
    question = telegram.control("message", text="first")
    bot.line()
    telegram.control("edit", chat_id=99, message_id=question["message_id"], text="second")
    assert bot.line() == {"edited": "second"}


def test_what_was_not_acknowledged_is_told_again_after_a_kill(telegram, start_bot):
    bot = start_bot()
    bot.stop(kill=True)
    telegram.control("message", text="while you were away")
    first = call(telegram, "getUpdates")["result"]
    assert call(telegram, "getUpdates")["result"] == first and len(first) == 1
    bot = start_bot()
    assert bot.line()["text"] == "while you were away"
    telegram.until("pending", lambda updates: updates == [])


def test_a_wrong_token_is_refused(telegram, start_bot):
    assert start_bot("1:wrong").ready["failed"] == 401


def test_limits_and_faults(telegram):
    telegram.control("message", text="hi")
    assert call(telegram, "sendMessage", chat_id=99, text="x" * 4096)["ok"]
    assert "too long" in call(telegram, "sendMessage", chat_id=99, text="😀" * 2049)["description"]
    assert call(telegram, "sendMessage", chat_id=99, text="<b>" + "&amp;" * 4096 + "</b>", parse_mode="HTML")["ok"]
    assert "can't parse entities" in call(telegram, "sendMessage", chat_id=99, text="<b>x", parse_mode="HTML")["description"]
    assert "chat not found" in call(telegram, "sendMessage", chat_id=5, text="x")["description"]
    telegram.control("fault", method="sendMessage", retry_after=3, times=1)
    assert call(telegram, "sendMessage", chat_id=99, text="x")["parameters"] == {"retry_after": 3}
    assert call(telegram, "sendMessage", chat_id=99, text="x")["ok"]
    telegram.control("webhook", url="https://x.example")
    assert call(telegram, "getUpdates")["error_code"] == 409
    assert call(telegram, "deleteWebhook")["ok"] and call(telegram, "getUpdates")["ok"]


def test_a_dropped_answer_leaves_the_message_there(telegram):
    telegram.control("message", text="hi")
    telegram.control("fault", method="sendMessage", drop=True)
    with pytest.raises(OSError):
        call(telegram, "sendMessage", chat_id=99, text="x")
    assert len(telegram.control("messages", sent="1")) == 1
