import { unavailable } from './errors';
import { WriteGate } from './write-gate';

const REF = { projectId: 'demo', name: 'threads' };
const OTHER = { projectId: 'demo', name: 'others' };

/** What the gate writes; reads find nothing. */
class Written {
  readonly acks: { epoch: unknown; clean: unknown }[] = [];
  /** Fails from then on. */
  away = false;

  async read(): Promise<never[]> {
    return [];
  }

  async write(query: string, params: readonly unknown[] = []): Promise<void> {
    if (this.away) throw unavailable();
    if (query.includes('br_acks')) this.acks.push({ epoch: params[0], clean: params[2] });
  }
}

const gates: WriteGate[] = [];
const gateOn = (session: Written, requestTimeoutMillis = 1_000): WriteGate => {
  const gate = new WriteGate(session, { requestTimeoutMillis, clusterWriteTimeoutMillis: 60_000 });
  gates.push(gate);
  return gate;
};
afterEach(() => Promise.all(gates.splice(0).map((gate) => gate.close())));

/** A write that is on its way until it is ended. */
function write(gate: WriteGate, ref = REF): { ended: Promise<unknown>; end: (error?: Error) => void; begun: Promise<void> } {
  let end: (error?: Error) => void = () => undefined;
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const work = new Promise<void>((resolve, reject) => (end = (error) => (error ? reject(error) : resolve())));
  const ended = gate.run(ref, () => {
    begin();
    return work;
  });
  return { ended: ended.catch((error: unknown) => error), end: (error) => end(error), begun };
}

describe('the gate of writes', () => {
  it('says that none is on its way once those that had begun are over, and waits for no other table’s', async () => {
    const session = new Written();
    const gate = gateOn(session);
    const [first, second, elsewhere] = [write(gate), write(gate), write(gate, OTHER)];
    await Promise.all([first.begun, second.begun, elsewhere.begun]);
    const said = gate.acknowledge({ ref: REF, epoch: 'one' });
    first.end();
    await first.ended;
    expect(session.acks).toEqual([]);
    second.end();
    await said;
    expect(session.acks).toEqual([{ epoch: 'one', clean: true }]);
    elsewhere.end();
  });

  it('says when it does not know the end of one: that may land later', async () => {
    const session = new Written();
    const gate = gateOn(session);
    const lost = write(gate);
    await lost.begun;
    lost.end(unavailable());
    await lost.ended;
    await gate.acknowledge({ ref: REF, epoch: 'one' });
    expect(session.acks).toEqual([{ epoch: 'one', clean: false }]);
  });

  it('lets none begin that could outlast the lease of its process', async () => {
    const session = new Written();
    const gate = gateOn(session, 30_000);
    // A request may take as long as the lease: each has to renew it, and none is short enough.
    await expect(gate.run(REF, async () => 'sent')).rejects.toEqual(expect.objectContaining({ code: 'ServiceUnavailable' }));
    session.away = true;
    await expect(gateOn(session).run(REF, async () => 'sent')).rejects.toEqual(expect.objectContaining({ code: 'ServiceUnavailable' }));
  });

  it('lets none begin once it is closed', async () => {
    const session = new Written();
    const gate = gateOn(session);
    await gate.run(REF, async () => undefined);
    await gate.close();
    await expect(gate.run(REF, async () => 'sent')).rejects.toEqual(expect.objectContaining({ code: 'ServiceUnavailable' }));
  });
});
