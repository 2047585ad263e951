import { TableBackend } from '../../src/index';

/** Holds calls of a backend's method back while it is shut, so that a test can look at a job that runs. */
export class Gate {
  private opened: Promise<void> = Promise.resolve();
  private release: () => void = () => undefined;

  shut(): void {
    this.opened = new Promise((resolve) => (this.release = resolve));
  }

  open(): void {
    this.release();
  }

  /** The backend, its `method` waiting at the gate. */
  before(method: 'openBuild' | 'splitRanges'): (backend: TableBackend) => TableBackend {
    return (backend) =>
      new Proxy(backend, {
        get: (target, key) => {
          const value: unknown = Reflect.get(target, key);
          if (typeof value !== 'function') return value;
          const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
          return key === method ? async (...args: unknown[]) => this.opened.then(() => call(...args)) : call;
        },
      });
  }
}
