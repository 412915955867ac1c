// What this browser proves itself with. The shared token opens the door once: with it comes a device key of this browser's
// own, whose private half no script can read out, and the Gateway's token for that device takes the shared one's place.
// Where the browser cannot do that, the shared token stays in memory and goes with the page.
import type { Fields } from "./gateway";

type Device = { id: string; publicKey: string; privateKey: CryptoKey; token: string };
type Client = { id: string; mode: string; platform: string };
type Challenge = { nonce: string; ts: number };

const DATABASE = "openclaw-gateway";
const STORE = "device";
const ROW = "this-browser";

export class Identity {
  // Why nothing is kept, in a sentence; "" while all is well.
  weakness = "";

  private shared = "";
  private device?: Device;   // with a token: the one that is kept; without: new, as long as the Gateway has not taken it

  // Reads what was kept. Before anything else.
  async load(): Promise<void> {
    if (!globalThis.crypto?.subtle || !globalThis.indexedDB) {
      this.weakness = "This page was not opened over HTTPS or from this machine, so the browser keeps no device key; the token goes with the page.";
      return;
    }
    try {
      this.device = await row<Device | undefined>("readonly", (store) => store.get(ROW));
    } catch {
      this.weakness = "This browser lets the page keep nothing; the token goes with the page.";
    }
  }

  useShared(token: string): void {
    this.shared = token;
  }

  get known(): boolean {
    return this.shared !== "" || !!this.device?.token;
  }

  // The `auth` and `device` of a connect. A shared token that was just given counts more than the device's own.
  async credentials(client: Client, scopes: string[], challenge: Challenge): Promise<Fields> {
    if (this.shared && !this.device && !this.weakness) await this.make();
    const auth: Fields = this.shared ? { token: this.shared } : this.device?.token ? { deviceToken: this.device.token } : {};
    if (!this.device) return { auth };
    const { id, publicKey, privateKey } = this.device;
    const secret = auth.token ?? auth.deviceToken ?? "";
    const signed = ["v3", id, client.id, client.mode, "operator", scopes.join(","), challenge.ts, secret, challenge.nonce, client.platform, ""].join("|");
    const signature = base64url(await crypto.subtle.sign("Ed25519", privateKey, new TextEncoder().encode(signed)));
    return { auth, device: { id, publicKey, signature, signedAt: challenge.ts, nonce: challenge.nonce } };
  }

  // The Gateway has let us in. Once the device's own token is on disk here, the shared one is forgotten.
  async admitted(hello: Fields): Promise<void> {
    if (!this.device) return;
    const token = hello.auth?.deviceToken ?? this.device.token;
    if (!token) return;
    const kept = { ...this.device, token };
    try {
      await row("readwrite", (store) => store.put(kept, ROW));
    } catch {
      this.weakness = "This browser lets the page keep nothing; the token goes with the page.";
      return;
    }
    this.device = kept;
    this.shared = "";
  }

  // What we had is not accepted. A device whose own token counts no longer is given up: the next shared token makes a new one.
  async refused(code: string): Promise<void> {
    this.shared = "";
    if (code !== "AUTH_DEVICE_TOKEN_MISMATCH") return;
    this.device = undefined;
    if (!this.weakness) await row("readwrite", (store) => store.delete(ROW)).catch(() => {});
  }

  private async make(): Promise<void> {
    try {
      const pair = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
      const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
      const id = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      this.device = { id, publicKey: base64url(raw), privateKey: pair.privateKey, token: "" };
    } catch {
      this.weakness = "This browser has no Ed25519 keys, so it keeps no device key; the token goes with the page.";
    }
  }
}

function base64url(bytes: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// One request on the one store, in a transaction of its own; done when that is.
function row<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(STORE, mode);
      const request = ask(transaction.objectStore(STORE));
      transaction.oncomplete = () => {
        database.close();
        resolve(request.result as T);
      };
      transaction.onerror = transaction.onabort = () => {
        database.close();
        reject(transaction.error);
      };
    };
  });
}
