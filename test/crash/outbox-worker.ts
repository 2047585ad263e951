/**
 * A process that works on jobs and sends their events to a webhook, and can be held still at any place of a job's life, to be killed there:
 * before each statement of the transactions that begin and end a job, behind them, and around each step of a delivery. Many jobs are held at
 * the same time, each at a place of its own, so that one SIGKILL strikes all those places.
 *
 * It loads first, and starts when SIGUSR2 tells it to; HOLD_FILE says then what to hold. Each statement and place is one line on stdout.
 */
import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Client } from 'pg';
import { BackupRestoreModule, createPostgresTableBackend, NotificationEvent, webhook, WebhookSender } from '../../src/index';
import type { JobRow } from '../../src/jobs/job-rows';
import { ClaimedStep, StepLedger } from '../../src/jobs/step-ledger';
import type { JobHandler } from '../../src/jobs';
import { Claim, DeliveryLedger } from '../../src/notifications/delivery-ledger';

/** What to hold: jobs of one operation (of all, to tell of their places only), by what they work on. */
export interface Holds {
  readonly operation?: string;
  readonly places: Readonly<Record<string, string>>;
}

/** A line of the child's stdout. */
export interface Line {
  readonly operation: string;
  readonly subject: string;
  readonly place: string;
  readonly held: boolean;
  readonly sql?: string;
}

interface Scope {
  readonly job: JobRow;
  readonly transaction: 'begin' | 'end';
  statements: number;
}

const scopes = new AsyncLocalStorage<Scope>();
let holds: Holds = { places: {} };

function tell(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Goes on, or never. */
async function pass(operation: string, subject: string, place: string, sql?: string): Promise<void> {
  if (holds.operation !== undefined && operation !== holds.operation) return;
  const held = holds.places[subject] === place;
  tell({ operation, subject, place, held, ...(sql === undefined ? {} : { sql }) });
  if (held) await new Promise(() => undefined);
}

/** What the job's events call it: several kinds of jobs are one operation. */
function operationOf({ kind }: JobRow): string {
  return ['backup.create', 'backup.delete', 'restore'].find((operation) => kind.startsWith(operation)) ?? kind;
}

function watchTransactions(): void {
  const { begin, finish } = StepLedger.prototype;
  const within = async <T>(job: JobRow, transaction: Scope['transaction'], work: () => Promise<T>): Promise<T> => {
    const result = await scopes.run({ job, transaction, statements: 0 }, work);
    await pass(operationOf(job), job.subject_id, `${transaction}:done`);
    return result;
  };
  StepLedger.prototype.begin = function (step: ClaimedStep, handler: JobHandler) {
    return step.job.started_at === null ? within(step.job, 'begin', () => begin.call(this, step, handler)) : begin.call(this, step, handler);
  };
  StepLedger.prototype.finish = function (step, handler, outcome) {
    const last = step.cleanup || step.job.stage_index === handler.stages.length - 1;
    return last ? within(step.job, 'end', () => finish.call(this, step, handler, outcome)) : finish.call(this, step, handler, outcome);
  };
  const query = Client.prototype.query as (this: Client, ...given: unknown[]) => unknown;
  const watched = function (this: Client, ...given: unknown[]): unknown {
    const scope = scopes.getStore();
    if (scope === undefined) return query.apply(this, given);
    const { job, transaction } = scope;
    const place = `${transaction}:${(scope.statements += 1)}`;
    return pass(operationOf(job), job.subject_id, place, String(given[0])).then(() => query.apply(this, given));
  };
  Object.assign(Client.prototype, { query: watched });
}

function watchDeliveries(): void {
  const around = async (event: NotificationEvent, place: string): Promise<void> => {
    const { restore_job_id, backup_id } = event.payload;
    const [operation = '', phase] = event.event_type.replace('magnetodb.', '').split(/\.(?=\w+$)/);
    await pass(operation, String(restore_job_id ?? backup_id), `${phase === 'start' ? 'start' : 'terminal'}:${place}`);
  };
  const { send } = WebhookSender.prototype;
  WebhookSender.prototype.send = async function (event, signal) {
    await around(event, 'claimed');
    await send.call(this, event, signal);
    await around(event, 'sent');
  };
  const { delivered } = DeliveryLedger.prototype;
  DeliveryLedger.prototype.delivered = async function (sender: string, claim: Claim) {
    await delivered.call(this, sender, claim);
    if (sender === 'webhook') await around(claim.event, 'settled');
  };
}

async function start(): Promise<void> {
  const { DATABASE_URL = '', OBJECTS_URL = '', WEBHOOK_URL = '', WEBHOOK_SECRET = '', HOLD_FILE = '' } = process.env;
  if (HOLD_FILE !== '') holds = JSON.parse(readFileSync(HOLD_FILE, 'utf8')) as Holds;
  const plugin = {
    database: { url: DATABASE_URL, maxConnections: 60 },
    tables: await createPostgresTableBackend({ connectionString: DATABASE_URL }),
    auth: { authority: { kind: 'static', tokens: 'demo-token=demo:member' } as const },
    storage: { internalUrl: OBJECTS_URL },
    sweepSeconds: 0,
    jobs: { maxJobs: 100, maxJobsPerProject: 100, stepsPerProcess: 50, leaseSeconds: 60, maxAttempts: 100 },
    // Longer than anything is held.
    notifications: { timeoutSeconds: 100 },
    notificationSenders: [webhook(WEBHOOK_URL, [WEBHOOK_SECRET])],
  };

  @Module({ imports: [BackupRestoreModule.forRootAsync({ useFactory: () => plugin })] })
  class HostModule {}

  await NestFactory.createApplicationContext(HostModule, { logger: false, abortOnError: false });
}

const parent = process.ppid;
const waiting = setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, 1000);
process.once('SIGUSR2', () => {
  start().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? String(error.stack) : String(error)}\n`);
    clearInterval(waiting);
    process.exit(1);
  });
});
watchTransactions();
watchDeliveries();
process.stdout.write('loaded\n');
