/** Who is calling: what a token says, once it was found valid. */
export interface Identity {
  readonly userId: string;
  /** The project that the token is for; undefined for a system-scoped token. */
  readonly projectId: string | undefined;
  /** Names of the roles, as the identity service expanded them: nothing is implied here. */
  readonly roles: readonly string[];
  /** Is the token for the deployment as a whole (Keystone's scope `system: all`)? */
  readonly systemScoped: boolean;
  /** When the token ends, in milliseconds since the epoch; undefined: never. */
  readonly expiresAt: number | undefined;
}

/** A project's id as it may stand in a URL, a keyspace's name or a folder's: no slash, no space, no leading dot. */
export const PROJECT_ID_PATTERN = /^[a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,63}$/;
