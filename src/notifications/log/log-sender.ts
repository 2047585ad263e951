import type { NotificationEvent } from '../event';
import type { NotificationLog } from '../notification-log';
import type { NotificationSender } from '../notification-sender';

/** Writes each notification to the log, as one structured line. */
export class LogSender implements NotificationSender {
  readonly name = 'log';

  constructor(private readonly log: NotificationLog) {}

  wants(): boolean {
    return true;
  }

  async send(event: NotificationEvent): Promise<void> {
    if (event.priority === 'ERROR') this.log.error({ notification: event }, 'notification');
    else this.log.info({ notification: event }, 'notification');
  }
}
