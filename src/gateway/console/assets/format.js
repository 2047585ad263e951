const numbers = new Intl.NumberFormat('en');
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

export function count(value) {
  return value === undefined ? '–' : numbers.format(value);
}

/** Decimal units, three digits: `1.24 GB`. */
export function bytes(value) {
  if (value === undefined) return '–';
  let unit = 0;
  let rest = value;
  while (rest >= 999.5 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? rest : rest.toPrecision(3)} ${UNITS[unit]}`;
}

/** Whole seconds as `42 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A time of the service (ISO 8601) in the reader's own zone. */
export function time(text) {
  return text === undefined ? '–' : clock(new Date(text));
}

/** `2026-11-22 21:30`, in the reader's own zone. */
export function clock(date) {
  const two = (value) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

const STATUSES = {
  CREATING: 'Creating',
  CREATED: 'Created',
  CREATE_FAILED: 'Failed',
  DELETING: 'Deleting',
  DELETE_FAILED: 'Delete failed',
  RESTORING: 'Restoring',
  RESTORED: 'Restored',
  RESTORE_FAILED: 'Failed',
  ACTIVE: 'Active',
  MAINTENANCE: 'Maintenance',
};

/** A status in words. One that is not known here is shown as it is. */
export function statusWords(status) {
  return STATUSES[status] ?? status;
}

/** good, bad, busy or plain: how a status is coloured, beside its words. */
export function statusTone(status) {
  if (/FAILED$|DAMAGED/.test(status)) return 'bad';
  if (/ING$|MAINTENANCE/.test(status)) return 'busy';
  return ['CREATED', 'RESTORED', 'ACTIVE', 'PASSED'].includes(status) ? 'good' : 'plain';
}
