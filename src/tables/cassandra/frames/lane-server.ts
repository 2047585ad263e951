import type { MessagePort } from 'node:worker_threads';
import { TableSchema, isDomainError } from '../../../kernel';
import { Layout } from '../layout';
import { LineMemory } from './line-memory';
import { LaneFailure, LaneOptions, LanePage, LaneReply, LaneRequest } from './lane-messages';
import { NodeConnection, TooMuch } from './node-connection';
import { FrameRows } from './frame-rows';
import { PageLines } from './page-lines';
import { expectedTypes } from './raw-row';
import { ServerError, pageHeadOf } from './wire';

const MOST_TABLES = 100;
/** One for each range that is being read. */
const MOST_AHEAD = 8;

interface Table {
  readonly layout: Layout;
  readonly lines: PageLines;
  readonly types: string;
}

class Unsupported extends Error {}

/** The worker's side of the lane: reads pages on connections of its own, one a node, and answers with lines. */
export class LaneServer {
  private readonly connections = new Map<string, Promise<NodeConnection>>();
  private readonly tables = new Map<string, Table>();
  private readonly memory = new LineMemory();
  private readonly rows = new FrameRows();
  /** Pages that were begun before anybody asked, each once. */
  private readonly ahead = new Map<string, Promise<LanePage>>();

  constructor(private readonly options: LaneOptions) {}

  /** Answers what comes through a port, until it is closed. */
  serve(port: MessagePort): void {
    port.on('message', (request: LaneRequest) => {
      this.page(request).then(
        (page) => answer(port, { id: request.id, page }, page),
        (error: unknown) => answer(port, { id: request.id, failure: failureOf(error) }),
      );
    });
    port.on('close', () => void this.close());
  }

  /** Reads a page, unless that has begun already; as soon as its state is there, the next one is asked for: nodes do not wait for lines to be made. */
  page(request: LaneRequest): Promise<LanePage> {
    this.memory.take(request.spares);
    const key = nameOf(request);
    const begun = this.ahead.get(key);
    this.ahead.delete(key);
    return begun ?? this.read(request);
  }

  private readAhead(request: LaneRequest): void {
    const [oldest] = this.ahead.keys();
    // Nobody came for it: the range was given up, or cut.
    if (this.ahead.size >= MOST_AHEAD && oldest !== undefined) this.ahead.delete(oldest);
    const page = this.read(request);
    page.catch(() => undefined);
    this.ahead.set(nameOf(request), page);
  }

  private async read(request: LaneRequest): Promise<LanePage> {
    const { layout, lines, types } = this.table(request);
    const query = `SELECT ${layout.selection} FROM ${layout.cqlName} WHERE ${request.where}`;
    const connection = await this.connection(request.address);
    const told = await connection.columnTypes(query);
    if (told.join() !== types) throw new Unsupported('columns of other types');
    const { values, fetchSize: pageSize, pageState } = request;
    const execution = { consistency: this.options.consistency, values, pageSize, pageState: pageState === undefined ? undefined : Buffer.from(pageState, 'hex') };
    return connection.execute(query, execution, (frame) => {
      const head = pageHeadOf(frame);
      const next = head.pageState?.toString('hex');
      if (next !== undefined && pageState !== undefined && request.ahead) this.readAhead({ ...request, pageState: next });
      return { ...lines.encode(frame.body, head, request), pageState: next };
    });
  }

  async close(): Promise<void> {
    const open = [...this.connections.values()];
    this.connections.clear();
    for (const connection of await Promise.allSettled(open)) if (connection.status === 'fulfilled') connection.value.close();
  }

  private table({ schema, cqlName, indexRows }: LaneRequest): Table {
    const known = this.tables.get(cqlName);
    if (known) return known;
    const layout = new Layout(schema as TableSchema, cqlName, indexRows);
    const table = { layout, lines: new PageLines(layout, this.memory, this.rows), types: expectedTypes(layout).join() };
    const [oldest] = this.tables.keys();
    if (this.tables.size >= MOST_TABLES && oldest !== undefined) this.tables.delete(oldest);
    this.tables.set(cqlName, table);
    return table;
  }

  private async connection(address: string): Promise<NodeConnection> {
    const known = await this.connections.get(address);
    if (known?.isOpen === true) return known;
    // Of those who come at once, the first makes it.
    const again = this.connections.get(address);
    if (again && (await again) !== known) return again;
    const made = NodeConnection.open(address, this.options);
    this.connections.set(address, made);
    made.catch(() => {
      if (this.connections.get(address) === made) this.connections.delete(address);
    });
    return made;
  }
}

/** What a page is the answer to, but for its size and the node. */
function nameOf({ cqlName, where, values, pageState = '', digestOnly, blockBytes, cutoff }: LaneRequest): string {
  return [cqlName, where, ...values.map((value) => Buffer.from(value).toString('base64')), pageState, digestOnly, blockBytes, cutoff].join('\0');
}

/** The memory of lines changes hands. */
function answer(port: MessagePort, reply: LaneReply, page?: LanePage): void {
  port.postMessage(reply, page ? page.blocks.map(({ lines }) => lines.buffer as ArrayBuffer).filter(({ byteLength }) => byteLength > 0) : []);
}

function failureOf(error: unknown): LaneFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ServerError) return { kind: 'server', code: error.code, message };
  if (error instanceof TooMuch) return { kind: 'too-much', code: 0, message };
  if (error instanceof Unsupported) return { kind: 'unsupported', code: 0, message };
  return { kind: isDomainError(error, 'ValidationError') ? 'item' : 'broken', code: 0, message };
}
