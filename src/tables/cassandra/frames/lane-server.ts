import type { MessagePort } from 'node:worker_threads';
import { TableSchema, isDomainError } from '../../../kernel';
import { Layout } from '../layout';
import { LineMemory } from './line-memory';
import { LaneFailure, LaneOptions, LanePage, LaneReply, LaneRequest } from './lane-messages';
import { NodeConnection, TooMuch } from './node-connection';
import { PageLines } from './page-lines';
import { expectedTypes } from './raw-row';
import { ServerError, pageHeadOf } from './wire';

const MOST_TABLES = 100;

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

  async page(request: LaneRequest): Promise<LanePage> {
    const { layout, lines, types } = this.table(request);
    const query = `SELECT ${layout.selection} FROM ${layout.cqlName} WHERE ${request.where}`;
    const connection = await this.connection(request.address);
    const told = await connection.columnTypes(query);
    if (told.join() !== types) throw new Unsupported('columns of other types');
    const { values, fetchSize: pageSize, pageState, spares } = request;
    this.memory.take(spares);
    const execution = { consistency: this.options.consistency, values, pageSize, pageState: pageState === undefined ? undefined : Buffer.from(pageState, 'hex') };
    return connection.execute(query, execution, (frame) => {
      const head = pageHeadOf(frame);
      return { ...lines.encode(frame.body, head, request), pageState: head.pageState?.toString('hex') };
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
    const table = { layout, lines: new PageLines(layout, this.memory), types: expectedTypes(layout).join() };
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
