import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseWebhooks, webhook } from '../../src/notifications';
import { sampleEvent } from '../contract/notification-sender.contract';
import { OTHER_SECRET, SECRET } from '../fakes/webhook-receiver';
import { until } from '../setup/until';

const document = readFileSync('docs/notifications.md', 'utf8');
const signal = new AbortController().signal;

/** The document's only block of that language. */
function block(language: string): string {
  const found = [...document.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))];
  expect(found).toHaveLength(1);
  return found[0]?.[1] ?? '';
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false)).once('connect', () => socket.destroy());
  });
}

describe('what docs/notifications.md shows', () => {
  let folder: string;
  let child: ChildProcess | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'receivers-'));
  });
  afterEach(async () => {
    if (child === undefined) return;
    child.kill('SIGKILL');
    await once(child, 'close');
    child = undefined;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ['js', 'receiver.mjs', process.execPath],
    ['python', 'receiver.py', 'python3'],
  ])('is a receiver in %s that takes what is genuine, once, and refuses the rest', async (language, name, program) => {
    const file = join(folder, name);
    await writeFile(file, block(language));
    const port = await freePort();
    let printed = '';
    child = spawn(program, [file], { env: { ...process.env, PORT: String(port), WEBHOOK_SECRET: SECRET }, stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (printed += text));
    await until(() => listens(port));
    const url = `http://127.0.0.1:${port}/`;
    const event = sampleEvent('end');
    const told = { ...event, payload: { ...event.payload, table_name: 'threads', status: 'CREATED' } };
    await webhook(url, [OTHER_SECRET, SECRET]).send(told, signal);
    await webhook(url, [SECRET]).send(told, signal);
    await expect(webhook(url, [OTHER_SECRET]).send(told, signal)).rejects.toThrow('answered 401');
    const old = { method: 'POST', body: '{}', headers: { 'webhook-id': 'x', 'webhook-timestamp': '1', 'webhook-signature': 'v1,AAAA' } };
    expect((await fetch(url, old)).status).toBe(401);
    await until(() => printed.endsWith('\n'));
    expect(printed).toBe('magnetodb.backup.create.end threads CREATED\n');
  });

  it('is a file of webhooks that can be read', () => {
    expect(parseWebhooks(JSON.parse(block('json'))).map(({ name }) => name)).toEqual(['webhook-audit', 'webhook-pager']);
  });
});
