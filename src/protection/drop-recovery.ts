import { BeforeApplicationShutdown, Inject, Injectable, OnApplicationBootstrap } from '@nestjs/common';
import { PollLoop } from '../notifications';
import { TableDrops } from './table-drops';

export interface DropRecoveryOptions {
  /** Pause between two looks, in milliseconds; 0: none is taken. */
  readonly everyMillis: number;
  readonly onError: (error: unknown) => void;
}

/** Injection token of its options. */
export const DROP_RECOVERY_OPTIONS = Symbol('DropRecoveryOptions');

/** Looks now and then for drops that nobody works on any more: no table stays DELETING for ever. */
@Injectable()
export class DropRecovery implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: PollLoop | undefined;

  constructor(@Inject(DROP_RECOVERY_OPTIONS) { everyMillis, onError }: DropRecoveryOptions, drops: TableDrops) {
    this.loop = everyMillis === 0 ? undefined : new PollLoop(() => drops.recover(), everyMillis, onError);
  }

  onApplicationBootstrap(): void {
    this.loop?.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop?.stop();
  }
}
