"""Our own channels, with real sockets, against the doubles that outside clients have checked."""
import os
import pathlib

import pytest

from conftest import ROOT, Program


@pytest.fixture
def start_echo(programs):
    binary = pathlib.Path(os.environ.get("PINCER_BIN") or ROOT / "build" / "dev" / "bin") / "channels_echo"
    if not binary.exists():
        pytest.skip(f"{binary.name} is not built")

    def start(*arguments):
        program = Program([str(binary), *arguments], env={})
        programs.append(program)
        return program
    return start


@pytest.fixture
def telegram(start_double):
    return start_double("telegram_double.py")


@pytest.fixture
def slack(start_double):
    return start_double("slack_double.py", "--ack-seconds", "0.5")


def telegram_bot(telegram, start_echo):
    return start_echo("telegram", f'{{"apiRoot": "{telegram.ready["url"]}"}}', "botToken=" + telegram.ready["token"])


def slack_app(slack, start_echo):
    return start_echo("slack", f'{{"apiUrl": "{slack.ready["url"]}/api"}}', "botToken=" + slack.ready["bot_token"], "appToken=" + slack.ready["app_token"])


def test_telegram_answers_and_settles(telegram, start_echo):
    telegram_bot(telegram, start_echo)
    telegram.control("message", text="@pincer_bot is <it> healthy?", chat_id=-1001, thread=42)
    answer, = telegram.control("wait", chat_id="-1001")
    assert answer["text"] == "echo is <it> healthy?" and answer["message_thread_id"] == 42
    assert answer["entities"] == [{"type": "bold", "offset": 0, "length": 4}]
    telegram.control("press", chat_id=-1001, message_id=answer["message_id"], label="Approve", **{"from": {"id": 7}})
    telegram.until("messages", lambda sent: [m["text"] for m in sent] == ["settled approve:1"], sent="1")
    assert telegram.control("answers")[0]["text"] == "done by 7"
    telegram.until("pending", lambda updates: updates == [])


def test_telegram_survives_a_kill_a_limit_and_an_edit(telegram, start_echo):
    telegram_bot(telegram, start_echo).stop(kill=True)
    first = telegram.control("message", text="while you were away")
    telegram.control("fault", method="sendMessage", retry_after=1)
    telegram_bot(telegram, start_echo)
    telegram.control("wait", count=1)
    telegram.control("edit", chat_id=99, message_id=first["message_id"], text="approve")
    telegram.control("message", text="next")
    sent = telegram.control("wait", count=2)
    assert [m["text"] for m in sent] == ["echo while you were away", "echo next"]


def test_slack_answers_in_the_thread_and_settles(slack, start_echo):
    slack_app(slack, start_echo)
    question = slack.control("post", channel="C1", user="U0ADA", text="<@U0BOT> is it healthy?")
    answer, = slack.control("wait", channel="C1")
    assert answer["text"] == "*echo* is it healthy?" and answer["thread_ts"] == question["ts"]
    slack.control("press", channel="C1", ts=answer["ts"], user="U0EVE", label="Approve")
    slack.until("messages", lambda sent: [m["text"] for m in sent] == ["settled approve:1"], sent="1")
    told, = slack.control("ephemeral")
    assert told["text"] == "done by T0TEAM.U0EVE" and told["thread_ts"] == question["ts"]
    # The mention came as two events and our own answer as a third: one answer all the same, and all acknowledged.
    slack.until("state", lambda state: state["unacked"] == 0)
    assert len(slack.control("messages", sent="1")) == 1


def test_slack_survives_refresh_limit_and_a_lost_answer(slack, start_echo):
    slack_app(slack, start_echo)
    slack.until("state", lambda state: state["connections"] == 1)
    slack.control("disconnect", reason="refresh_requested")
    slack.control("fault", method="chat.postMessage", drop=True)
    slack.control("post", channel="D1", text="after the refresh")
    slack.control("wait", count=1)
    slack.until("calls", lambda calls: any(c["method"] == "conversations.history" for c in calls))
    slack.control("fault", method="chat.postMessage", retry_after=1)
    slack.control("post", channel="D1", text="after the limit")
    sent = slack.control("wait", count=2)
    assert [m["text"] for m in sent] == ["*echo* after the refresh", "*echo* after the limit"]


def test_what_was_not_acknowledged_is_answered_once_after_a_kill(slack, start_echo):
    slack_app(slack, start_echo).stop(kill=True)
    slack.control("post", channel="D1", text="while you were away")
    slack_app(slack, start_echo)
    sent = slack.control("wait", count=1)
    assert [m["text"] for m in sent] == ["*echo* while you were away"]


def test_wrong_tokens_end_it(telegram, slack, start_echo):
    bot = start_echo("telegram", f'{{"apiRoot": "{telegram.ready["url"]}"}}', "botToken=1:wrong")
    assert bot.line() == {"ended": "unauthenticated"}
    app = start_echo("slack", f'{{"apiUrl": "{slack.ready["url"]}/api"}}', "botToken=xoxb-wrong", "appToken=xapp-wrong")
    assert app.line() == {"ended": "unauthenticated"}
