/**
 * One question for many askers: an answer is good for a while, and while one is awaited nobody asks again. A failure is `undefined`, and is
 * remembered as well: what does not work is not asked more often.
 */
export class Remembered<T> {
  private pending: Promise<T | undefined> | undefined;
  private answer: { readonly value: T | undefined; readonly at: number } | undefined;

  constructor(
    private readonly ask: () => Promise<T>,
    private readonly forMillis: number,
    /** A slower answer counts as a failure. */
    private readonly patienceMillis: number,
    private readonly onFailure: (error: unknown) => void = () => undefined,
  ) {}

  get(): Promise<T | undefined> {
    if (this.pending !== undefined) return this.pending;
    if (this.answer !== undefined && performance.now() - this.answer.at <= this.forMillis) return Promise.resolve(this.answer.value);
    this.pending = this.askOnce().then((value) => {
      this.pending = undefined;
      this.answer = { value, at: performance.now() };
      return value;
    });
    return this.pending;
  }

  private async askOnce(): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${this.patienceMillis} ms`)), this.patienceMillis);
    });
    try {
      return await Promise.race([this.ask(), late]);
    } catch (error) {
      this.onFailure(error);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}
