import { ApiConnection } from '../api-connection';
import { Call, Command } from '../command';
import { EXIT, usageError } from '../exit-codes';
import { showValue, tableLines } from '../output';

const PATH = '/v1/management/notifications/dead-letters';
const PAGE = 1000;

/** A notification that could not be delivered, as the API shows it. */
interface DeadLetter extends Readonly<Record<string, unknown>> {
  readonly id: string;
  readonly event: { readonly event_type: string; readonly payload: Readonly<Record<string, unknown>> };
}

interface Page {
  readonly dead_letters: readonly DeadLetter[];
  readonly last_evaluated_dead_letter_id?: string;
}

const ACTIONS = ['list', 'retry', 'discard'] as const;
type Action = (typeof ACTIONS)[number];

export const deadLetters: Command = {
  name: 'dead-letters',
  summary: 'notifications that could not be delivered: list (default), retry or discard them',
  arguments: ['[ACTION]', '[ID]'],
  online: true,
  options: {
    all: { help: 'retry or discard all of them, instead of one ID' },
    sender: { value: 'NAME', help: 'only those of this sender, e.g. webhook-audit' },
    limit: { value: 'COUNT', help: 'at most so many, in order of ids (default: all)' },
  },
  examples: ['dead-letters', 'dead-letters retry 0190a5b2-…', 'dead-letters retry --all --sender webhook-audit'],
  async run(call) {
    const action = ACTIONS.find((each) => each === (call.argument(0) ?? 'list'));
    if (action === undefined) throw usageError(`dead-letters can ${ACTIONS.join(', ')}`);
    const id = call.argument(1);
    if (action === 'list' ? id !== undefined || call.flag('all') : (id === undefined) !== call.flag('all')) {
      throw usageError(action === 'list' ? 'list takes neither an ID nor --all' : `${action} takes an ID or --all`);
    }
    const api = ApiConnection.of(call);
    if (action === 'list') await list(api, call);
    else if (id !== undefined) await carryOut(api, call, action, id);
    else for await (const page of pages(api, call)) for (const letter of page) await carryOut(api, call, action, letter.id);
    return EXIT.ok;
  },
};

async function list(api: ApiConnection, call: Call): Promise<void> {
  let head = [['ID', 'SENDER', 'EVENT', 'PROJECT', 'TABLE', 'ATTEMPTS', 'GIVEN UP', 'ERROR']];
  for await (const page of pages(api, call)) {
    if (call.json) for (const letter of page) await call.io.out.json(letter);
    else if (page.length > 0) await call.io.out.write(tableLines([...head, ...page.map(rowOf)]));
    head = [];
  }
}

function rowOf({ id, sender, event, attempts, given_up_at, error }: DeadLetter): string[] {
  const { project_id, table_name } = event.payload;
  return [id, sender, event.event_type, project_id, table_name, attempts, given_up_at, error].map(showValue);
}

async function* pages(api: ApiConnection, call: Call): AsyncGenerator<readonly DeadLetter[]> {
  const sender = call.text('sender');
  let start: string | undefined;
  for (let left = call.integer('limit') ?? Infinity; left > 0; left -= PAGE) {
    const query = new URLSearchParams({ limit: String(Math.min(left, PAGE)), ...(sender === undefined ? {} : { sender }) });
    if (start !== undefined) query.set('exclusive_start_dead_letter_id', start);
    const page = await api.call<Page>('GET', `${PATH}?${query.toString()}`);
    yield page.dead_letters;
    start = page.last_evaluated_dead_letter_id;
    if (start === undefined) return;
  }
}

async function carryOut(api: ApiConnection, call: Call, action: Exclude<Action, 'list'>, id: string): Promise<void> {
  const path = `${PATH}/${encodeURIComponent(id)}`;
  const letter = await (action === 'retry' ? api.call<DeadLetter>('POST', `${path}/retry`) : api.call<DeadLetter>('DELETE', path));
  if (call.json) await call.io.out.json(letter);
  else await call.io.out.line(letter.id);
}
