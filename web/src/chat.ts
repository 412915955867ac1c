// One conversation: its messages, what is being worked on, and the question box.
import type { Fields, Gateway } from "./gateway";
import { markdown } from "./markdown";
import { button, byId, el, time } from "./view";

const SUGGESTIONS = ["Is production healthy after the last deploy?", "What changed in the last hour?", "Roll it back."];

export class Chat {
  sessionKey = "agent:main:main";

  private readonly list = byId<HTMLOListElement>("messages");
  private readonly box = byId<HTMLTextAreaElement>("question");
  private shown = new Set<string>();
  private working?: HTMLLIElement;
  private waiting: string[] = [];

  constructor(private readonly gateway: Gateway, private readonly onError: (text: string) => void) {
    byId<HTMLFormElement>("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(this.box.value);
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.send(this.box.value);
      }
    });
    byId("suggestions").append(...SUGGESTIONS.map((text) => button(text, () => this.send(text))));
    // What is written last stays in view when the room for it changes.
    new ResizeObserver(() => { this.list.scrollTop = this.list.scrollHeight; }).observe(this.list);
  }

  async open(sessionKey: string): Promise<void> {
    this.sessionKey = sessionKey;
    this.shown.clear();
    this.working = undefined;
    this.list.replaceChildren();
    const history = await this.gateway.call("chat.history", { sessionKey, limit: 200 });
    if (this.sessionKey !== sessionKey) return;
    for (const message of history.messages) this.show(message);
    if (!this.list.childElementCount) {
      this.list.append(el("li", { class: "empty" }, el("p", {}, "Ask about what runs in production. Every answer says what it read, when, and what it could not read. Nothing is changed before somebody approves it.")));
    }
  }

  // Titles of the requests that this conversation waits for.
  waitFor(titles: string[]): void {
    const had = this.waiting.length > 0;
    this.waiting = titles;
    if (titles.length) this.work(`Waiting for an approval: ${titles.join(", ")}`);
    else if (had && this.working) this.work("Working …");
  }

  onMessage(payload: Fields): void {
    if (payload.sessionKey === this.sessionKey) this.show(payload.message);
  }

  // chat and agent events of runs in this conversation.
  onProgress(event: string, payload: Fields): void {
    if (payload.sessionKey !== this.sessionKey) return;
    if (event === "chat" && payload.state === "delta") this.work(payload.message.content[0].text, true);
    else if (event === "chat" && (payload.state === "aborted" || payload.state === "error")) this.stopWork();
    else if (event === "agent" && payload.data?.phase === "approval") this.work(`Waiting for an approval${this.waiting.length ? `: ${this.waiting.join(", ")}` : " …"}`);
    else if (event === "agent" && payload.stream === "tool") this.work(`Reading with ${payload.data.tool ?? payload.data.name ?? "a tool"} …`);
    else if (event === "chat" && payload.state === "status") this.work("Working …");
    else if (event === "agent" && (payload.data?.phase === "end" || payload.data?.phase === "error")) this.stopWork();
  }

  private async send(text: string): Promise<void> {
    text = text.trim();
    if (!text) return;
    try {
      // The box is emptied only once the Gateway has the message on disk.
      await this.gateway.call("chat.send", { sessionKey: this.sessionKey, message: text, idempotencyKey: crypto.randomUUID() });
      if (this.box.value.trim() === text) this.box.value = "";
    } catch (error) {
      this.onError(`Not sent: ${(error as Error).message}`);
    }
  }

  private show(message: Fields): void {
    const id = message.__openclaw?.id ?? "";
    if (this.shown.has(id)) return;
    this.shown.add(id);
    this.list.querySelector(".empty")?.remove();
    const mine = message.role === "user";
    const text = typeof message.content === "string" ? message.content : message.content.filter((b: Fields) => b.type === "text").map((b: Fields) => b.text).join("\n");
    const bubble = el("div", { class: "bubble" }, ...(mine ? [text] : markdown(text)));
    const item = el("li", { class: mine ? "mine" : "" }, bubble, el("div", { class: "meta" }, `${mine ? "You" : "Gateway"} · ${time(message.timestamp)}`));
    if (!mine) this.stopWork();
    this.list.insertBefore(item, this.working ?? null);
    this.list.scrollTop = this.list.scrollHeight;
  }

  private work(text: string, isAnswer = false): void {
    if (!this.working) {
      this.working = el("li");
      this.list.append(this.working);
    }
    this.working.replaceChildren(el("div", { class: isAnswer ? "bubble" : "bubble working" }, ...(isAnswer ? markdown(text) : [text])));
    this.list.scrollTop = this.list.scrollHeight;
  }

  private stopWork(): void {
    this.working?.remove();
    this.working = undefined;
  }
}
