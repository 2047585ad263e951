export { DeliveryState, EventDeliveryEntity, EventEntity } from './event.entity';
export { EventOperation, EventPhase, NewEvent, NotificationEvent } from './event';
export { InProcessSender } from './in-process';
export { LogSender } from './log';
export { NotificationLog } from './notification-log';
export { NotificationSender } from './notification-sender';
export { EVENTS_CHANNEL, Notifier, NotifierOptions } from './notifier';
export { OutboxDispatcher, OutboxDispatcherOptions } from './outbox-dispatcher';
export { PollLoop } from './poll-loop';
