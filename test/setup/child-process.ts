import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A TypeScript program of the project in an operating-system process of its own. */
export class TestProcess {
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  private out = '';
  private errors = '';

  private constructor(private readonly child: ChildProcess) {
    this.exited = once(child, 'exit').then(() => ({ code: child.exitCode, signal: child.signalCode }));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
  }

  /** `script`: path below `root`, the project's by default. The environment is this process's, and `environment`. `nodeOptions`: for V8. */
  static start(
    script: string,
    environment: Record<string, string>,
    args: readonly string[] = [],
    root = join(__dirname, '..', '..'),
    nodeOptions: readonly string[] = [],
  ): TestProcess {
    const child = spawn(process.execPath, [...nodeOptions, '-r', join(__dirname, 'swc-register.js'), join(root, script), ...args], {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new TestProcess(child);
  }

  get stdout(): string {
    return this.out;
  }

  get stderr(): string {
    return this.errors;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** SIGKILL, and resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.running) this.child.kill('SIGKILL');
    await this.exited;
  }
}
