import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { HttpUrl } from '../../lib/schema.ts'

/** A URL that our server calls, or that the page shows an image or a link of. Whether it is one, {@link urlsRefusal} says. */
export const WebUrl = { ...HttpUrl, maxLength: limits.url_length_max } as typeof HttpUrl

/** Which of these is a URL in name only: nobody could open it, and its owner would not hear of that. Apps have schemes of their own. */
export function urlsRefusal(urls: readonly [path: string, url: string | undefined][]): Refusal | undefined {
  const wrong = urls.find(([, url]) => url !== undefined && /^https?:/i.test(url) && !hasHost(url))
  if (!wrong) return undefined
  const [path] = wrong
  return {
    code: 'invalid_request',
    path,
    message: `${path} must be a URL with a host of at most ${limits.host_length_max} characters.`,
  }
}

function hasHost(url: string): boolean {
  return URL.canParse(url) && new URL(url).hostname.length <= limits.host_length_max
}

/** The URL as a header can hold it: what is not ASCII is written as browsers write it, and line ends are gone. Any other stays as it is. */
export function asciiUrl(url: string): string {
  if (/^[\x21-\x7e]*$/.test(url)) return url
  return URL.canParse(url) ? new URL(url).href : url.replace(/[^\x21-\x7e]+/g, encodeURIComponent)
}
