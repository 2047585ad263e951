import { once } from 'node:events';
import { IncomingMessage, Server, ServerResponse, createServer } from 'node:http';
import { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { AddressRanges, isPublicAddress } from './addresses';
import { HttpConnect, HttpConnectOptions, ResolvedAddress } from './http-connect';

type Serve = (request: IncomingMessage, response: ServerResponse) => unknown;

const servers: Server[] = [];
const connectors: HttpConnect[] = [];

/** A server on this machine that answers as `serve` does. @returns its port */
async function serverOf(serve: Serve): Promise<number> {
  const server = createServer((request, response) => void serve(request, response));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function connector(options: HttpConnectOptions = {}): HttpConnect {
  const made = new HttpConnect(options);
  connectors.push(made);
  return made;
}

/** What the operator of these tests allows: public addresses, and the addresses given. */
function guarded(hosts: string[], addresses: string[], resolve: NonNullable<HttpConnectOptions['resolve']>): HttpConnect {
  const ranges = new AddressRanges(addresses);
  return connector({
    isAllowedHost: (host) => hosts.includes(host),
    isAllowedAddress: (address) => isPublicAddress(address) || ranges.includes(address),
    resolve,
  });
}

const here: ResolvedAddress = { address: '127.0.0.1', family: 4 };
const onlyHere = async (): Promise<ResolvedAddress[]> => [here];
const unresolvable = async (): Promise<never> => {
  throw new Error('nobody may look up anything here');
};

afterEach(async () => {
  for (const one of connectors.splice(0)) one.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

describe('addresses', () => {
  it.each([
    '127.0.0.1', '127.255.0.9', '0.0.0.0', '10.0.0.1', '100.64.0.1', '100.100.100.200', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.168.1.1',
    '192.0.0.192', '198.18.0.1', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255', '168.63.129.16',
    '::', '::1', 'fe80::1', 'fe80::1%eth0', 'fd00:ec2::254', 'fc00::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:169.254.169.254', '::ffff:a00:1',
    '::127.0.0.1', '64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '2002:7f00:1::', '2001:0:7f00:1::', '2001:db8::1', '100::1', 'fec0::1', 'nothing', '',
  ])('%s is not public', (address) => expect(isPublicAddress(address)).toBe(false));

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::1', '::ffff:8.8.8.8', '::ffff:808:808'])('%s is public', (address) =>
    expect(isPublicAddress(address)).toBe(true));

  it('are listed one by one, or by range', () => {
    const ranges = new AddressRanges(['10.1.0.0/16', '192.168.7.7', 'fd00:1::/32']);
    for (const inside of ['10.1.255.255', '::ffff:10.1.2.3', '::ffff:a01:203', '192.168.7.7', 'fd00:1:2::3']) expect(ranges.includes(inside)).toBe(true);
    for (const outside of ['10.2.0.0', '192.168.7.8', 'fd00:2::', '::1', 'nothing']) expect(ranges.includes(outside)).toBe(false);
  });

  it.each(['', 'host', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129', 'fe80::1%eth0', '10.0.0/8', '10.0.0.0/-1'])('%j is no range', (entry) =>
    expect(() => new AddressRanges([entry])).toThrow('neither an IP address nor a range'));
});

describe('whom it asks', () => {
  it('goes to the address that was judged, with the name that was asked for', async () => {
    const port = await serverOf((request, response) => response.end(request.headers.host));
    const http = guarded([`storage.example.org:${port}`], ['127.0.0.1'], onlyHere);
    const { status, body } = await http.request(`http://storage.example.org:${port}/a`);
    expect([status, await text(body)]).toEqual([200, `storage.example.org:${port}`]);
  });

  it.each([
    ['a host that is not listed', 'http://other.example.org:PORT/', ['127.0.0.1']],
    ['another port of a listed host', 'http://storage.example.org/', ['127.0.0.1']],
    ['a name that leads to this machine', 'http://storage.example.org:PORT/', []],
    ['a literal address that is not listed', 'http://127.0.0.1:PORT/', []],
    ['the same, mapped into IPv6', 'http://[::ffff:127.0.0.1]:PORT/', []],
    ['the same, as a number', 'http://2130706433:PORT/', []],
  ])('refuses %s, and asks nothing', async (_what, url, addresses) => {
    let asked = 0;
    const port = await serverOf((_request, response) => response.end(String(++asked)));
    const listed = ['storage.example.org', '127.0.0.1', '[::ffff:7f00:1]'].map((host) => `${host}:${port}`);
    const http = guarded(listed, addresses, onlyHere);
    await expect(http.request(url.replace('PORT', String(port)))).rejects.toMatchObject({ code: 'Forbidden' });
    expect(asked).toBe(0);
  });

  it('refuses a name with one bad address among good ones', async () => {
    const http = guarded(['storage.example.org'], [], async () => [{ address: '93.184.216.34', family: 4 }, { address: '169.254.169.254', family: 4 }]);
    await expect(http.request('http://storage.example.org/')).rejects.toMatchObject({
      code: 'Forbidden',
      // The host, and not where it leads to.
      message: "the host storage.example.org has an address that is not on the operator's list of allowed storage locations",
    });
  });

  it('resolves a name once a connection: one that changes afterwards changes nothing', async () => {
    const port = await serverOf((_request, response) => response.end('x'));
    const answers: ResolvedAddress[][] = [[here], [{ address: '10.0.0.1', family: 4 }]];
    let looked = 0;
    const http = guarded([`storage.example.org:${port}`], ['127.0.0.1'], async () => answers[Math.min(looked++, 1)] ?? []);
    for (let i = 0; i < 3; i++) expect(await text((await http.request(`http://storage.example.org:${port}/`)).body)).toBe('x');
    expect(looked).toBe(1);
    // The connection is gone; the next one asks again, and sees the change.
    http.close();
    await expect(http.request(`http://storage.example.org:${port}/`)).rejects.toMatchObject({ code: 'Forbidden' });
    expect(looked).toBe(2);
  });

  it.each(['ftp://storage.example.org/', 'file:///etc/passwd', 'http://user:hunter2@storage.example.org/'])('refuses %s', async (url) => {
    await expect(connector({ resolve: unresolvable }).request(url)).rejects.toMatchObject({ code: 'StorageError', transient: false });
  });

  it('heeds no proxy of the environment', async () => {
    const proxy = await serverOf((_request, response) => response.end('proxy'));
    const port = await serverOf((_request, response) => response.end('server'));
    const before = process.env.HTTP_PROXY;
    process.env.HTTP_PROXY = process.env.http_proxy = `http://127.0.0.1:${proxy}`;
    try {
      expect(await text((await connector().request(`http://127.0.0.1:${port}/`)).body)).toBe('server');
    } finally {
      for (const name of ['HTTP_PROXY', 'http_proxy']) {
        if (before === undefined) delete process.env[name];
        else process.env[name] = before;
      }
    }
  });
});

describe('redirects', () => {
  async function redirecting(location: string, status = 302): Promise<number> {
    return serverOf((request, response) => {
      if (request.url === '/end') response.end(JSON.stringify(request.headers));
      else response.writeHead(status, { location }).end('moved');
    });
  }

  it('are answers as any other, unless they are to be followed', async () => {
    const port = await redirecting('/end');
    const answer = await connector().request(`http://127.0.0.1:${port}/`);
    expect([answer.status, await text(answer.body)]).toEqual([302, 'moved']);
    expect((await connector().request(`http://127.0.0.1:${port}/`, { maxRedirects: 1 })).status).toBe(200);
    const put = await connector().request(`http://127.0.0.1:${port}/`, { method: 'PUT', body: Buffer.from('x'), maxRedirects: 5 });
    expect(put.status).toBe(302);
  });

  it.each(['http://169.254.169.254/latest/meta-data/', 'http://127.0.0.1:1/', 'http://10.0.0.1/', 'http://[::1]/', '//metadata.google.internal/', 'http://2852039166/'])(
    'to %s are not followed',
    async (location) => {
      const port = await redirecting(location);
      const http = guarded([`storage.example.org:${port}`], ['127.0.0.1'], onlyHere);
      await expect(http.request(`http://storage.example.org:${port}/`, { maxRedirects: 5 })).rejects.toMatchObject({ code: 'Forbidden' });
    },
  );

  it('to a listed name that leads into the network are not followed', async () => {
    const port = await redirecting('http://other.example.org/');
    const resolve = async (name: string): Promise<ResolvedAddress[]> => (name === 'other.example.org' ? [{ address: '192.168.0.1', family: 4 }] : [here]);
    const http = guarded([`storage.example.org:${port}`, 'other.example.org'], ['127.0.0.1'], resolve);
    await expect(http.request(`http://storage.example.org:${port}/`, { maxRedirects: 5 })).rejects.toMatchObject({ code: 'Forbidden' });
  });

  it('to another origin take no secrets along, those within one do', async () => {
    const end = await redirecting('/end');
    const port = await redirecting(`http://127.0.0.1:${end}/end`, 307);
    const headers = { authorization: 'hunter2', 'X-Auth-Token': 'hunter2', cookie: 'hunter2', 'x-amz-security-token': 'hunter2', Range: 'bytes=0-1' };
    const across = await text((await connector().request(`http://127.0.0.1:${port}/`, { headers, maxRedirects: 2 })).body);
    expect(across).not.toContain('hunter2');
    expect(across).toContain('bytes=0-1');
    const within = await text((await connector().request(`http://127.0.0.1:${end}/`, { headers, maxRedirects: 2 })).body);
    expect(within).toContain('hunter2');
  });

  it.each([['in circles', '/'], ['to no URL', 'http://[/'], ['to another scheme', 'file:///etc/passwd'], ['to a URL with a user', 'http://user:hunter2@127.0.0.1/']])(
    '%s end',
    async (_what, location) => {
      const port = await redirecting(location);
      const refused = connector().request(`http://127.0.0.1:${port}/`, { maxRedirects: 5 });
      await expect(refused).rejects.toMatchObject({ code: 'StorageError', transient: false });
    },
  );
});

describe('bodies', () => {
  it('go both ways with back-pressure, and connections are used again', async () => {
    const ports = new Set<number | undefined>();
    const port = await serverOf((request, response) => {
      ports.add(request.socket.remotePort);
      void pipeline(request, response);
    });
    const bytes = Buffer.alloc(5_000_000, 'abc');
    const http = connector();
    for (let i = 0; i < 3; i++) {
      const answer = http.request(`http://127.0.0.1:${port}/`, { method: 'PUT', headers: { 'content-length': 3 }, body: Readable.from([Buffer.from('abc')]) });
      expect(await text((await answer).body)).toBe('abc');
    }
    expect(ports.size).toBe(1);
    const sink = await serverOf(async (request, response) => response.end(String((await buffer(request)).equals(bytes))));
    const body = Readable.from([bytes.subarray(0, 1_000_000), bytes.subarray(1_000_000)]);
    expect(await text((await http.request(`http://127.0.0.1:${sink}/`, { method: 'PUT', body })).body)).toBe('true');
  });

  it('a refusal ends the sending, and is heard', async () => {
    const port = await serverOf((_request, response) => response.writeHead(413).end('too much'));
    let body = endless();
    const answer = await connector().request(`http://127.0.0.1:${port}/`, { method: 'PUT', body });
    expect([answer.status, await text(answer.body)]).toEqual([413, 'too much']);
    expect(body.destroyed).toBe(true);
    // Also if the source has nothing more to give for now.
    body = new Readable({ read: () => undefined });
    body.push('x');
    expect((await connector().request(`http://127.0.0.1:${port}/`, { method: 'PUT', body })).status).toBe(413);
  });

  it("a source's own error is the call's", async () => {
    const port = await serverOf((request) => request.resume());
    const error = new Error('source broke');
    const body = Readable.from((function* () {
      yield 'x';
      throw error;
    })());
    await expect(connector().request(`http://127.0.0.1:${port}/`, { method: 'PUT', body })).rejects.toBe(error);
  });

  it('an answer that is cut short breaks, and may be tried again', async () => {
    const port = await serverOf((_request, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('12345');
      setImmediate(() => response.destroy());
    });
    const { body } = await connector().request(`http://127.0.0.1:${port}/`);
    await expect(text(body)).rejects.toMatchObject({ code: 'StorageError', transient: true });
  });

  it('an answer that is longer than was bargained for breaks', async () => {
    const port = await serverOf((_request, response) => response.end(Buffer.alloc(1001)));
    const http = connector();
    expect((await buffer((await http.request(`http://127.0.0.1:${port}/`, { maxBodyBytes: 1001 })).body)).length).toBe(1001);
    const { body } = await http.request(`http://127.0.0.1:${port}/`, { maxBodyBytes: 1000 });
    await expect(buffer(body)).rejects.toMatchObject({ code: 'StorageError', transient: false });
  });

  it('an answer that is dropped lets its connection go', async () => {
    let closed: Promise<unknown> | undefined;
    const port = await serverOf((request, response) => {
      closed = once(request.socket, 'close');
      response.writeHead(200).write('12345');
    });
    const { body } = await connector().request(`http://127.0.0.1:${port}/`);
    body.destroy();
    await closed;
  });
});

describe('what goes wrong', () => {
  it.each(['before the answer', 'in the answer'])('time runs out %s', async (when) => {
    const port = await serverOf((request, response) => {
      request.resume();
      if (when === 'in the answer') response.writeHead(200).write('x');
    });
    const http = connector({ idleMillis: 50 });
    const read = async (): Promise<string> => text((await http.request(`http://127.0.0.1:${port}/`)).body);
    await expect(read()).rejects.toMatchObject({ code: 'StorageError', transient: true, message: 'the storage host did not answer in time' });
  });

  it('a reader that takes its time does not let time run out', async () => {
    const port = await serverOf((_request, response) => response.end(Buffer.alloc(3_000_000)));
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      const { body } = await connector({ idleMillis: 1000 }).request(`http://127.0.0.1:${port}/`);
      let bytes = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        if (bytes === 0) {
          while (body.readableLength < body.readableHighWaterMark) await new Promise((resolve) => setImmediate(resolve));
          jest.advanceTimersByTime(60_000);
        }
        bytes += chunk.length;
      }
      expect(bytes).toBe(3_000_000);
    } finally {
      jest.useRealTimers();
    }
  });

  it('nobody is there: it may be tried again, and names no address', async () => {
    const port = await serverOf(() => undefined);
    const server = servers.pop();
    server?.close();
    const refused = connector({ resolve: onlyHere }).request(`http://storage.example.org:${port}/`);
    await expect(refused).rejects.toMatchObject({ code: 'StorageError', transient: true, message: 'the connection to the storage host failed' });
    const unknown = connector({ resolve: async () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })) }).request('http://storage.example.org/');
    await expect(unknown).rejects.toMatchObject({ code: 'StorageError', transient: true, message: "the storage host's name is not known" });
  });

  it('a name that resolves for ever', async () => {
    const http = connector({ resolve: () => new Promise(() => undefined), connectMillis: 30 });
    await expect(http.request('http://storage.example.org/')).rejects.toMatchObject({ message: 'the storage host did not answer in time' });
  });

  it('an aborted signal ends the call with its reason, and breaks the body', async () => {
    const port = await serverOf((request, response) => {
      request.resume();
      if (request.url === '/body') response.writeHead(200).write('x');
    });
    const http = connector();
    const reason = new Error('cancelled');
    await expect(http.request(`http://127.0.0.1:${port}/`, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const stuck = new Readable({ read: () => undefined });
    stuck.push('x');
    for (const body of [undefined, endless(), stuck]) {
      const controller = new AbortController();
      const call = http.request(`http://127.0.0.1:${port}/`, { signal: controller.signal, ...(body && { method: 'PUT', body }) });
      await once(servers[0] as Server, 'request');
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      if (body) expect(body.destroyed).toBe(true);
    }
    const controller = new AbortController();
    const answer = await http.request(`http://127.0.0.1:${port}/body`, { signal: controller.signal });
    controller.abort();
    await expect(text(answer.body)).rejects.toMatchObject({ name: 'AbortError' });
  });
});

function endless(): Readable {
  return new Readable({ read() { this.push(Buffer.alloc(65_536)); } });
}
