import { readFile } from 'node:fs/promises';
import { Logger, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { Policy } from './policy';

const LOOK_MILLIS = 2000;

/**
 * Reads the policy file again when its content changes. Rules that cannot be read change nothing: those before stay in force, and the log says
 * so once. It looks at the content, since notices of the file system do not survive every way in which a file is replaced.
 */
export class PolicyFileWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Policy');
  private timer: NodeJS.Timeout | undefined;
  private seen: string | undefined;

  /** @param path undefined: there is no file, and nothing is watched */
  constructor(
    private readonly path: string | undefined,
    private readonly policy: Policy,
    private readonly lookMillis = LOOK_MILLIS,
  ) {}

  onApplicationBootstrap(): void {
    if (this.path === undefined) return;
    this.timer = setInterval(() => void this.look(this.path ?? ''), this.lookMillis).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private async look(path: string): Promise<void> {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text === this.seen) return;
    const first = this.seen === undefined;
    this.seen = text;
    try {
      this.policy.replaceRules(text);
      if (!first) this.logger.log('the policy file has changed: its rules are in force');
    } catch (error) {
      this.logger.warn(`the policy file has changed, and its rules are not taken over: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
