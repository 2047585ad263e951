import { Io } from './command';
import { safeText, showCount } from './output';

const WIDTH = 24;

/** What is known of a job at one moment. */
export interface ProgressState {
  readonly label: string;
  readonly done: number;
  readonly total: number | undefined;
  /** Seconds that are left, if somebody knows better than the rate. */
  readonly etaSeconds?: number | undefined;
}

/** Progress on stderr: on a terminal one line drawn over again, else a line whenever label or tenth changes. */
export class ProgressBar {
  private first: { at: number; done: number; label: string } | undefined;
  private last = '';

  constructor(
    private readonly io: Io,
    private readonly now: () => number = Date.now,
  ) {}

  async show(state: ProgressState): Promise<void> {
    if (this.first?.label !== state.label) this.first = { at: this.now(), done: state.done, label: state.label };
    const seconds = (this.now() - this.first.at) / 1000;
    const rate = seconds > 0 ? (state.done - this.first.done) / seconds : 0;
    if (this.io.terminal) return this.io.err.write(`\r${progressLine(state, rate)}\u001b[K`);
    const mark = `${state.label} ${Math.floor(fractionOf(state) * 10)}`;
    if (mark === this.last) return;
    this.last = mark;
    await this.io.err.line(progressLine(state, rate));
  }

  /** Leaves the line, so that what follows begins on its own. */
  async end(): Promise<void> {
    if (this.io.terminal && this.first) await this.io.err.write('\n');
    this.first = undefined;
  }
}

/** `[#####-------]  42%  copy  4,200/10,000 items  1,400/s  ETA 4 s`; `rate` in items a second. */
export function progressLine(state: ProgressState, rate: number): string {
  const { label, done, total } = state;
  const known = total !== undefined && total > 0;
  const fraction = fractionOf(state);
  const filled = Math.floor(fraction * WIDTH);
  const eta = state.etaSeconds ?? (known && rate > 0 ? Math.max(0, total - done) / rate : undefined);
  return [
    ...(known
      ? [`[${'#'.repeat(filled)}${'-'.repeat(WIDTH - filled)}] ${String(Math.floor(fraction * 100)).padStart(3)}%`]
      : []),
    safeText(label),
    `${showCount(done)}${known ? `/${showCount(total)}` : ''} items`,
    ...(rate > 0 ? [`${showCount(Math.round(rate))}/s`] : []),
    ...(eta === undefined ? [] : [`ETA ${showDuration(eta)}`]),
  ].join('  ');
}

/** An estimate can be too low: a job is not done before it says so. */
function fractionOf({ done, total }: ProgressState): number {
  return total === undefined || total <= 0 ? 0 : Math.min(1, done / total);
}

function showDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
