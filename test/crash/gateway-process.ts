import { TestProcess } from '../setup/child-process';
import { until } from '../setup/until';

/** For lives that are mostly loading: what V8 optimises pays off after their end, and what is loaded need not be moved about in memory. */
const SHORT_LIVED = ['--no-opt', '--min-semi-space-size=16', '--max-semi-space-size=16'];

/** A gateway in an operating-system process of its own, to be killed. */
export class GatewayProcess {
  private readonly process: TestProcess;

  /** Begins to load; it touches nothing until `start`. */
  constructor(environment: Record<string, string>) {
    // Where many follow each other (Deployment.packModules). V8's code of a pack is for processes with the same options.
    const isOneOfMany = 'MODULE_PACK' in environment || 'MODULE_PACK_OUT' in environment;
    this.process = TestProcess.start('test/crash/gateway.ts', environment, [], undefined, isOneOfMany ? SHORT_LIVED : []);
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
