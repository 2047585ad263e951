import { Host, errors, types } from 'cassandra-driver';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { AddressInfo, Server, Socket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConnectionOptions, createServer as createTlsServer } from 'node:tls';
import { schemaOf } from '../../../../test/contract/table-backend/harness';
import { until } from '../../../../test/setup/until';
import { BlockPage, BlockRequest } from '../block-pages';
import { Layout } from '../layout';
import { tokenSlice } from '../positions';
import { FrameBlockPages } from './frame-block-pages';
import { FrameReader, OPCODES } from './wire';

const layout = new Layout(schemaOf({ h: 'S' }, 'h'), '"u_demo"."u_1"', false);
const REQUEST = { content: { layout, schema: layout.schema, generation: 'g' }, digestOnly: false, blockBytes: 1_000_000, cutoff: 0 } as unknown as BlockRequest;
/** So that a thread can load sources. */
const THREAD = ['-r', join(__dirname, '../../../../test/setup/swc-register.js')];
const COLUMN_TYPES = [[13], [2], [2], [0x20, 9], [0x20, 9], [0x21, 13, 13], [0x21, 13, 3]];

const int32 = (value: number): Buffer => Buffer.of((value >> 24) & 255, (value >> 16) & 255, (value >> 8) & 255, value & 255);
const int16 = (value: number): Buffer => Buffer.of(value >> 8, value & 255);
const text = (value: string): Buffer => Buffer.concat([int16(value.length), Buffer.from(value)]);
const cell = (bytes: Buffer | null): Buffer => (bytes === null ? int32(-1) : Buffer.concat([int32(bytes.length), bytes]));

const prepared = (columns = COLUMN_TYPES): Buffer =>
  Buffer.concat([
    ...[int32(4), text('id'), int32(1), int32(1), int32(1), int16(0), text('k'), text('t'), text('h'), int16(13)],
    ...[int32(1), int32(columns.length), text('k'), text('t')],
    ...columns.flatMap((type, index) => [text(`c${index}`), ...type.map(int16)]),
  ]);
const row = (hash: string): Buffer => Buffer.concat([cell(Buffer.from(hash)), cell(Buffer.alloc(8)), cell(Buffer.alloc(8)), cell(null), cell(null), cell(null), cell(null)]);
const page = (state: string | undefined, ...hashes: string[]): Buffer =>
  Buffer.concat([int32(2), int32(state === undefined ? 4 : 6), int32(7), ...(state === undefined ? [] : [cell(Buffer.from(state))]), int32(hashes.length), ...hashes.map(row)]);
const error = (code: number): Buffer => Buffer.concat([int32(code), text('no')]);

type Reply = { readonly opcode: number; readonly body: Buffer; readonly flags?: number } | 'silence' | 'goodbye' | 'huge';
const result = (body: Buffer): Reply => ({ opcode: OPCODES.result, body });
const failure = (code: number): Reply => ({ opcode: OPCODES.error, body: error(code) });

/** Speaks as much of the protocol as the lane hears. */
class FakeNode {
  /** Bodies of EXECUTE. */
  readonly executed: Buffer[] = [];
  readonly opcodes: number[] = [];
  /** Answers to EXECUTE, one after the other. */
  replies: Reply[] = [];
  columns = COLUMN_TYPES;
  password: string | undefined;
  readonly sockets = new Set<Socket>();
  private readonly server: Server;

