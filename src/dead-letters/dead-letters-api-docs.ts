import { apiModel, CallDoc, DEFAULT_PAGE, ID_PATTERN, KeySchema, listOf, MAX_PAGE, refTo, TIME } from '../backup';

const TAG = 'Notifications';
const EXAMPLE_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const ID: KeySchema = { type: 'string', format: 'uuid', example: EXAMPLE_ID };
const WHO = 'For administrators of the whole deployment only.';

const NotificationModel = apiModel('Notification', {
  message_id: { ...ID, description: 'The same at every delivery.' } as KeySchema,
  publisher_id: { type: 'string', example: 'magnetodb.host-1' },
  event_type: { type: 'string', example: 'magnetodb.backup.create.end' },
  priority: { type: 'string', enum: ['INFO', 'ERROR'] },
  timestamp: TIME,
  payload: { type: 'object', additionalProperties: true, example: { project_id: 'demo', table_name: 'Thread', status: 'CREATED' } },
});

const DeadLetterModel = apiModel('DeadLetter', {
  id: ID,
  sender: { type: 'string', description: 'The sender that could not deliver it.', example: 'webhook-audit' },
  attempts: { type: 'integer', example: 12 },
  error: { type: 'string', required: false, description: 'Why the last attempt failed.', example: 'the receiver answered 503' },
  last_attempt_at: { ...TIME, required: false } as KeySchema,
  given_up_at: TIME,
  event: refTo(NotificationModel, { description: 'As the receiver would have got it.' }),
});

const DeadLetterPageModel = apiModel('DeadLetterPage', {
  dead_letters: listOf(DeadLetterModel),
  last_evaluated_dead_letter_id: { ...ID, required: false, description: 'Only if the page is full.' } as KeySchema,
});

const PARAMS = [{ name: 'dead_letter_id', description: 'Its id, with or without dashes.', example: EXAMPLE_ID, pattern: ID_PATTERN }];

/** What the OpenAPI document says of the calls on dead letters. */
export const DEAD_LETTER_DOCS: Record<'list' | 'retry' | 'discard', CallDoc> = {
  list: {
    operationId: 'list_dead_letters',
    tag: TAG,
    summary: 'List notifications that could not be delivered',
    description: `${WHO} In ascending order of ids.`,
    query: [
      { name: 'limit', description: 'The longest page.', schema: { type: 'integer', minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE } },
      { name: 'exclusive_start_dead_letter_id', description: 'The last id of the page before.', schema: { type: 'string', pattern: ID_PATTERN } },
      { name: 'sender', description: 'Only those of this sender.', schema: { type: 'string' } },
      { name: 'project_id', description: 'Only those of events of this project.', schema: { type: 'string' } },
    ],
    successes: [{ status: 200, description: 'A page.', model: DeadLetterPageModel }],
    errors: { 400: '' },
  },
  retry: {
    operationId: 'retry_dead_letter',
    tag: TAG,
    summary: 'Deliver one again',
    description: `${WHO} It has the time and attempts of a new event, and comes after events of its job that are through.`,
    params: PARAMS,
    successes: [{ status: 202, description: 'The dead letter, as it was.', model: DeadLetterModel }],
    errors: { 400: '', 404: 'NotFound: there is no such dead letter (any more).', 409: 'ConflictError: its sender is not configured.' },
  },
  discard: {
    operationId: 'discard_dead_letter',
    tag: TAG,
    summary: 'Forget one',
    description: WHO,
    params: PARAMS,
    successes: [{ status: 200, description: 'The dead letter, as it was.', model: DeadLetterModel }],
    errors: { 400: '', 404: 'NotFound: there is no such dead letter (any more).' },
  },
};
