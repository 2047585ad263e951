import { once } from 'node:events';
import { IncomingMessage, request } from 'node:http';
import { Json } from './management-server';

/** A watch of a project's jobs, read line by line. A connection of its own: fetch would open another one when it is cut. */
export class WatchClient {
  private readonly lines: AsyncGenerator<Json, void, void>;
  /** Everything that was read. */
  readonly told: Json[] = [];

  private constructor(readonly response: IncomingMessage) {
    this.lines = readLines(response);
  }

  static async open(url: string, headers: Record<string, string> = { 'X-Auth-Token': 'demo-token' }): Promise<WatchClient> {
    const asked = request(url, { headers, agent: false });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.on('error', () => undefined);
    return new WatchClient(response);
  }

  /** The next line; undefined at the end. */
  async next(): Promise<Json | undefined> {
    const { value, done } = await this.lines.next();
    if (done === true || value === undefined) return undefined;
    this.told.push(value);
    return value;
  }

  /** Reads on until a line is as wanted. */
  async until(wanted: (line: Json) => boolean): Promise<Json> {
    for (;;) {
      const line = await this.next();
      if (line === undefined) throw new Error(`the watch ended before what was waited for: ${JSON.stringify(this.told)}`);
      if (wanted(line)) return line;
    }
  }

  close(): void {
    this.response.destroy();
  }
}

async function* readLines(response: IncomingMessage): AsyncGenerator<Json, void, void> {
  let rest = '';
  response.setEncoding('utf8');
  for await (const text of response) {
    const lines = (rest + String(text)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line) as Json;
  }
  if (rest !== '') throw new Error(`half a line: ${rest}`);
}
