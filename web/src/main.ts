import { Approvals } from "./approvals";
import { Chat } from "./chat";
import { Gateway } from "./gateway";
import { Sidebar } from "./sidebar";
import { byId } from "./view";

const TOKEN_KEY = "gateway-token";

// The fragment is never sent to a server; it leaves the address bar and the history at once.
function takeTokenFromAddress(): void {
  const match = /^#token=(.+)$/.exec(location.hash);
  if (!match) return;
  sessionStorage.setItem(TOKEN_KEY, decodeURIComponent(match[1]));
  history.replaceState(null, "", location.pathname);
}

function askForToken(problem: string): void {
  const dialog = byId<HTMLDialogElement>("login");
  byId("login-error").textContent = problem;
  dialog.onclose = () => {
    sessionStorage.setItem(TOKEN_KEY, byId<HTMLInputElement>("token").value);
    gateway.connect();
  };
  dialog.showModal();
}

takeTokenFromAddress();
const gateway = new Gateway(() => sessionStorage.getItem(TOKEN_KEY) ?? "");
const link = byId("link");
const showLink = (text: string, kind: string) => {
  link.textContent = text;
  link.className = `pill ${kind}`;
};
const chat = new Chat(gateway, (text) => showLink(text, "off"));
const approvals: Approvals = new Approvals(gateway, () => chat.waitFor(approvals.waitingIn(chat.sessionKey)));
const sidebar = new Sidebar(gateway, openSession);

let refreshing = 0;
function refreshSoon(): void {
  clearTimeout(refreshing);
  refreshing = window.setTimeout(() => sidebar.refresh(chat.sessionKey).catch(() => {}), 150);
}

async function openSession(sessionKey: string): Promise<void> {
  document.body.classList.remove("menu");
  await chat.open(sessionKey);
  chat.waitFor(approvals.waitingIn(sessionKey));
  refreshSoon();
}

gateway.onState = async (state, hello) => {
  showLink(state === "on" ? "connected" : state === "off" ? "not connected" : "connecting", state);
  if (state !== "on") return;
  byId("version").textContent = `openclaw ${hello!.server.version}`;
  await Promise.all([openSession(chat.sessionKey), approvals.load()]);
};
gateway.onRefused = (error) => askForToken(sessionStorage.getItem(TOKEN_KEY) ? error.message : "");
gateway.onEvent = (event, payload) => {
  if (event === "session.message") chat.onMessage(payload);
  if (event === "chat" || event === "agent") chat.onProgress(event, payload);
  if (event.endsWith(".approval.requested")) approvals.requested(payload);
  if (event.endsWith(".approval.resolved")) approvals.resolved(payload);
  if (event === "sessions.changed" || event === "session.message") refreshSoon();
};
byId("menu").addEventListener("click", () => document.body.classList.toggle("menu"));
byId("new-chat").addEventListener("click", () => openSession(`agent:main:webchat:direct:${crypto.randomUUID()}`));
window.setInterval(refreshSoon, 15_000);
gateway.connect();
