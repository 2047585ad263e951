import { createLogger, withLogFields } from '.';

type Line = Record<string, unknown>;

function logged(work: (logger: ReturnType<typeof createLogger>) => unknown): Promise<Line[]> {
  const lines: Line[] = [];
  const logger = createLogger('info', { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  return Promise.resolve(work(logger)).then(() => lines);
}

describe('withLogFields', () => {
  it('puts its fields on every line of the work, also behind an await, and on no other', async () => {
    const lines = await logged(async (logger) => {
      const work = withLogFields({ job_id: 'one' }, async () => {
        logger.info({}, 'first');
        await new Promise((resolve) => setImmediate(resolve));
        withLogFields({ step_id: '2' }, () => logger.info({ step_id: 'its own' }, 'deeper'));
        logger.info({}, 'second');
      });
      logger.info({}, 'elsewhere');
      await work;
    });
    expect(lines.map(({ msg, job_id: job, step_id: step }) => [msg, job, step])).toEqual([
      ['first', 'one', undefined],
      ['elsewhere', undefined, undefined],
      ['deeper', 'one', 'its own'],
      ['second', 'one', undefined],
    ]);
  });

  it('says nothing twice of what a logger says anyway', async () => {
    const texts: string[] = [];
    const logger = createLogger('info', { write: (line: string) => void texts.push(line) }).child({ request_id: 'bound' });
    withLogFields({ request_id: 'around', job_id: 'one' }, () => logger.info({}, 'line'));
    expect(texts).toHaveLength(1);
    expect(texts[0]?.match(/"request_id"/g)).toHaveLength(1);
    expect(JSON.parse(texts[0] ?? '')).toMatchObject({ request_id: 'bound', job_id: 'one' });
  });
});
