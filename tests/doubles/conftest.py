"""Starts a double, and an outside client against it, and stops both by their process id."""
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def node_tools():
    """Where the outside clients are installed: PINCER_NODE_TOOLS, or build/node-tools. They are fetched when absent."""
    folder = pathlib.Path(os.environ.get("PINCER_NODE_TOOLS") or ROOT / "build" / "node-tools")
    if not (folder / "node_modules" / "@slack" / "bolt").exists() or not (folder / "node_modules" / "grammy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--prefix", str(folder), "--no-fund", "--no-audit", "@slack/bolt@5.1.0", "grammy@1.46.0"],
                       check=True, stdout=subprocess.DEVNULL, timeout=300)
    return folder


def node():
    """Node from npm where tools/node_tools put it (some clients need a newer one than Debian's), else the machine's."""
    own = node_tools() / "node_modules" / "node" / "bin" / "node"
    return str(own) if own.exists() else "node"


class Program:
    """A child that says lines of JSON on standard output."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
        self.ready = self.line()

    def line(self):
        text = self.process.stdout.readline()
        assert text, f"{self.process.args[:2]} ended with {self.process.wait(10)}"
        return json.loads(text)

    def stop(self, kill=False):
        if self.process.poll() is None:
            self.process.kill() if kill else self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


class Double(Program):
    def control(self, verb, **given):
        request = urllib.request.Request(f"{self.ready['url']}/control/{verb}", json.dumps(given).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def until(self, verb, holds, seconds=10, **given):
        end = time.monotonic() + seconds
        while True:
            value = self.control(verb, **given)
            if holds(value):
                return value
            assert time.monotonic() < end, f"{verb} still says {value}"
            time.sleep(0.02)  # asking again, not waiting for luck: the condition above decides


@pytest.fixture
def programs():
    started = []
    yield started
    for program in reversed(started):
        program.stop()


@pytest.fixture
def start_double(programs):
    def start(name, *arguments):
        double = Double([sys.executable, str(HERE / name), *arguments])
        programs.append(double)
        return double
    return start


@pytest.fixture
def start_node(programs):
    def start(script, **environment):
        tools = node_tools()
        program = Program([node(), str(HERE / "clients" / script)],
                          env={"PATH": os.environ["PATH"], "NODE_TOOLS": str(tools / "node_modules"), **environment})
        programs.append(program)
        return program
    return start
