/** How whoever reads a backend for long is slowed down, so that its other callers hardly feel it. */
export interface RequestPace {
  /** About so many bytes a request should bring: many small ones are felt less than a few large ones. Undefined: as many as the reader likes. */
  readonly requestBytes: number | undefined;
  /** Is the number of requests on their way limited? Then each of them must be made by `inTurn`, none ahead of it. */
  readonly countsRequests: boolean;
  /** Makes a request once its turn has come. Rejects as the request does, or if the reader is to stop. */
  inTurn<T>(request: () => Promise<T>): Promise<T>;
}
