// Protocol 4 of the Gateway, as far as this page needs it: connect, call, events, reconnect.
import type { Identity } from "./identity";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Fields = { [key: string]: any };

export class GatewayError extends Error {
  constructor(readonly code: string, message: string, readonly details: Fields = {}) {
    super(message);
  }
}

type Pending = { resolve: (payload: any) => void; reject: (error: Error) => void; timer: number };

const CALL_TIMEOUT_MS = 30_000;
const LONGEST_PAUSE_MS = 15_000;
const CLIENT = { id: "webchat-ui", displayName: "Web console", version: "1", platform: "web", mode: "webchat" };
const SCOPES = ["operator.read", "operator.write", "operator.approvals"];

export class Gateway {
  onState: (state: "connecting" | "on" | "off", hello?: Fields) => void = () => {};
  onEvent: (event: string, payload: Fields) => void = () => {};
  onRefused: (error: GatewayError) => void = () => {};

  private socket?: WebSocket;
  private pending = new Map<string, Pending>();
  private nextId = 1;
  private pauseMs = 500;

  constructor(private readonly identity: Identity) {}

  connect(): void {
    this.onState("connecting");
    // The page's own origin, always: there is no way to point it elsewhere.
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/`);
    this.socket = socket;
    socket.onmessage = (message) => this.receive(JSON.parse(message.data));
    socket.onclose = () => this.closed();
  }

  call(method: string, params: Fields = {}): Promise<any> {
    return new Promise((resolve, reject) => {
      if (this.socket?.readyState !== WebSocket.OPEN) return reject(new GatewayError("UNAVAILABLE", "not connected"));
      const id = String(this.nextId++);
      const timer = window.setTimeout(() => {
        this.pending.delete(id);
        reject(new GatewayError("TIMEOUT", `${method} was not answered within ${CALL_TIMEOUT_MS / 1000} s`));
      }, CALL_TIMEOUT_MS);
      this.pending.set(id, { resolve, reject, timer });
      this.socket.send(JSON.stringify({ type: "req", id, method, params }));
    });
  }

  private receive(frame: Fields): void {
    if (frame.type === "event") {
      if (frame.event === "connect.challenge") this.greet(frame.payload as Fields & { nonce: string; ts: number });
      else this.onEvent(frame.event, frame.payload ?? {});
      return;
    }
    const waiting = this.pending.get(frame.id);
    if (!waiting) return;
    this.pending.delete(frame.id);
    clearTimeout(waiting.timer);
    if (frame.ok) waiting.resolve(frame.payload);
    else waiting.reject(new GatewayError(frame.error.code, frame.error.message, frame.error.details));
  }

  private async greet(challenge: { nonce: string; ts: number }): Promise<void> {
    try {
      const credentials = await this.identity.credentials(CLIENT, SCOPES, challenge);
      const hello = await this.call("connect", {
        minProtocol: 4,
        maxProtocol: 4,
        client: CLIENT,
        role: "operator",
        scopes: SCOPES,
        caps: ["approvals"],
        ...credentials,
      });
      await this.identity.admitted(hello);
      await this.call("sessions.subscribe");
      this.pauseMs = 500;
      this.onState("on", hello);
    } catch (error) {
      if (error instanceof GatewayError && error.code !== "UNAVAILABLE") {
        this.socket!.onclose = null;
        this.socket!.close();
        this.onState("off");
        this.onRefused(error);
      }
    }
  }

  private closed(): void {
    this.onState("off");
    for (const { reject, timer } of this.pending.values()) {
      clearTimeout(timer);
      reject(new GatewayError("UNAVAILABLE", "the connection was lost"));
    }
    this.pending.clear();
    window.setTimeout(() => this.connect(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
