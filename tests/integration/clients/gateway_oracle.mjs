// The official Gateway client against our Gateway, driven by lines of JSON on standard input. Between the two stands a
// relay that checks every frame our Gateway sends with the published JSON Schema, strictly.
//   {"op":"connect","name":"a","token":"…","device":true,"scopes":[…]}   -> {"hello":{…}} or {"error":…}
//   {"op":"call","name":"a","method":"health","params":{}}               -> {"payload":…} or {"error":{code,message,details}}
//   {"op":"wait","name":"a","event":"chat","where":{"state":"final"}}    -> {"event":{…}}
//   {"op":"raw","frames":["…"],"headers":{}}                             -> {"frames":[…],"close":{code,reason}}
//   {"op":"close","name":"a"}   {"op":"faults"} -> {"faults":[…],"checked":{schema: count}}
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { generateKeyPairSync, createHash, createPublicKey, sign } from 'node:crypto';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [modules, target] = process.argv.slice(2);
const require = createRequire(pathToFileURL(modules + '/'));
const { GatewayClient } = await import(pathToFileURL(modules + '/@openclaw/gateway-client/dist/index.mjs').href);
const { WebSocket, WebSocketServer } = require('ws');
const Ajv = require('ajv');
const schema = JSON.parse(readFileSync(modules + '/@openclaw/gateway-protocol/protocol.schema.json', 'utf8'));

const ajv = new Ajv.default({ strict: false, allErrors: false, unicodeRegExp: false });
const compiled = new Map();
const faults = [], checked = {};
function check(name, value, where) {
  if (!compiled.has(name)) compiled.set(name, ajv.compile(schema.definitions[name]));
  const valid = compiled.get(name);
  checked[name] = (checked[name] ?? 0) + 1;
  if (!valid(value)) faults.push(`${where} is no ${name}: ${ajv.errorsText(valid.errors)}: ${JSON.stringify(value).slice(0, 400)}`);
}

const RESULTS = {
  'agents.list': 'AgentsListResult', 'approval.get': 'ApprovalGetResult', 'approval.resolve': 'ApprovalResolveResult',
  'channels.pairing.approve': 'ChannelsPairingApproveResult', 'channels.pairing.list': 'ChannelsPairingListResult', 'channels.status': 'ChannelsStatusResult',
  'chat.message.get': 'ChatMessageGetResult', connect: 'HelloOk', 'models.list': 'ModelsListResult', 'sessions.delete': 'SessionsDeleteResult',
  'sessions.resolve': 'SessionsResolveResult',
};
const EVENTS = { tick: 'TickEvent', shutdown: 'ShutdownEvent', chat: 'ChatEvent', agent: 'AgentEvent' };

function judge(frame, method) {
  if (frame.type === 'res') {
    check('ResponseFrame', frame, `the answer to ${method}`);
    if (!frame.ok) return check('ErrorShape', frame.error, `the error of ${method}`);
    if (RESULTS[method]) check(RESULTS[method], frame.payload, `the payload of ${method}`);
    if (method === 'system-presence') for (const entry of frame.payload) check('PresenceEntry', entry, method);
    if (method === 'sessions.list') for (const row of frame.payload.sessions) check('SessionRow', row, method);
    if (method === 'sessions.describe' && frame.payload.session) check('SessionRow', frame.payload.session, method);
  } else {
    check('EventFrame', frame, `the event ${frame.event}`);
    let payload = frame.payload;
    if (frame.event === 'agent') {   // 2026.9.6 sends these two besides what its schema says; clients use them
      const { sessionKey, agentId, ...published } = payload;
      if (!sessionKey || !agentId) faults.push('an agent event names no session');
      payload = published;
    }
    if (EVENTS[frame.event]) check(EVENTS[frame.event], payload, `the event ${frame.event}`);
    if (payload?.session) check('SessionRow', payload.session, `the session of ${frame.event}`);
  }
}

// Each connection keeps its own count of events, which must have no gap.
const relay = new WebSocketServer({ port: 0, host: '127.0.0.1' });
relay.on('connection', (near) => {
  const far = new WebSocket(target);
  const methods = new Map(), early = [];
  let seq = 0;
  near.on('message', (data) => {
    const text = data.toString();
    try { const frame = JSON.parse(text); methods.set(frame.id, frame.method); } catch {}
    far.readyState === WebSocket.OPEN ? far.send(text) : early.push(text);
  });
  far.on('open', () => early.forEach((text) => far.send(text)));
  far.on('message', (data) => {
    const text = data.toString();
    const frame = JSON.parse(text);
    judge(frame, methods.get(frame.id));
    if (frame.type === 'event' && frame.event !== 'connect.challenge' && frame.seq !== ++seq) faults.push(`seq ${frame.seq} after ${seq - 1}`);
    near.send(text);
  });
  far.on('close', (code, reason) => near.close(code >= 1000 && code < 5000 && ![1004, 1005, 1006].includes(code) ? code : 1011, reason));
  far.on('error', () => near.terminate());
  near.on('close', () => far.close());
});
await new Promise((resolve) => relay.on('listening', resolve));
const url = `ws://127.0.0.1:${relay.address().port}`;

