// A person at the Gateway's page, in a real Chromium, driven by lines of JSON on standard input.
//   {"op":"open","url":"…","break":"ed25519"|"subtle"|"storage"}  -> what the page shows and keeps (see look)
//   {"op":"reload"} {"op":"look"}                                  -> the same
//   {"op":"login","token":"…"}                                     -> the same, after the dialog was filled in
//   {"op":"ask","text":"…"}                                        -> {"said":[…]} once the conversation has an answer
//   {"op":"say","text":"…"}                                        -> {} as soon as it was sent
//   {"op":"until","text":"…"}                                      -> {"said":[…]} once the conversation shows this
//   {"op":"approve"}                                                -> {"shown":"…","after":"…"}: the card, and the panel once it was decided
//   {"op":"forget"}                                                 -> closes the page, keeps the browser's profile
// Every frame that the page sends is kept: `sent` lists the `connect` ones.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [modules, profile, program] = process.argv.slice(2);
const { chromium } = createRequire(pathToFileURL(modules + '/'))('playwright-core');
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: program, headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
let page, sent = [], problems = [];

// What a lesser browser would answer.
const BROKEN = {
  ed25519: () => {
    const generate = crypto.subtle.generateKey.bind(crypto.subtle);
    crypto.subtle.generateKey = (algorithm, ...rest) => algorithm === 'Ed25519' || algorithm.name === 'Ed25519'
      ? Promise.reject(new DOMException('no such algorithm', 'NotSupportedError')) : generate(algorithm, ...rest);
  },
  subtle: () => Object.defineProperty(globalThis.crypto, 'subtle', { value: undefined }),
  storage: () => { IDBFactory.prototype.open = () => { throw new DOMException('not here', 'SecurityError'); }; },
};

async function look() {
  await page.waitForFunction(() => document.getElementById('link').textContent === 'connected' || document.getElementById('login').open, undefined, { timeout: 30_000 });
  return page.evaluate(async () => {
    const databases = await indexedDB.databases?.().catch(() => []) ?? [];
    let kept = null;
    if (databases.some((d) => d.name === 'openclaw-gateway')) {
      kept = await new Promise((resolve) => {
        const opening = indexedDB.open('openclaw-gateway');
        opening.onsuccess = () => {
          const row = opening.result.transaction('device').objectStore('device').get('this-browser');
          row.onsuccess = async () => {
            const found = row.result;
            opening.result.close();
            if (!found) return resolve(null);
            const exported = await crypto.subtle.exportKey('pkcs8', found.privateKey).then(() => 'exported', (error) => error.name);
            resolve({ id: found.id, token: found.token, extractable: found.privateKey.extractable, exported, algorithm: found.privateKey.algorithm.name });
          };
        };
      });
    }
    const stored = JSON.stringify({ session: { ...sessionStorage }, local: { ...localStorage }, cookies: document.cookie });
    return { link: document.getElementById('link').textContent, dialog: document.getElementById('login').open, problem: document.getElementById('login-error').textContent,
             weakness: document.getElementById('weakness').textContent, address: location.href, history: history.length, kept, stored,
             html: document.documentElement.outerHTML };
  });
}

async function open(url, broken) {
  if (page) await page.close();
  sent = [];
  page = await browser.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('websocket', (socket) => socket.on('framesent', (frame) => {
    const said = JSON.parse(frame.payload);
    if (said.method === 'connect') sent.push(said.params);
  }));
  if (broken) await page.addInitScript(BROKEN[broken]);
  await page.goto(url);
}

const OPS = {
  open: async ({ url, break: broken }) => { await open(url, broken); return look(); },
  reload: async () => { sent = []; await page.reload(); return look(); },
  look,
  login: async ({ token }) => {
    const before = sent.length;
    await page.fill('#token', token);
    await page.click('#login button');
    // The dialog is closed by the click, and open again only after a connect with what was typed.
    for (const end = Date.now() + 30_000; sent.length === before;) {
      if (Date.now() > end) throw new Error('the page did not connect again');
      await page.waitForTimeout(20);
    }
    return look();
  },
  say: async ({ text }) => {
    await page.fill('#question', text);
    await page.press('#question', 'Enter');
    return {};
  },
  ask: async ({ text }) => {
    await page.fill('#question', text);
    await page.press('#question', 'Enter');
    await page.waitForSelector('#messages li:not(.mine):not(.empty) .meta', { timeout: 60_000 });
    return { said: await page.$$eval('#messages .bubble', (all) => all.map((one) => one.textContent)) };
  },
  until: async ({ text }) => {
    await page.waitForFunction((words) => document.getElementById('messages').textContent.includes(words), text, { timeout: 60_000 });
    return { said: await page.$$eval('#messages .bubble', (all) => all.map((one) => one.textContent)) };
  },
  approve: async () => {
    await page.waitForFunction(() => document.getElementById('approvals').textContent.includes('Digest'), undefined, { timeout: 60_000 });
    const shown = await page.textContent('#approvals');
    await page.click('#approvals button.go');
    await page.waitForFunction(() => document.getElementById('decided').textContent.includes('Approved'), undefined, { timeout: 30_000 });
    const after = await page.textContent('#approvals');
    return { shown, after, title: await page.title(), counted: await page.isVisible('#approval-count') };
  },
  forget: async () => { await page.close(); page = undefined; return {}; },
};

for await (const line of createInterface({ input: process.stdin })) {
  const wish = JSON.parse(line);
  let answer;
  try { answer = await OPS[wish.op](wish); } catch (error) { answer = { error: String(error?.stack ?? error) }; }
  process.stdout.write(JSON.stringify({ ...answer, sent, problems }) + '\n');
}
await browser.close();
