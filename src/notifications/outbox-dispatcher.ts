import type { DataSource } from 'typeorm';
import { storableText } from '../kernel';
import { Claim, DeliveryLedger } from './delivery-ledger';
import type { NotificationLog } from './notification-log';
import { DeliveryError, NotificationSender } from './notification-sender';
import { PollLoop } from './poll-loop';

/** How notifications are delivered, the same for every sender. */
export interface NotificationSettings {
  /** A delivery that takes longer has failed. Default 15. */
  readonly timeoutSeconds?: number;
  /** An event that could not be delivered for so long is given up. Default 7 days. */
  readonly giveUpAfterSeconds?: number;
  /** An event that failed so often is given up. Default: however often. */
  readonly maxAttempts?: number;
  /** Events are forgotten so long after they happened, dead letters so long after they were given up. Default 30 days. */
  readonly retentionSeconds?: number;
}

export interface OutboxDispatcherOptions {
  readonly dataSource: DataSource;
  readonly senders: readonly NotificationSender[];
  readonly log: NotificationLog;
  /** Runs a delivery such that what is logged on the way has these fields too. Default: it just runs. */
  readonly within?: (fields: object, work: () => Promise<void>) => Promise<void>;
  /** How often to look without being woken. Default 1000. */
  readonly pollMillis?: number;
  /** Deliveries of one sender at the same time in this process. They hold no database connection. Default 8. */
  readonly concurrency?: number;
  /** A call of `send` that takes longer has failed; twice as long after a claim others may take it. Default 15,000. */
  readonly sendTimeoutMillis?: number;
  /** Pause before the second try; it doubles with each, up to `maxBackoffMillis`. Defaults 1000 and 300,000. */
  readonly backoffMillis?: number;
  readonly maxBackoffMillis?: number;
  /** An event that could not be delivered for so long is given up, with an error in the log. Default 7 days. */
  readonly giveUpAfterMillis?: number;
  /** An event that failed so often is given up. Default: however often. */
  readonly maxAttempts?: number;
  /** Events are kept for so long after they happened, dead letters after they were given up. Default 30 days. */
  readonly retentionMillis?: number;
  /** 0 ≤ n < 1, for jitter. Default `Math.random`. */
  readonly random?: () => number;
}

const DAY = 86_400_000;
/** A pass only claims and asks the database, whose statements are bounded. */
const HUNG_MILLIS = 120_000;
const SWEEP_EVERY_MILLIS = 3_600_000;
/** No receiver makes the outbox wait longer at one time. */
const MAX_HOLD_MILLIS = 3_600_000;
const MAX_ERROR_LENGTH = 500;
const DEFAULTS = {
  pollMillis: 1000,
  concurrency: 8,
  sendTimeoutMillis: 15_000,
  backoffMillis: 1000,
  maxBackoffMillis: 300_000,
  giveUpAfterMillis: 7 * DAY,
  maxAttempts: 2 ** 31 - 1,
  retentionMillis: 30 * DAY,
  random: Math.random,
  within: (_fields: object, work: () => Promise<void>): Promise<void> => work(),
};

