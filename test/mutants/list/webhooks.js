const rows = require('../rows');

const OUTBOX = 'src/notifications/notifications.spec.ts';
const SENDER = 'src/notifications/webhook/webhook-sender.spec.ts';

module.exports = [
  ...rows('src/notifications/delivery-ledger.ts', OUTBOX, [
    ['events-out-of-order', 'a job’s events are sent in order', 'SELECT min(head.event_seq)', 'SELECT d.event_seq + 0 * min(head.event_seq)', 'keeps the order of a job'],
    ['all-that-waits-is-read', 'what waits does not slow down what is due', "d.next_attempt_at <= statement_timestamp() AND d.next_attempt_at < 'infinity'", 'd.next_attempt_at <= clock_timestamp()', 'finds what is due among thousands'],
    ['event-sent-twice', 'an event is sent once', 'next_attempt_at = clock_timestamp() + $3 * interval', 'next_attempt_at = clock_timestamp() + 0 * $3 * interval', 'keeps the order of a job'],
    ['event-tried-for-ever', 'an event that cannot be delivered is given up', "queued_at < clock_timestamp() - $7 * interval '1 millisecond' AS over", "queued_at + $7 * interval '1 millisecond' IS NULL AS over", 'gives an event up'],
    ['attempts-without-end', 'an event that failed often enough is given up', 'attempts >= $6 OR', '$6::integer IS NULL OR', 'are what was refused, at once'],
    ['refused-event-tried-again', 'a refused event becomes a dead letter at once', '$5 OR attempts', 'false AND $5 OR attempts', 'are what was refused, at once'],
    ['claim-without-end', 'a process that dies while it sends holds nothing up', 'next_attempt_at = clock_timestamp() + $3 * interval', "next_attempt_at = clock_timestamp() + interval '1 day' + $3 * interval", 'goes on where a process died'],
    ['events-kept-for-ever', 'events are forgotten after their retention', 'WHERE e.created_at < clock_timestamp() - $1', 'WHERE false AND e.created_at < clock_timestamp() - $1', 'forgets events after their retention'],
    ['dead-letter-forgotten-too-early', 'dead letters are kept for their retention from their death on', "OR d.state = 'abandoned'\n                             AND d.ended_at >= clock_timestamp() - $1 * interval '1 millisecond'", '', 'are kept for their retention'],
    ['waiting-event-forgotten', 'an event that still waits is not forgotten', "d.state = 'pending' OR d.state", "d.state = 'none' OR d.state", 'are kept for their retention'],
    ['orphans-wait-for-ever', 'what waits for a sender that is gone becomes a dead letter', "WHERE state = 'pending' AND sender <> ALL($1::text[])", "WHERE state = 'none' AND sender <> ALL($1::text[])", 'take in what waits'],
    ['orphans-given-up-at-once', 'what waits for a sender of another process has its time', "AND queued_at < clock_timestamp() - $2 * interval '1 millisecond'", "AND $2 * interval '1 millisecond' IS NOT NULL", 'take in what waits'],
  ]),
  ...rows('src/notifications/outbox-dispatcher.ts', OUTBOX, [
    ['receiver-waited-for', 'a receiver that hangs holds up nobody', '        reject(error);\n', '', 'a receiver that refuses one job'],
    ['failed-event-delivered', 'an event that failed comes again', 'else await this.postpone(claim, failure.error);', 'else await this.ledger.delivered(this.sender.name, claim);', 'keeps the order of a job'],
    ['retry-after-ignored', 'the receiver’s Retry-After is honoured for all its events', 'this.heldUntil = Math.max(this.heldUntil, performance.now() + holdMillis);', '', 'holds everything back'],
    ['retry-after-without-bound', 'no receiver silences the outbox for more than an hour', 'Math.min(retryAfterMillis, MAX_HOLD_MILLIS)', 'retryAfterMillis', 'holds everything back'],
    ['constant-pause', 'pauses grow with every failure', 'backoffMillis * 2 ** Math.min(attempts - 1, 30)', 'backoffMillis', 'pauses longer'],
    ['log-filled', 'a receiver that is away does not fill the log', 'else if (Number.isInteger(Math.log2(claim.attempts))) log', 'else log', 'says less and less'],
    ['no-jitter', 'what failed together does not come back together', '(bound * (1 + random())) / 2', 'bound', 'pauses longer'],
    ['late-send', 'a claim that may be another’s is not used', 'if (leftMillis <= 0) return;', '', 'does not send what it may have lost'],
    ['data-in-dead-letters', 'what a listener’s error quotes is not kept', 'return `the sender failed (${error instanceof Error ? error.name : typeof error})`;', 'return String(error);', 'are what was refused, at once'],
  ]),
  ...rows('src/notifications/notifier.ts', OUTBOX, [
    ['unwanted-event-sent', 'a sender gets only what it wants', 'this.options.senders.filter((sender) => sender.wants(subject))', 'this.options.senders.filter(() => true)', 'makes no delivery for a sender'],
  ]),
  ...rows('src/notifications/dead-letters.ts', OUTBOX, [
    ['retry-out-of-attempts', 'a dead letter that is sent again has all its attempts again', "SET state = 'pending', attempts = 0,", "SET state = 'pending',", 'are delivered again on request'],
    ['retry-for-nobody', 'a dead letter of a sender that is gone is not taken out', 'if (!this.senders.includes(found.sender))', 'if (this.senders.length === 0)', 'of a sender that is not there'],
    ['page-with-its-start', 'pages of dead letters do not overlap', 'd.id > $1', 'd.id >= $1', 'are listed page by page'],
    ['dead-letters-of-all-projects', 'dead letters are listed by project', "e.payload ->> 'project_id' = $3", "e.payload ->> 'project_id' IS NOT NULL", 'are listed page by page'],
  ]),
  ...rows('src/notifications/webhook/signature.ts', SENDER, [
    ['signature-without-id', 'the signature covers id, time and body', '`${id}.${timestampSeconds}.${body}`', '`${timestampSeconds}.${body}`', 'signature of the specification'],
    ['weak-key', 'no key shorter than 24 bytes', 'bytes.length >= KEY_BYTES.min &&', '', 'refuses'],
    ['sloppy-key', 'a mistyped key is refused', 'return exact && bytes', 'return bytes', 'refuses'],
  ]),
  ...rows('src/notifications/webhook/webhook-sender.ts', SENDER, [
    ['signed-once', 'while secrets change, all sign', "this.options.secrets.map((secret) => secret.sign(id, timestamp, body)).join(' ')", "this.options.secrets.slice(0, 1).map((secret) => secret.sign(id, timestamp, body)).join(' ')", 'signs with every secret'],
    ['redirect-means-delivered', 'a redirect is no delivery', 'statusCode >= 200 && statusCode < 300', 'statusCode >= 200 && statusCode < 400', 'means again later'],
    ['gone-tried-again', '410 means never', 'refused: statusCode === 410', 'refused: false', '410 means never'],
    ['client-error-for-good', 'a receiver that is wrong for a while loses nothing', 'refused: statusCode === 410', 'refused: statusCode >= 400 && statusCode < 500', 'means again later'],
    ['retry-after-unread', 'Retry-After is read', 'return Number(text) * 1000;', 'return undefined;', 'with Retry-After'],
    ['receiver-named', 'errors do not name the receiver', '(${error.code ?? error.name})`', '(${error.message})`', 'nothing of where it is'],
    ['endless-answer-read', 'an answer’s body is read within bounds', 'if (left < 0) response.destroy();', '', 'takes the head of an answer'],
    ['slow-answer-waited-for', 'an answer that does not end keeps no connection', 'setTimeout(() => response.destroy(), DRAIN_MILLIS)', 'setTimeout(() => undefined, DRAIN_MILLIS)', 'takes the head of an answer'],
    ['connection-an-event', 'connections are used again', 'keepAlive: true', 'keepAlive: false', 'uses one connection'],
    ['other-projects-events', 'a hook gets its projects’ events only', 'projects !== undefined && !projects.some', 'projects !== undefined && projects.length === 0 && !projects.some', 'gives each hook a sender'],
  ]),
  ...rows('src/notifications/webhook/webhook-file.ts', SENDER, [
    ['password-in-url', 'no password in a URL', '[^\\s/?#@\\\\]+([/?]', '[^\\s/?#]+([/?]', 'refuses'],
    ['misspelt-event', 'a misspelt event is refused', 'if (odd !== undefined)', 'if (odd === null)', 'refuses'],
  ]),
  ...rows('src/notifications/outbox-dispatcher.ts', 'test/crash/outbox.spec.ts', [
    ['delivered-before-sent', 'no event is lost with a killed process', 'const failure = await this.attempt(claim, leftMillis);', 'await this.ledger.delivered(this.sender.name, claim);\n    const failure = await this.attempt(claim, leftMillis);', 'one start and one end'],
  ]),
  ...rows('src/dead-letters/dead-letters.controller.ts', 'test/e2e/webhooks.e2e-spec.ts', [
    ['dead-letters-for-all', 'dead letters are for administrators of the deployment', "  @Get()\n  @Requires('notification:list')\n  @EveryProject()\n", "  @Get()\n  @Requires('backup:list')\n", 'refuse dead letters to everybody else'],
    ['dead-letters-unfiltered', 'unknown parameters are refused', "['limit', START, 'sender', 'project_id']", "['limit', START, 'sender', 'project_id', 'status']", 'refuse dead letters to everybody else'],
  ]),
  ...rows('src/cli/commands/dead-letters.ts', 'test/e2e/webhooks.e2e-spec.ts', [
    ['retry-all-by-mistake', 'nothing is sent again without an id or --all', '(id === undefined) !== call.flag(\'all\')', 'id !== undefined && call.flag(\'all\')', 'are watched from the command line'],
  ]),
  ...rows('src/gateway/webhooks.ts', 'test/e2e/webhooks.e2e-spec.ts', [
    ['secret-of-the-file-shown', 'an error does not quote the file of webhooks', "throw new Error('the file is not JSON');", 'throw new Error(text);', 'keep it from starting'],
    ['secret-without-url', 'a secret for nothing is told of', 'if (webhookUrl === undefined && webhookSecret.length > 0)', 'if (webhookUrl === null)', 'keep it from starting'],
  ]),
  ...rows('docs/notifications.md', 'test/e2e/webhooks-receivers.e2e-spec.ts', [
    ['sloppy-receiver-in-node', 'the documented receiver in Node.js verifies', 'timingSafeEqual(given, expected)', 'true', 'receiver in js'],
    ['sloppy-receiver-in-python', 'the documented receiver in Python drops repetitions', 'if event["message_id"] not in done:', 'if True:', 'receiver in python'],
  ]),
];
