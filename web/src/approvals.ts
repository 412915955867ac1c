// Requests that wait for a person, and what became of them.
import type { Fields, Gateway } from "./gateway";
import { button, byId, el, time } from "./view";

const KEPT_DECISIONS = 8;

export class Approvals {
  private readonly open = new Map<string, HTMLElement>();
  private readonly list = byId("approvals");
  private readonly decided = byId("decided");

  constructor(private readonly gateway: Gateway) {}

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
    this.open.set(approval.id, card);
    this.list.append(card);
    this.count();
  }

  resolved(outcome: Fields): void {
    this.open.get(outcome.id)?.remove();
    this.open.delete(outcome.id);
    this.count();
    const title = outcome.request?.title ?? outcome.request?.command ?? outcome.id;
    const who = outcome.resolvedBy ?? "nobody (expired)";
    const verb = outcome.decision === "deny" ? (outcome.resolvedBy ? "Denied" : "Expired") : "Approved";
    this.decided.prepend(el("div", { class: "card done" }, el("strong", {}, `${verb}: `), title, el("p", { class: "quiet" }, `by ${who} at ${time(outcome.ts)}`)));
    while (this.decided.childElementCount > KEPT_DECISIONS) this.decided.lastElementChild!.remove();
  }

  private card(approval: Fields): HTMLElement {
    const request = approval.request;
    const facts = el("dl");
    const fact = (name: string, value: unknown) => value && facts.append(el("dt", {}, name), el("dd", {}, String(value)));
    const card = el("article", { class: `card ${request.severity ?? "warning"}` }, el("h3", {}, request.title ?? `Run ${request.command}`), el("p", {}, request.description ?? ""), facts);
    fact("Tool", request.toolName);
    fact("Expires", time(approval.expiresAtMs));
    // The digest, the risk and who asked stand in the record, not in the event.
    this.gateway.call("approval.describe", { id: approval.id }).then((record) => {
      fact("Risk", record.risk);
      fact("Asked by", record.requestedBy);
      fact("Digest", record.digest?.slice(0, 16));
    }, () => {});
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
    document.title = this.open.size ? `(${this.open.size}) OpenClaw Gateway` : "OpenClaw Gateway";
    if (!this.open.size && !this.list.childElementCount) this.list.replaceChildren(el("p", { class: "quiet none" }, "Nothing waits for you."));
    else this.list.querySelector(".none")?.remove();
  }
}
