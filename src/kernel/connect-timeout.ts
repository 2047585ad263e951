/** How long to wait for a connection, as the `connect_timeout` of a database's URL says (seconds, as libpq takes it); undefined: it says nothing. Milliseconds. */
export function connectTimeoutOf(url: string): number | undefined {
  const seconds = URL.canParse(url) ? Number(new URL(url).searchParams.get('connect_timeout')) : 0;
  return Number.isInteger(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}
