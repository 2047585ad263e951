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
  /** As it was at the last look, and when the rules were last judged. */
  private last: string | undefined;
  private judged: string | undefined;

  /** @param path undefined: there is no file, and nothing is watched */
  constructor(
    private readonly path: string | undefined,
    private readonly policy: Policy,
    private readonly lookMillis = LOOK_MILLIS,
  ) {}

  onApplicationBootstrap(): void {
    if (this.path === undefined) return;
    this.timer = setInterval(() => void this.look(), this.lookMillis).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** One look. Rules that have changed are in force behind the second look that sees them. */
  async look(): Promise<void> {
    if (this.path === undefined) return;
    const text = await readFile(this.path, 'utf8').catch(() => '');
    // Only what two looks have seen: a file that is being written is not judged by its half.
    const settled = text === this.last;
    this.last = text;
    if (!settled || text === this.judged) return;
    const first = this.judged === undefined;
    this.judged = text;
    try {
      this.policy.replaceRules(text);
      if (!first) this.logger.log('the policy file has changed: its rules are in force');
    } catch (error) {
      this.logger.warn(`the policy file has changed, and its rules are not taken over: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
