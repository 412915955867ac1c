// Conversations, channels and MCP servers, as the Gateway reports them.
import type { Fields, Gateway } from "./gateway";
import { byId, el } from "./view";

export class Sidebar {
  constructor(private readonly gateway: Gateway, private readonly open: (sessionKey: string) => void) {}

  async refresh(current: string): Promise<void> {
    const [page, status] = await Promise.all([
      this.gateway.call("sessions.list", { limit: 50, includeDerivedTitles: true, includeLastMessage: true }),
      this.gateway.call("status"),
    ]);
    byId("sessions").replaceChildren(...page.sessions.map((row: Fields) => this.session(row, status.channelLabels ?? {}, row.key === current)));
    const accounts = Object.entries(status.channelAccounts ?? {}).flatMap(([id, list]) => (list as Fields[]).map((account) => this.fact(status.channelLabels[id] ?? id, account.connected, account.lastError ?? account.state)));
    byId("channels").replaceChildren(this.fact("Web chat", true, "connected"), ...accounts);
    const servers = (status.mcpServers ?? []).map((s: Fields) => this.fact(s.name, s.health === "ready" || s.health === "idle", s.health === "ready" ? `${s.tools} tools` : s.lastError || s.health));
    byId("servers").replaceChildren(...(servers.length ? servers : [el("li", { class: "quiet" }, "none configured")]));
  }

  private session(row: Fields, labels: Fields, current: boolean): HTMLElement {
    const channel = row.channel ?? "webchat";
    const item = el("button", { type: "button", "aria-current": String(current) }, el("span", { class: "name" }, row.derivedTitle ?? row.displayName), el("span", { class: "where" }, channel === "webchat" ? "Web chat" : labels[channel] ?? channel));
    item.addEventListener("click", () => this.open(row.key));
    return el("li", {}, item);
  }

  private fact(name: string, good: boolean, state: string): HTMLElement {
    return el("li", {}, name, el("span", { class: `state ${good ? "good" : "bad"}` }, state));
  }
}
