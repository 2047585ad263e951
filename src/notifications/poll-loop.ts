/** Runs a pass now and then, and at once when woken; never two at a time, and a wake during a pass means one more. */
export class PollLoop {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private stopped = true;
  private failed = false;
  /** Monotonic milliseconds; undefined: no pass runs. */
  private passBegan: number | undefined;

  constructor(
    private readonly pass: () => Promise<void>,
    private readonly intervalMillis: number,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    this.stopped = false;
    this.wake();
  }

  wake(): void {
    if (this.stopped) return;
    this.again = true;
    if (this.running !== undefined) return;
    clearTimeout(this.timer);
    // Not before `running` is set: the pass may wake the loop itself.
    const pass = Promise.resolve().then(() => this.run());
    this.running = pass.finally(() => {
      this.running = undefined;
      if (this.stopped) return;
      if (this.again) this.wake();
      else this.timer = setTimeout(() => this.wake(), this.intervalMillis);
    });
  }

  /** Resolves when the pass that is running is over; there is none after that. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Is it at work? Not if it was stopped, its newest pass failed, or the present one takes longer than that. */
  healthy(patienceMillis: number): boolean {
    const hangs = this.passBegan !== undefined && performance.now() - this.passBegan > patienceMillis;
    return !this.stopped && !this.failed && !hangs;
  }

  private async run(): Promise<void> {
    this.again = false;
    this.passBegan = performance.now();
    try {
      await this.pass();
      this.failed = false;
    } catch (error) {
      this.failed = true;
      this.onError(error);
    } finally {
      this.passBegan = undefined;
    }
  }
}