const raw = (pem) => createPublicKey(pem).export({ type: 'spki', format: 'der' }).subarray(-32);
const devices = new Map(), tokens = new Map();
function deviceOf(name) {
  if (!devices.has(name)) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }), privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    devices.set(name, { publicKeyPem, privateKeyPem, deviceId: createHash('sha256').update(raw(publicKeyPem)).digest('hex') });
  }
  return devices.get(name);
}
const hostDeps = {
  signDevicePayload: (pem, payload) => sign(null, Buffer.from(payload), pem).toString('base64url'),
  publicKeyRawBase64UrlFromPem: (pem) => raw(pem).toString('base64url'),
  loadDeviceAuthToken: ({ deviceId }) => tokens.get(deviceId) ?? null,
  storeDeviceAuthToken: ({ deviceId, token, scopes }) => tokens.set(deviceId, { token, scopes }),
  clearDeviceAuthToken: ({ deviceId }) => tokens.delete(deviceId),
  logDebug: () => {}, logError: () => {},
};

const clients = new Map();
const matches = (event, { event: name, where }) => event.event === name && Object.entries(where ?? {}).every(([k, v]) => event.payload?.[k] === v);

const ops = {
  connect: ({ name, token, password, device, scopes, clientName = 'cli', mode = 'cli' }) => new Promise((resolve) => {
    const entry = { events: [], waiters: [], gaps: 0 };
    const client = new GatewayClient({
      url, token, password, scopes, clientName, mode, clientVersion: '2026.9.1', clientDisplayName: name, platform: 'linux', minProtocol: 4, maxProtocol: 4, caps: ['approvals'],
      deviceIdentity: device ? deviceOf(device) : null, hostDeps,
      onHelloOk: (hello) => resolve({ hello, stored: device ? tokens.get(deviceOf(device).deviceId) ?? null : null }),
      onConnectError: (error) => { resolve({ error: { message: error.message, code: error.gatewayCode ?? error.code, details: error.details } }); client.stop(); },
      onGap: () => { entry.gaps++; },
      onEvent: (event) => {
        entry.events.push(event);
        entry.waiters = entry.waiters.filter((w) => !matches(event, w.wanted) || (w.resolve({ event }), false));
      },
    });
    entry.client = client;
    clients.set(name, entry);
    client.start();
  }),
  call: async ({ name, method, params }) => {
    try {
      return { payload: await clients.get(name).client.request(method, params ?? {}, { timeoutMs: 20000 }) };
    } catch (error) {
      return { error: { code: error.gatewayCode ?? error.code, message: error.message, details: error.details } };
    }
  },
  wait: ({ name, ...wanted }) => new Promise((resolve) => {
    const entry = clients.get(name);
    const there = entry.events.find((event) => matches(event, wanted));
    if (there) return resolve({ event: there });
    const timer = setTimeout(() => resolve({ timeout: true, seen: entry.events.map((e) => e.event) }), 15000);
    entry.waiters.push({ wanted, resolve: (found) => { clearTimeout(timer); resolve(found); } });
  }),
  events: ({ name }) => ({ events: clients.get(name).events.splice(0), gaps: clients.get(name).gaps }),
  raw: ({ frames, headers }) => new Promise((resolve) => {
    const socket = new WebSocket(target, { headers });
    const got = [];
    socket.on('open', () => frames.forEach((frame) => socket.send(frame)));
    socket.on('message', (data) => got.push(JSON.parse(data.toString())));
    socket.on('unexpected-response', (_, response) => { resolve({ status: response.statusCode }); socket.terminate(); });
    socket.on('close', (code, reason) => resolve({ frames: got, close: { code, reason: reason.toString() } }));
    socket.on('error', () => {});
  }),
  close: async ({ name }) => { await clients.get(name).client.stopAndWait(); clients.delete(name); return {}; },
  faults: () => ({ faults, checked }),
};

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  // Not awaited: an answer that waits for a person must not hold up the person.
  Promise.resolve(ops[command.op](command)).then((answer) => console.log(JSON.stringify({ ticket: command.ticket, ...answer })),
    (error) => console.log(JSON.stringify({ ticket: command.ticket, broken: String(error.stack) })));
}
process.exit(0);