/** The dispatcher's options of what a host says. */
export function dispatcherOptions({ timeoutSeconds, giveUpAfterSeconds, maxAttempts, retentionSeconds }: NotificationSettings): Partial<OutboxDispatcherOptions> {
  return {
    ...(timeoutSeconds === undefined ? {} : { sendTimeoutMillis: timeoutSeconds * 1000 }),
    ...(giveUpAfterSeconds === undefined ? {} : { giveUpAfterMillis: giveUpAfterSeconds * 1000 }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(retentionSeconds === undefined ? {} : { retentionMillis: retentionSeconds * 1000 }),
  };
}

/**
 * Sends the outbox's events: at least once, in order for each job, shared by all processes (docs/adr/0007-webhooks.md). Each sender has a
 * queue of its own, and a failing event waits without holding up those of other jobs.
 */
export class OutboxDispatcher {
  private readonly queues: readonly SenderQueue[];
  private readonly sweeps: PollLoop;

  constructor(given: OutboxDispatcherOptions) {
    const options = { ...DEFAULTS, ...given };
    const ledger = new DeliveryLedger(options.dataSource);
    const names = options.senders.map(({ name }) => name);
    if (new Set(names).size !== names.length) throw new Error('two notification senders have one name');
    this.queues = options.senders.map((sender) => new SenderQueue(sender, ledger, options));
    this.sweeps = new PollLoop(
      async () => {
        // Another process may know the sender, since it was started later: it has an hour at least.
        const count = await ledger.giveUpOrphans(names, Math.max(options.giveUpAfterMillis, SWEEP_EVERY_MILLIS));
        if (count > 0) options.log.error({ deliveries: count }, 'notifications for a sender that is not configured any more were given up');
        await ledger.purge(options.retentionMillis);
      },
      SWEEP_EVERY_MILLIS,
      (err) => options.log.warn({ err }, 'the sweep of the notifications failed; it will be tried again'),
    );
  }

  start(): void {
    for (const queue of this.queues) queue.loop.start();
    this.sweeps.start();
  }

  /** Looks at once: to be called when EVENTS_CHANNEL announces something. */
  wake(): void {
    for (const queue of this.queues) queue.loop.wake();
  }

  /** Does it look for what is to be sent, to whomever? Receivers that refuse make it no less healthy. */
  get healthy(): boolean {
    return this.queues.every(({ loop }) => loop.healthy(HUNG_MILLIS));
  }

  /** Resolves when what is being sent has been sent, or has failed, and the senders have let go of their receivers. */
  async stop(): Promise<void> {
    await Promise.all([this.sweeps.stop(), ...this.queues.map((queue) => queue.stop())]);
  }
}

type Options = OutboxDispatcherOptions & typeof DEFAULTS;

const limitsOf = (options: Options) => ({ afterMillis: options.giveUpAfterMillis, afterAttempts: options.maxAttempts });

/** One sender's deliveries in this process. */
class SenderQueue {
  readonly loop: PollLoop;
  private readonly inFlight = new Set<Promise<void>>();
  /** Monotonic milliseconds. The receiver wants nothing before. */
  private heldUntil = 0;
  private stopping = false;

  constructor(
    private readonly sender: NotificationSender,
    private readonly ledger: DeliveryLedger,
    private readonly options: Options,
  ) {
    this.loop = new PollLoop(
      () => this.claimAll(),
      options.pollMillis,
      (err) => this.complain(err),
    );
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.loop.stop();
    await Promise.all(this.inFlight);
    await this.sender.close?.().catch((err: unknown) => this.complain(err));
  }

  /** Takes as much as there are places free; whatever ends looks again. */
  private async claimAll(): Promise<void> {
    const free = this.options.concurrency - this.inFlight.size;
    if (this.stopping || free === 0 || performance.now() < this.heldUntil) return;
    const claimedAt = performance.now();
    const claims = await this.ledger.claim(this.sender.name, free, this.options.sendTimeoutMillis * 2);
    for (const claim of claims) {
      const delivery = this.options
        .within({ job_id: claim.jobId }, () => this.deliver(claim, claimedAt))
        .catch((err: unknown) => this.complain(err))
        .finally(() => {
          this.inFlight.delete(delivery);
          this.loop.wake();
        });
      this.inFlight.add(delivery);
    }
  }

  private async deliver(claim: Claim, claimedAt: number): Promise<void> {
    // The claim may be another's soon, if the database or this process was stopped meanwhile: then it is left to end.
    const leftMillis = claimedAt + this.options.sendTimeoutMillis - performance.now();
    if (leftMillis <= 0) return;
    const failure = await this.attempt(claim, leftMillis);
    if (failure === undefined) await this.ledger.delivered(this.sender.name, claim);
    else await this.postpone(claim, failure.error);
  }

  private async attempt({ event }: Claim, timeoutMillis: number): Promise<{ error: unknown } | undefined> {
    const abort = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const error = new DeliveryError('the receiver did not answer in time');
        abort.abort(error);
        reject(error);
      }, timeoutMillis);
    });
    try {
      await Promise.race([this.sender.send(event, abort.signal), timeout]);
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      clearTimeout(timer);
    }
  }

  private async postpone(claim: Claim, err: unknown): Promise<void> {
    const { log } = this.options;
    const { refused, retryAfterMillis = 0 } = err instanceof DeliveryError ? err : new DeliveryError('');
    const holdMillis = Math.min(retryAfterMillis, MAX_HOLD_MILLIS);
    this.heldUntil = Math.max(this.heldUntil, performance.now() + holdMillis);
    const pauseMillis = Math.max(this.backoff(claim.attempts), holdMillis);
    const failure = { error: messageOf(err), refused, pauseMillis };
    const again = await this.ledger.failed(this.sender.name, claim, failure, limitsOf(this.options));
    const facts = { err, sender: this.sender.name, message_id: claim.event.message_id, attempts: claim.attempts };
    if (!again) log.error(facts, 'a notification could not be delivered and was given up');
    // The 1st, 2nd, 4th, 8th…: a receiver that is away for days does not fill the log.
    else if (Number.isInteger(Math.log2(claim.attempts))) log.warn(facts, 'a notification could not be delivered; trying again later');
  }

  /** Doubles with each attempt. Between half of it and all: what failed together does not come back together. */
  private backoff(attempts: number): number {
    const { backoffMillis, maxBackoffMillis, random } = this.options;
    const bound = Math.min(backoffMillis * 2 ** Math.min(attempts - 1, 30), maxBackoffMillis);
    return Math.round((bound * (1 + random())) / 2);
  }

  private complain(err: unknown): void {
    this.options.log.warn({ err, sender: this.sender.name }, 'notifications are held up; trying again');
  }
}

/** What is kept and shown. Senders say nothing of their receivers; what anything else says (a host's listener, a driver) may quote data. */
function messageOf(error: unknown): string {
  if (error instanceof DeliveryError) return storableText(error.message).slice(0, MAX_ERROR_LENGTH);
  return `the sender failed (${error instanceof Error ? error.name : typeof error})`;
}
