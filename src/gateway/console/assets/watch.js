import { ApiError } from './api.js';

/** The service says something every ten seconds; after so long in silence the connection is taken for dead. */
const SILENCE_MILLIS = 30_000;
const FIRST_PAUSE_MILLIS = 500;
const LONGEST_PAUSE_MILLIS = 15_000;

/**
 * Watches the project's jobs until the signal is aborted: reads the stream of lines, and asks again whenever it ends.
 * @param {{ line: (line: object) => void, state: (state: 'live' | 'connecting' | 'refused', error?: Error) => void }} tell
 */
export async function watchJobs(api, tell, signal) {
  let pause = FIRST_PAUSE_MILLIS;
  while (!signal.aborted) {
    try {
      for await (const line of linesOf(api, signal)) {
        if (line.event === 'snapshot') tell.state('live');
        if (line.event !== 'heartbeat' && line.event !== 'end') tell.line(line);
        pause = FIRST_PAUSE_MILLIS;
      }
    } catch (error) {
      if (signal.aborted) return;
      // Asking again will not help: the token may not watch, or this service has no such call.
      if (error instanceof ApiError && error.status < 500 && error.status !== 429) {
        tell.state('refused', error);
        return;
      }
    }
    if (signal.aborted) return;
    tell.state('connecting');
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, LONGEST_PAUSE_MILLIS);
  }
}

async function* linesOf(api, signal) {
  const silence = new AbortController();
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MILLIS);
  };
  try {
    heard();
    const answer = await api.watch(AbortSignal.any([signal, silence.signal]));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const line of lines) yield JSON.parse(line);
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}
