import { Approvals } from "./approvals";
import { Chat } from "./chat";
import { Gateway } from "./gateway";
import { Identity } from "./identity";
import { Sidebar } from "./sidebar";
import { byId } from "./view";

const identity = new Identity();

// The fragment is never sent to a server; it leaves the address bar and the history at once.
function takeTokenFromAddress(): void {
  const match = /^#token=(.+)$/.exec(location.hash);
  if (!match) return;
  history.replaceState(null, "", location.pathname);
  identity.useShared(decodeURIComponent(match[1]));
}

function askForToken(problem: string): void {
  const dialog = byId<HTMLDialogElement>("login");
  byId("login-error").textContent = problem;
  dialog.onclose = () => {
    const box = byId<HTMLInputElement>("token");
    identity.useShared(box.value);
    box.value = "";
    gateway.connect();
  };
  dialog.showModal();
}

takeTokenFromAddress();
const gateway = new Gateway(identity);
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
  byId("weakness").textContent = identity.weakness;
  await Promise.all([openSession(chat.sessionKey), approvals.load()]);
};
gateway.onRefused = async (error) => {
  const problem = identity.known ? error.message : "";
  await identity.refused(error.details?.code ?? "");
  askForToken(problem);
};
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
identity.load().then(() => gateway.connect());
