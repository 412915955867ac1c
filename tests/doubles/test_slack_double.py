"""@slack/bolt, unmodified, as the app of slack_double.py."""
import pytest


@pytest.fixture
def slack(start_double):
    return start_double("slack_double.py", "--ack-seconds", "0.5")


@pytest.fixture
def start_app(slack, start_node):
    def start(**tokens):
        given = {"BOT_TOKEN": slack.ready["bot_token"], "APP_TOKEN": slack.ready["app_token"], **tokens}
        return start_node("bolt_app.cjs", API_URL=slack.ready["url"] + "/api", **given)
    return start


def lines_of(app, count):
    return sorted((app.line() for _ in range(count)), key=str)


def test_a_mention_an_answer_in_its_thread_and_a_button(slack, start_app):
    app = start_app()
    assert app.ready == {"ready": True}
    question = slack.control("post", channel="C1", user="U0ADA", text="<@U0BOT> hello")
    assert lines_of(app, 2) == [{"mention": "<@U0BOT> hello", "user": "U0ADA"}, {"message": "<@U0BOT> hello", "type": "channel"}]
    answer, = slack.control("wait", channel="C1")
    assert answer["thread_ts"] == question["ts"]
    assert [m["ts"] for m in slack.control("thread", channel="C1", ts=question["ts"])] == [question["ts"], answer["ts"]]

    slack.control("press", channel="C1", ts=answer["ts"], user="U0EVE", label="Approve")
    assert app.line() == {"pressed": "approve:1", "user": "U0EVE", "deliveries": [None, "d1"]}
    settled, = slack.control("messages", channel="C1", sent="1")
    assert settled["text"] == "settled approve:1" and settled["blocks"] == []
    assert slack.control("ephemeral")[0]["user"] == "U0EVE"
    slack.until("state", lambda state: state["unacked"] == 0)


def test_what_was_not_acknowledged_is_told_again_after_a_kill(slack, start_app):
    app = start_app()
    slack.until("state", lambda state: state["connections"] == 1)
    app.stop(kill=True)
    slack.until("state", lambda state: state["connections"] == 0)
    slack.control("post", channel="D1", text="while you were away")
    start_app_again = start_app()
    assert start_app_again.line() == {"message": "while you were away", "type": "im"}
    slack.until("state", lambda state: state["unacked"] == 0)


def test_a_refresh_makes_the_app_connect_again(slack, start_app):
    app = start_app()
    slack.control("disconnect", reason="refresh_requested")
    slack.control("post", channel="D1", text="after the refresh")
    assert app.line() == {"message": "after the refresh", "type": "im"}


def test_wrong_tokens_are_refused(start_app):
    assert start_app(APP_TOKEN="xapp-wrong").ready == {"failed": "invalid_auth"}


def test_an_app_is_told_of_its_own_messages(slack, start_app):
    app = start_app()
    slack.control("post", channel="C1", text="<@U0BOT> hi")
    slack.control("wait", channel="C1")
    own = slack.until("events", lambda events: any((e["event"] or {}).get("bot_id") for e in events))
    assert any(e["event"]["user"] == "U0BOT" for e in own)
    app.stop()