  constructor(certificate?: { readonly key: Buffer; readonly cert: Buffer }) {
    const serve = (socket: Socket): void => {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      const reader = new FrameReader(
        (stream, { opcode, body }) => this.hear(socket, stream, opcode, Buffer.from(body)),
        () => undefined,
      );
      socket.on('data', (piece: Buffer) => reader.take(piece));
    };
    this.server = certificate ? createTlsServer(certificate, serve) : createServer(serve);
    this.server.on('tlsClientError', () => undefined);
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private hear(socket: Socket, stream: number, opcode: number, body: Buffer): void {
    this.opcodes.push(opcode);
    if (opcode === OPCODES.execute) this.executed.push(body);
    const reply = this.replyTo(opcode, body);
    if (reply === 'goodbye') socket.destroy();
    if (reply === 'huge') socket.write(Buffer.concat([Buffer.of(0x84, 0), int16(stream), Buffer.of(OPCODES.result), int32(0x7000_0000)]));
    if (typeof reply === 'string') return;
    const header = Buffer.concat([Buffer.of(0x84, reply.flags ?? 0), int16(stream), Buffer.of(reply.opcode), int32(reply.body.length)]);
    // In two pieces: frames may have to be put together.
    socket.write(Buffer.concat([header, reply.body.subarray(0, 3)]));
    socket.write(reply.body.subarray(3));
  }

  private replyTo(opcode: number, body: Buffer): Reply {
    const nothing = Buffer.alloc(0);
    if (opcode === OPCODES.startup) return { opcode: this.password === undefined ? OPCODES.ready : OPCODES.authenticate, body: nothing };
    if (opcode === OPCODES.authResponse) return body.toString().endsWith(`\0user\0${this.password ?? ''}`) ? { opcode: OPCODES.authSuccess, body: nothing } : failure(0x0100);
    if (opcode === OPCODES.prepare) return result(prepared(this.columns));
    return this.replies.shift() ?? result(page(undefined, 'a'));
  }
}

describe('the lane of frames', () => {
  let node: FakeNode;
  let host: Host;
  const lanes: FrameBlockPages[] = [];
  const byDriver: BlockPage = { blocks: [], rows: 0, bytes: 0, last: undefined, pageState: 'of the driver' };
  const driver = { read: jest.fn(async () => byDriver), giveBack: () => undefined };

  beforeEach(async () => {
    node = new FakeNode();
    host = { address: await node.listen() } as Host;
    driver.read.mockClear();
  });
  afterEach(async () => {
    await Promise.all(lanes.splice(0).map((lane) => lane.close()));
    node.close();
  });

  function laneOf(options: { password?: string; requestMillis?: number; tls?: ConnectionOptions } = {}, execArgv: string[] = []): FrameBlockPages {
    const { password, requestMillis = 60_000, tls } = options;
    const lane = new FrameBlockPages(
      {
        ...{ connectMillis: 60_000, requestMillis, consistency: types.consistencies.localQuorum },
        credentials: password === undefined ? undefined : { username: 'user', password },
        tls,
      },
      driver,
      execArgv,
    );
    lanes.push(lane);
    return lane;
  }

  const ask = (more: { fetchSize?: number; pageState?: string; ahead?: boolean } = {}) => ({ slice: tokenSlice(layout, { token: -5n }, { token: 7n }), fetchSize: 10, pageState: undefined, node: host, ...more });
  const linesOf = ({ blocks }: BlockPage): string => blocks.map(({ lines }) => lines.toString()).join('');
  const line = (hash: string): string => `{"Item":{"h":{"S":"${hash}"}}}\n`;

  it('reads pages one behind the other, with the parameters of the slice and the consistency that is set', async () => {
    node.replies = [result(page('state', 'a', 'b')), result(page(undefined, 'c'))];
    const lane = laneOf();
    const first = await lane.read(REQUEST, ask());
    expect([linesOf(first), first.rows, first.last, first.pageState]).toEqual([line('a') + line('b'), 2, { hash: Buffer.from('b'), range: undefined }, Buffer.from('state').toString('hex')]);
    const second = await lane.read(REQUEST, ask({ fetchSize: 7, pageState: first.pageState ?? '' }));
    expect([linesOf(second), second.pageState]).toEqual([line('c'), undefined]);
    const long = (token: number): Buffer => Buffer.concat([int32(8), int32(token < 0 ? -1 : 0), int32(token)]);
    const execution = (flags: number, size: number, state: Buffer): Buffer => Buffer.concat([text('id'), int16(6), Buffer.of(flags), int16(2), long(-5), long(7), int32(size), state]);
    expect(node.executed).toEqual([execution(0x07, 10, Buffer.alloc(0)), execution(0x0f, 7, cell(Buffer.from('state')))]);
    expect(node.opcodes.filter((opcode) => opcode === OPCODES.prepare)).toHaveLength(1);
    expect(driver.read).not.toHaveBeenCalled();
  });

  it('works in a thread of its own', async () => {
    const lane = laneOf({}, THREAD);
    const both = await Promise.all([lane.read(REQUEST, ask()), lane.read(REQUEST, ask())]);
    expect(both.map(linesOf)).toEqual([line('a'), line('a')]);
    expect(both[0]?.blocks[0]?.digest.itemCount).toBe(1);
  });

  it.each([
    ['in this thread', []],
    ['in one of its own', THREAD],
  ])('uses the memory of lines again that are given back, %s', async (_where, execArgv) => {
    const long = 'x'.repeat(200_000);
    node.replies = [result(page(undefined, long, 'b')), result(page(undefined, 'c', long)), result(page(undefined, 'd'))];
    const lane = laneOf({}, execArgv);
    const [first] = (await lane.read(REQUEST, ask())).blocks;
    if (!first) throw new Error('no block');
    expect(first.lines.toString()).toBe(line(long) + line('b'));
    lane.giveBack(first.lines);
    const second = await lane.read(REQUEST, ask());
    expect(linesOf(second)).toBe(line('c') + line(long));
    expect(first.lines).toHaveLength(0);
    // What is not given back stays as it is.
    expect(linesOf(await lane.read(REQUEST, ask()))).toBe(line('d'));
    expect(linesOf(second)).toBe(line('c') + line(long));
  });

  it('asks for the page behind one before anybody comes for it, once, and tells its failure to who comes', async () => {
    const lane = laneOf();
    const hex = (state: string): string => Buffer.from(state).toString('hex');
    node.replies = [result(page('2', 'a')), result(page('3', 'b')), result(page('4', 'c')), failure(types.responseErrorCodes.readTimeout), result(page(undefined, 'd'))];
    await lane.read(REQUEST, ask());
    expect(linesOf(await lane.read(REQUEST, ask({ pageState: hex('2') })))).toBe(line('b'));
    await until(async () => node.executed.length === 3);
    expect(linesOf(await lane.read(REQUEST, ask({ pageState: hex('3') })))).toBe(line('c'));
    await until(async () => node.executed.length === 4);
    await expect(lane.read(REQUEST, ask({ pageState: hex('4') }))).rejects.toBeInstanceOf(errors.ResponseError);
    expect(linesOf(await lane.read(REQUEST, ask({ pageState: hex('4'), fetchSize: 2 })))).toBe(line('d'));
    expect(node.executed).toHaveLength(5);
  });

  it('asks for no page ahead where requests are counted', async () => {
    const lane = laneOf();
    const hex = (state: string): string => Buffer.from(state).toString('hex');
    node.replies = [result(page('2', 'a')), result(page('3', 'b')), result(page('4', 'c')), result(page('5', 'd'))];
    await lane.read(REQUEST, ask());
    await lane.read(REQUEST, ask({ pageState: hex('2'), ahead: false }));
    // Had it asked for the third by itself, this one would be that answer, and there would be four.
    expect(linesOf(await lane.read(REQUEST, ask({ pageState: hex('other'), ahead: false })))).toBe(line('c'));
    expect(node.executed).toHaveLength(3);
  });

  it('logs in with a password, and leaves a node that it cannot enter to the driver', async () => {
    node.password = 'secret';
    expect(linesOf(await laneOf({ password: 'secret' }).read(REQUEST, ask()))).toBe(line('a'));
    const stranger = laneOf({ password: 'wrong' });
    await expect(stranger.read(REQUEST, ask())).rejects.toBeInstanceOf(errors.ResponseError);
    const nobody = laneOf();
    for (let tries = 0; tries < 4; tries++) await expect(nobody.read(REQUEST, ask())).rejects.toBeInstanceOf(errors.NoHostAvailableError);
    expect(await nobody.read(REQUEST, ask())).toBe(byDriver);
  });

  it('speaks TLS with the certificates that it was told, from its thread, and with nobody else', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'frames-tls-'));
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-days', '2', '-subj', '/CN=node', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile, '-out', certFile, ...subject], { stdio: 'ignore' });
    const [key, ca] = [readFileSync(keyFile), readFileSync(certFile)];
    rmSync(folder, { recursive: true });
    const secured = new FakeNode({ key, cert: ca });
    try {
      host = { address: await secured.listen() } as Host;
      expect(linesOf(await laneOf({ tls: { ca, rejectUnauthorized: true } }, THREAD).read(REQUEST, ask()))).toBe(line('a'));
      await expect(laneOf({ tls: { rejectUnauthorized: true } }).read(REQUEST, ask())).rejects.toBeInstanceOf(errors.NoHostAvailableError);
      expect(secured.executed).toHaveLength(1);
    } finally {
      secured.close();
    }
  });

  it('prepares again what a node has forgotten, and connects again where it hung up', async () => {
    node.replies = [failure(0x2500)];
    const lane = laneOf();
    expect(linesOf(await lane.read(REQUEST, ask()))).toBe(line('a'));
    expect(node.opcodes.filter((opcode) => opcode === OPCODES.prepare)).toHaveLength(2);
    node.replies = ['goodbye'];
    await expect(lane.read(REQUEST, ask())).rejects.toBeInstanceOf(errors.NoHostAvailableError);
    expect(linesOf(await lane.read(REQUEST, ask()))).toBe(line('a'));
    expect(node.sockets.size).toBe(2);
  });

  it("tells the node's errors and the want of an answer as the driver would, and goes on", async () => {
    node.replies = [failure(types.responseErrorCodes.readFailure), 'silence'];
    const refused = laneOf().read(REQUEST, ask());
    await expect(refused).rejects.toBeInstanceOf(errors.ResponseError);
    await expect(refused).rejects.toMatchObject({ code: types.responseErrorCodes.readFailure });
    await expect(laneOf({ requestMillis: 300 }).read(REQUEST, ask())).rejects.toBeInstanceOf(errors.OperationTimedOutError);
  });

  it('takes no page that is larger than memory bears, where a smaller one could be asked for', async () => {
    node.replies = ['huge'];
    await expect(laneOf().read(REQUEST, ask())).rejects.toBeInstanceOf(errors.OperationTimedOutError);
  });

  it('looks behind warnings for the rows', async () => {
    const warned = { opcode: OPCODES.result, flags: 0x08, body: Buffer.concat([int16(1), text('many tombstones'), page(undefined, 'w')]) };
    node.replies = [warned];
    expect(linesOf(await laneOf().read(REQUEST, ask()))).toBe(line('w'));
  });

  it('leaves to the driver: columns of other types, options that no thread can be told, any node', async () => {
    node.columns = [[1], ...COLUMN_TYPES.slice(1)];
    const lane = laneOf();
    for (let tries = 0; tries < 2; tries++) expect(await lane.read(REQUEST, ask())).toBe(byDriver);
    expect(node.opcodes.filter((opcode) => opcode === OPCODES.prepare)).toHaveLength(1);
    expect(await laneOf({ tls: { checkServerIdentity: () => undefined } }, THREAD).read(REQUEST, ask())).toBe(byDriver);
    expect(await laneOf().read(REQUEST, { ...ask(), node: undefined })).toBe(byDriver);
  });
});
