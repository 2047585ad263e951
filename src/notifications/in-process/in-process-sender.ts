import { Injectable } from '@nestjs/common';
import { EventEmitter2, EventEmitterReadinessWatcher } from '@nestjs/event-emitter';
import type { NotificationEvent } from '../event';
import type { NotificationSender } from '../notification-sender';

/**
 * Emits each notification inside the process, under its `event_type`, for a host's `@OnEvent('magnetodb.backup.create.end')` methods.
 * As every sender, it speaks after the commit. Where several processes share a database, the one that sends an event emits it, not each.
 */
@Injectable()
export class InProcessSender implements NotificationSender {
  readonly name = 'in-process';

  constructor(
    private readonly emitter: EventEmitter2,
    private readonly listeners: EventEmitterReadinessWatcher,
  ) {}

  wants(): boolean {
    return true;
  }

  /** Resolves when every listener is done; one that rejects (`suppressErrors: false`) gets the event again later. */
  async send(event: NotificationEvent): Promise<void> {
    // An event that was left over from the last run must not be spent before anybody listens.
    await this.listeners.waitUntilReady();
    await this.emitter.emitAsync(event.event_type, event);
  }
}
