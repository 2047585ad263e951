import { Answer, present, presentTime } from '../backup';
import type { DeadLetter } from '../notifications';

/** A dead letter as its calls answer it. */
export function presentDeadLetter({ id, sender, attempts, error, lastAttemptAt, givenUpAt, event }: DeadLetter): Answer {
  return present({
    id,
    sender,
    attempts,
    error,
    last_attempt_at: presentTime(lastAttemptAt?.getTime() ?? null),
    given_up_at: presentTime(givenUpAt.getTime()),
    event,
  });
}
