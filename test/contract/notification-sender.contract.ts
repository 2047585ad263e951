import { newId } from '../../src/kernel';
import { DeliveryError, NotificationEvent, NotificationSender } from '../../src/notifications';

/** A sender and its receiver, as an adapter's spec provides them. */
export interface SenderUnderTest {
  readonly sender: NotificationSender;
  /** What has arrived so far, in order of arrival. */
  received(): Promise<readonly NotificationEvent[]>;
  /** Ways to trouble the receiver, for senders that have one outside the process. Their tests run if `remote` says so. */
  readonly receiver?: {
    /** Refuses everything, or accepts again. */
    refuse(refusing: boolean): Promise<void>;
    /** Takes calls and never answers, or answers again. */
    hang(hanging: boolean): Promise<void>;
  };
  close(): Promise<void>;
}

/** An event with everything that may be hard to carry. */
export function sampleEvent(phase: 'start' | 'end' | 'error', note = 'ünïcode ✓'): NotificationEvent {
  return {
    message_id: newId(),
    publisher_id: 'magnetodb.test-host',
    event_type: `magnetodb.backup.create.${phase}`,
    priority: phase === 'error' ? 'ERROR' : 'INFO',
    timestamp: '2015-04-01T12:34:56.789Z',
    payload: { project_id: 'p', backup_name: note, item_count: 3, nested: { list: [1, 'two', null] } },
  };
}

/** The rules of the NotificationSender port; every adapter runs them. */
export function notificationSenderContract(name: string, remote: boolean, create: () => Promise<SenderUnderTest>): void {
  describe(`NotificationSender contract: ${name}`, () => {
    let tested: SenderUnderTest;
    beforeEach(async () => {
      tested = await create();
    });
    afterEach(() => tested.close());
    const send = (event: NotificationEvent, signal = new AbortController().signal): Promise<void> => tested.sender.send(event, signal);

    it('has a stable name that can be a key', () => {
      expect(tested.sender.name).toMatch(/^[a-z][a-z0-9-]*$/);
    });

    it('says at once whether it wants an event, and the same every time', () => {
      const { event_type, payload } = sampleEvent('start');
      const answers = [1, 2].map(() => tested.sender.wants({ event_type, payload }));
      expect(answers).toEqual([true, true]);
    });

    it('delivers every field unchanged, in the order of the calls', async () => {
      const events = [sampleEvent('start'), sampleEvent('end', '{"quoted": "\\u0001"}'), sampleEvent('error', '')];
      for (const event of events) await send(event);
      expect(await tested.received()).toEqual(events);
    });

    it('keeps the message id when an event is sent again', async () => {
      const event = sampleEvent('start');
      await send(event);
      await send(event);
      expect((await tested.received()).every(({ message_id }) => message_id === event.message_id)).toBe(true);
    });

    if (!remote) return;

    const receiver = (): NonNullable<SenderUnderTest['receiver']> => {
      if (tested.receiver === undefined) throw new Error('a remote sender is tested with a receiver that can be troubled');
      return tested.receiver;
    };

    it('rejects while the receiver refuses, without naming it, and works again afterwards', async () => {
      await receiver().refuse(true);
      const failure: unknown = await send(sampleEvent('start')).catch((error: unknown) => error);
      // Of other errors only the name is kept, and nobody could tell what is wrong.
      expect(failure).toBeInstanceOf(DeliveryError);
      expect(String(failure)).not.toMatch(/127\.0\.0\.1|localhost|password|:\d{4,5}/);
      await receiver().refuse(false);
      const event = sampleEvent('end');
      await send(event);
      expect(await tested.received()).toContainEqual(event);
    });

    it('gives up when the signal aborts', async () => {
      await receiver().hang(true);
      const abort = new AbortController();
      const sending = send(sampleEvent('start'), abort.signal);
      abort.abort(new Error('enough'));
      await expect(sending).rejects.toThrow();
      await receiver().hang(false);
    });
  });
}
