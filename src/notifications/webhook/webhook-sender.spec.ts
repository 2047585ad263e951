import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { notificationSenderContract, sampleEvent } from '../../../test/contract/notification-sender.contract';
import { OTHER_SECRET, SECRET, WebhookReceiver, answering, isSigned } from '../../../test/fakes/webhook-receiver';
import { until } from '../../../test/setup/until';
import { ManualClock } from '../../kernel';
import { DeliveryError } from '../notification-sender';
import { SigningSecret, WebhookSender, parseWebhooks, webhook } from '.';

const signal = new AbortController().signal;

notificationSenderContract('webhook', true, async () => {
  const receiver = await WebhookReceiver.start();
  return {
    sender: webhook(receiver.url, [SECRET]),
    received: async () => receiver.accepted.map(({ event }) => event),
    receiver: {
      refuse: async (refusing) => void (receiver.behaviour = answering(refusing ? 500 : 200)),
      hang: async (hanging) => void (receiver.behaviour = hanging ? () => undefined : answering(200)),
    },
    close: () => receiver.close(),
  };
});

describe('WebhookSender', () => {
  let receiver: WebhookReceiver;
  let sender: WebhookSender;
  beforeEach(async () => {
    receiver = await WebhookReceiver.start();
    sender = webhook(receiver.url, [SECRET]);
  });
  afterEach(() => receiver.close());

  const failure = async (to: WebhookSender = sender): Promise<DeliveryError> => {
    const error: unknown = await to.send(sampleEvent('end'), signal).catch((caught: unknown) => caught);
    if (!(error instanceof DeliveryError)) throw new Error('it was delivered');
    return error;
  };

  it('posts JSON, signed as the Standard Webhooks specification says, under the event’s id', async () => {
    const event = sampleEvent('end');
    await sender.send(event, signal);
    const [delivery] = receiver.requests;
    if (delivery === undefined) throw new Error('nothing came');
    expect(delivery).toMatchObject({ method: 'POST', path: '/hooks/magnetodb?tenant=1', event });
    expect(delivery.headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': event.message_id });
    expect(delivery.headers['webhook-timestamp']).toMatch(/^\d{10}$/);
    expect(isSigned(delivery, SECRET)).toBe(true);
    expect(isSigned(delivery, OTHER_SECRET)).toBe(false);
    expect(isSigned({ ...delivery, body: delivery.body.replace('"INFO"', '"ERROR"') }, SECRET)).toBe(false);
    expect(isSigned({ ...delivery, headers: { ...delivery.headers, 'webhook-id': 'another' } }, SECRET)).toBe(false);
  });

  it('computes the signature of the specification’s example', () => {
    // Of the reference libraries' tests: secret, id, time and body with their signature.
    const secret = SigningSecret.parse('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    expect(secret?.sign('msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}')).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('signs with every secret while they are changed, and with the time of each attempt', async () => {
    const clock = new ManualClock(Date.now());
    const secrets = [SECRET, OTHER_SECRET].map((text) => SigningSecret.parse(text)).filter((secret) => secret !== undefined);
    const both = new WebhookSender({ name: 'both', url: receiver.url, secrets, clock });
    const event = sampleEvent('end');
    await both.send(event, signal);
    clock.advance(3_600_000);
    await both.send(event, signal);
    const [first, second] = receiver.requests;
    if (first === undefined || second === undefined) throw new Error('too little came');
    for (const secret of [SECRET, OTHER_SECRET]) {
      expect(isSigned(first, secret)).toBe(true);
      expect(isSigned(second, secret, clock.now())).toBe(true);
      expect(isSigned(second, secret)).toBe(false);
    }
  });

  it.each([200, 201, 202, 204, 299])('%d means delivered', async (status) => {
    receiver.behaviour = answering(status);
    await sender.send(sampleEvent('end'), signal);
  });

  it.each([300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504, 599])('%d means again later', async (status) => {
    const elsewhere = await WebhookReceiver.start();
    receiver.behaviour = answering(status, { location: elsewhere.url });
    expect(await failure()).toMatchObject({ refused: false, retryAfterMillis: undefined, message: `the receiver answered ${status}` });
    // A redirect is followed by nobody: it could lead anywhere.
    expect(elsewhere.connections).toBe(0);
    await elsewhere.close();
  });

  it('410 means never', async () => {
    receiver.behaviour = answering(410);
    expect(await failure()).toMatchObject({ refused: true });
  });

  it.each<[number, string, number | undefined]>([
    [429, '7', 7000],
    [503, '0', 0],
    [503, 'in a while', undefined],
    [500, '-5', undefined],
    [404, '7', undefined],
  ])('%d with Retry-After: %s', async (status, text, expected) => {
    receiver.behaviour = answering(status, { 'retry-after': text });
    expect((await failure()).retryAfterMillis).toBe(expected);
  });

  it('reads a date in Retry-After', async () => {
    const clock = new ManualClock(Date.parse('2026-01-31T12:00:00Z'));
    const secrets = [SigningSecret.parse(SECRET)].filter((secret) => secret !== undefined);
    const clocked = new WebhookSender({ name: 'clocked', url: receiver.url, secrets, clock });
    for (const [date, millis] of [['Sat, 31 Jan 2026 12:01:30 GMT', 90_000], ['Sat, 31 Jan 2026 11:00:00 GMT', 0]] as const) {
      receiver.behaviour = answering(503, { 'retry-after': date });
      expect((await failure(clocked)).retryAfterMillis).toBe(millis);
    }
  });

  it('takes the head of an answer for the answer: a body that never ends, or breaks off, is nobody’s concern', async () => {
    let written = 0;
    let closed = false;
    receiver.behaviour = (response) => {
      response.writeHead(200);
      response.once('close', () => (closed = true));
      const flood = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024))) written += 64 * 1024;
      };
      response.on('drain', flood);
      flood();
    };
    // Not for its time is it cut off, but for its length.
    const clock = jest.spyOn(globalThis, 'setTimeout').mockReturnValue(setTimeout(() => undefined, 0));
    await sender.send(sampleEvent('end'), signal);
    clock.mockRestore();
    await until(() => closed);
    // What the sockets of both sides hold, and no more.
    expect(written).toBeLessThan(16 * 1024 * 1024);

    receiver.behaviour = (response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('x');
      setImmediate(() => response.destroy());
    };
    await sender.send(sampleEvent('end'), signal);

    closed = false;
    receiver.behaviour = (response) => {
      response.once('close', () => (closed = true));
      response.writeHead(200).write('x');
    };
    await sender.send(sampleEvent('end'), signal);
    await until(() => closed);
  });

  it('uses one connection for many events, also when they are answered with a short body', async () => {
    receiver.behaviour = (response) => void response.writeHead(200).end('{"ok": true}');
    for (let nth = 0; nth < 5; nth += 1) {
      await sender.send(sampleEvent('end'), signal);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(receiver.requests).toHaveLength(5);
    expect(receiver.connections).toBeLessThan(5);
  });

  it('says that a receiver cannot be reached, and nothing of where it is', async () => {
    const { port } = receiver;
    await receiver.close();
    const gone = `http://127.0.0.1:${port}/hooks`;
    const nowhere = 'https://no-such-host.invalid/hooks';
    for (const [url, code] of [[gone, 'ECONNREFUSED'], [nowhere, 'ENOTFOUND|EAI_AGAIN']] as const) {
      const error = await failure(webhook(url, [SECRET]));
      expect(error.message).toMatch(new RegExp(`^the receiver cannot be reached \\((${code})\\)$`));
      expect(inspect(error)).not.toMatch(/127\.0\.0\.1|no-such-host|hooks/);
    }
    receiver = await WebhookReceiver.start();
  });

  it.each([
    ['garbage', 'nonsense\r\n\r\n'],
    ['a head that never ends', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(200_000)}`],
    ['half a head', 'HTTP/1.1 200 O'],
    ['nothing', ''],
  ])('takes %s for no answer', async (_title, text) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(text));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(await failure(webhook(`http://127.0.0.1:${port}/`, [SECRET]))).toMatchObject({ refused: false, message: expect.stringMatching(/^the receiver cannot be reached/) });
    await new Promise((resolve) => server.close(resolve));
  });

  it('speaks TLS, to a receiver whose certificate it can trust only', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'webhook-tls-'));
    try {
      const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile, '-out', certFile, '-days', '1', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']);
      if (made.status !== 0) throw new Error(String(made.stderr));
      const secured = await WebhookReceiver.start({ tls: { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') } });
      expect((await failure(webhook(secured.url, [SECRET]))).message).toMatch(/\(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
      expect(secured.requests).toEqual([]);
      const script = `require('./test/setup/swc-register.js');
        const { webhook } = require('./src/notifications');
        webhook(process.argv[1], [process.argv[2]]).send({ message_id: 'm' }, new AbortController().signal).then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });`;
      const child = spawn(process.execPath, ['-e', script, secured.url, SECRET], { env: { ...process.env, NODE_EXTRA_CA_CERTS: certFile }, stdio: 'inherit' });
      const [code] = (await once(child, 'exit')) as [number | null];
      expect(code).toBe(0);
      expect(secured.accepted).toHaveLength(1);
      await secured.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('never shows a secret or a URL', () => {
    const shown = inspect(sender, { depth: 10 }) + JSON.stringify(sender);
    expect(shown).not.toContain(SECRET.slice('whsec_'.length));
  });
});

describe('the file of webhooks', () => {
  const hook = { url: 'https://hooks.example/a', secrets: [SECRET] };

  it('gives each hook a sender that wants what it is for', () => {
    const [all, some] = parseWebhooks({ all: hook, some: { ...hook, projects: ['demo', 'ops'], events: ['magnetodb.restore.*', 'magnetodb.backup.create.error'] } });
    const subject = (event_type: string, project_id: string) => ({ event_type, payload: { project_id } });
    expect([all?.name, some?.name]).toEqual(['webhook-all', 'webhook-some']);
    expect(all?.wants(subject('magnetodb.backup.create.start', 'other'))).toBe(true);
    expect(some?.wants(subject('magnetodb.restore.start', 'demo'))).toBe(true);
    expect(some?.wants(subject('magnetodb.backup.create.error', 'ops'))).toBe(true);
    expect(some?.wants(subject('magnetodb.backup.create.end', 'demo'))).toBe(false);
    expect(some?.wants(subject('magnetodb.restore.start', 'other'))).toBe(false);
  });

  it.each<[unknown, RegExp]>([
    [[], /one JSON object/],
    [null, /one JSON object/],
    [{ Ops: hook }, /"Ops" is no name/],
    [{ a: [] }, /"a" must be a JSON object/],
    [{ a: { ...hook, timeout: 1 } }, /"a" has unknown keys: timeout/],
    [{ a: { secrets: [SECRET] } }, /"a" needs a "url"/],
    [{ a: { ...hook, url: 'https://user:pass@hooks.example/' } }, /"a" needs a "url"/],
    [{ a: { ...hook, url: 'file:///etc/passwd' } }, /"a" needs a "url"/],
    [{ a: { ...hook, url: 'https://hooks.example:99999/' } }, /"a" needs a "url"/],
    [{ a: { url: hook.url } }, /"a" needs "secrets"/],
    [{ a: { ...hook, secrets: [] } }, /"a" has no list of texts in "secrets"/],
    [{ a: { ...hook, secrets: ['plain'] } }, /"a" needs "secrets"/],
    [{ a: { ...hook, secrets: [`whsec_${Buffer.alloc(23).toString('base64')}`] } }, /"a" needs "secrets"/],
    [{ a: { ...hook, secrets: [`whsec_${Buffer.alloc(65).toString('base64')}`] } }, /"a" needs "secrets"/],
    [{ a: { ...hook, secrets: [SECRET.replace('a', '*')] } }, /"a" needs "secrets"/],
    [{ a: { ...hook, secrets: Array(9).fill(SECRET) } }, /"a" needs "secrets"/],
    [{ a: { ...hook, events: ['magnetodb.backup.crate.end'] } }, /"a" knows no event "magnetodb.backup.crate.end"/],
    [{ a: { ...hook, projects: 'demo' } }, /"a" has no list of texts in "projects"/],
  ])('refuses %j', (content, message) => {
    expect(() => parseWebhooks(content)).toThrow(message);
    expect(() => parseWebhooks(content)).toThrow(/^(?!.*(whsec_\w|pass@|etc))/);
  });
});
