import { ApiError } from '../lib/errors.ts'
import type { Authenticate } from '../lib/http.ts'

/** Checks the access token (or `x-api-key`) of a request against the scopes of its route. */
export function createAuthenticate(): Authenticate {
  return async () => {
    throw new ApiError('unauthorized', 'No tokens yet.')
  }
}
