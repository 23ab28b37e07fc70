/**
 * The data cannot be used as they are: in use by another process, damaged, foreign, or written by
 * a newer version. Its message is one line for the person who started the server.
 */
export class StoreUnusable extends Error {
  override readonly name = "StoreUnusable";
}
