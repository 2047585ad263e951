import { TestProcess } from '../setup/child-process';
import { until } from '../setup/until';

/** A gateway in an operating-system process of its own, to be killed. */
export class GatewayProcess {
  private readonly process: TestProcess;

  /** Begins to load; it touches nothing until `start`. */
  constructor(environment: Record<string, string>) {
    this.process = TestProcess.start('test/crash/gateway.ts', environment);
  }

  /** Resolves when it is ready to be started. */
  async loaded(): Promise<void> {
    await this.saysOrEnds('loaded');
  }

  /** Resolves when it serves, or is dead already. */
  async start(): Promise<this> {
    await this.loaded();
    this.process.signal('SIGUSR2');
    await this.saysOrEnds('gateway ready');
    return this;
  }

  get exited(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return this.process.exited;
  }

  get running(): boolean {
    return this.process.running;
  }

  get stderr(): string {
    return this.process.stderr;
  }

  kill(): Promise<void> {
    return this.process.kill();
  }

  /** As an operator stops it; its exit status. */
  async terminate(): Promise<number | null> {
    this.process.signal('SIGTERM');
    return (await this.exited).code;
  }

  private async saysOrEnds(words: string): Promise<void> {
    await until(() => this.process.stdout.includes(words) || !this.process.running, 180_000, `the gateway did not say "${words}"`);
    if (!this.process.running && (await this.exited).signal === null) throw new Error(`the gateway did not start: ${this.process.stderr}`);
  }
}
