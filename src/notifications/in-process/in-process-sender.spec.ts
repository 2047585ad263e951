import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { notificationSenderContract } from '../../../test/contract/notification-sender.contract';
import type { NotificationEvent } from '../event';
import { InProcessSender } from './in-process-sender';

const EVENT: NotificationEvent = {
  message_id: '01890a5d-ac96-774b-bcce-b302099a8057',
  publisher_id: 'magnetodb.host',
  event_type: 'magnetodb.restore.end',
  priority: 'INFO',
  timestamp: '2015-04-01T12:34:56.789Z',
  payload: {},
};

@Injectable()
class Listener {
  readonly heard: NotificationEvent[] = [];
  failing = false;

  @OnEvent('magnetodb.**', { suppressErrors: false })
  async hear(event: NotificationEvent): Promise<void> {
    if (this.failing) throw new Error('not now');
    this.heard.push(event);
  }
}

@Module({ imports: [EventEmitterModule.forRoot({ wildcard: true })], providers: [InProcessSender, Listener] })
class Application {}

const start = () => NestFactory.createApplicationContext(Application, { logger: false, abortOnError: false });

notificationSenderContract('in-process', false, async () => {
  const application = await start();
  return {
    sender: application.get(InProcessSender),
    received: async () => application.get(Listener).heard,
    close: () => application.close(),
  };
});

describe('InProcessSender', () => {
  it('fails where a listener does, so that the event comes again', async () => {
    const application = await start();
    const [sender, listener] = [application.get(InProcessSender), application.get(Listener)];
    listener.failing = true;
    await expect(sender.send(EVENT)).rejects.toThrow('not now');
    listener.failing = false;
    await sender.send(EVENT);
    expect(listener.heard).toHaveLength(1);
    await application.close();
  });
});
