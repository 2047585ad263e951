import { DeliveryError } from '../notification-sender';

/** What becomes of the work, unless the signal aborts before: then `onAbort` is called, and it rejects with the signal's reason. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal, onAbort: () => void = () => undefined): Promise<T> {
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => {
      onAbort();
      reject(signal.reason instanceof DeliveryError ? signal.reason : new DeliveryError('the broker did not confirm in time'));
    };
  });
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
