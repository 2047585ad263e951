import { format } from 'node:util';

type Titled = (title: string, ...rest: unknown[]) => void;
type Collector = Titled & { each: (rows: readonly unknown[]) => Titled };

const HOOKS = ['beforeAll', 'beforeEach', 'afterAll', 'afterEach'] as const;

/** The titles of a spec file's tests, as `describe › test`, without running any. */
export function collectTestNames(specFile: string): string[] {
  const names: string[] = [];
  const path: string[] = [];
  const describe = withEach((title, body) => {
    path.push(title);
    if (typeof body === 'function') body();
    path.pop();
  });
  const test = withEach((title) => void names.push([...path, title].join(' › ')));
  const ignore = (): void => undefined;
  const stand = { describe, it: test, test, ...Object.fromEntries(HOOKS.map((hook) => [hook, ignore])) };
  const kept = Object.fromEntries(
    Object.keys(stand).map((name): [string, unknown] => [name, Reflect.get(globalThis, name)]),
  );
  Object.assign(globalThis, stand);
  try {
    jest.requireActual(specFile);
  } finally {
    Object.assign(globalThis, kept);
  }
  return names;
}

/** `run` with Jest's `.each`: a title for each row, its first arguments put into the title. */
function withEach(run: (title: string, body: unknown) => void): Collector {
  const each = (rows: readonly unknown[]): Titled => {
    return (title, body) => {
      for (const row of rows) {
        const values: unknown[] = Array.isArray(row) ? row : [row];
        const wanted = title.match(/%[sdijop]/g)?.length ?? 0;
        const whole = format(title, ...values.slice(0, wanted));
        run(
          whole,
          typeof body === 'function' ? () => void (body as (...args: unknown[]) => unknown)(...values) : undefined,
        );
      }
    };
  };
  return Object.assign((title: string, body: unknown) => run(title, body), { each }) as Collector;
}
