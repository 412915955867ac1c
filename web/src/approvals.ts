// Requests that wait for a person, and what became of them.
import type { Fields, Gateway } from "./gateway";
import { button, byId, el, time } from "./view";

const KEPT_DECISIONS = 8;

function titleOf(request: Fields): string {
  return request.title ?? `Run ${request.command}`;
}

function until(ms: number): string {
  const minutes = Math.max(0, Math.round((ms - Date.now()) / 60_000));
  return `${time(ms)} (in ${minutes} min)`;
}

interface Open {
  card: HTMLElement;
  title: string;
  sessionKey: string;
}

export class Approvals {
  private readonly open = new Map<string, Open>();
  private readonly list = byId("approvals");
  private readonly decided = byId("decided");

  constructor(private readonly gateway: Gateway, private readonly onChange: () => void) {}

  // What waits in this conversation, by title.
  waitingIn(sessionKey: string): string[] {
    return [...this.open.values()].filter((one) => one.sessionKey === sessionKey).map((one) => one.title);
  }

  async load(): Promise<void> {
    this.open.clear();
    this.list.replaceChildren();
    for (const kind of ["exec", "plugin"]) {
      for (const approval of await this.gateway.call(`${kind}.approval.list`)) this.requested(approval);
    }
    this.count();
  }

  requested(approval: Fields): void {
    if (this.open.has(approval.id)) return;
    const card = this.card(approval);
    this.open.set(approval.id, { card, title: titleOf(approval.request), sessionKey: approval.request.sessionKey ?? "" });
    this.list.append(card);
    this.count();
  }

  resolved(outcome: Fields): void {
    this.open.get(outcome.id)?.card.remove();
    this.open.delete(outcome.id);
    const title = outcome.request ? titleOf(outcome.request) : outcome.id;
    const who = outcome.resolvedBy ?? "nobody (expired)";
    const verb = outcome.decision === "deny" ? (outcome.resolvedBy ? "Denied" : "Expired") : "Approved";
    this.decided.prepend(el("div", { class: "card done" }, el("strong", {}, `${verb}: `), title, el("p", { class: "quiet" }, `by ${who} at ${time(outcome.ts)}`)));
    while (this.decided.childElementCount > KEPT_DECISIONS) this.decided.lastElementChild!.remove();
    this.count();
  }

  private card(approval: Fields): HTMLElement {
    const request = approval.request;
    const about = el("p", {}, request.description ?? "");
    const facts = el("dl");
    const card = el("article", { class: `card ${request.severity ?? "warning"}` }, el("h3", {}, titleOf(request)), about, facts);
    // Where it would be done, on which conditions, how it is taken back: that stands in the record, not in the event.
    this.gateway.call("approval.describe", { id: approval.id }).then((record) => {
      let before = "";
      for (const { name, text } of record.facts ?? []) {
        if (text === request.description) about.remove();
        if (name !== before) facts.append(el("dt", {}, name));
        facts.append(el("dd", {}, name === "Expires" ? until(approval.expiresAtMs) : text));
        before = name;
      }
    }, (problem) => { about.append(` (${(problem as Error).message})`); });
    const error = el("p", { class: "error", role: "alert" });
    const decide = (decision: string) => async () => {
      for (const b of card.querySelectorAll("button")) b.disabled = true;
      try {
        await this.gateway.call(`${approval.approvalKind}.approval.resolve`, { id: approval.id, decision });
      } catch (problem) {
        error.textContent = (problem as Error).message;
        for (const b of card.querySelectorAll("button")) b.disabled = false;
      }
    };
    card.append(el("div", { class: "actions" }, button("Approve once", decide("allow-once"), "go"), button("Deny", decide("deny"), "stop")), error);
    return card;
  }

  private count(): void {
    const badge = byId("approval-count");
    badge.hidden = this.open.size === 0;
    badge.textContent = String(this.open.size);
    byId("decided-title").hidden = !this.decided.childElementCount;
    document.title = this.open.size ? `(${this.open.size}) OpenClaw Gateway` : "OpenClaw Gateway";
    if (!this.open.size && !this.list.childElementCount) this.list.replaceChildren(el("p", { class: "quiet none" }, "Nothing waits for you."));
    else if (this.open.size) this.list.querySelector(".none")?.remove();
    this.onChange();
  }
}
