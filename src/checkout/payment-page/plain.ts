import { type Html, html } from '../../lib/html.ts'
import type { Assets } from './assets.ts'
import { type Language, languages } from './language.ts'
import { document } from './page.ts'
import { readTheme } from './theme.ts'

const theme = readTheme(undefined)

/** What a browser sees that comes without a session. */
export function landingPage(assets: Assets): Html {
  const fragment = html`<main><section class="card"><h1>Kvitt</h1>
<p>This is a Kvitt server: order management and checkout that a merchant runs itself.
There is nothing to pay at this address. A payment page is opened by the address that a session names.</p>
<ul><li><a href="docs">API reference</a></li><li><a href="healthz">Health</a></li></ul></section></main>`
  return document({ language: 'en', title: 'Kvitt', theme, assets, inline: false, fragment })
}

/** The next stop of a payment that began without JavaScript. */
export function continuePage(assets: Assets, language: Language, href: string): Html {
  const { texts } = languages[language]
  return document({
    language,
    title: texts.title,
    theme,
    assets,
    inline: false,
    head: html`<meta http-equiv="refresh" content="0;url=${href}">`,
    fragment: html`<main><section class="card centre"><h1>${texts.title}</h1><p>${texts.leaving}</p><p><a class="button"
 href="${href}">${texts.continue}</a></p></section></main>`,
  })
}

/** What the Web SDK leaves in the frame after the final event (clients §1.3). Its query is the customer's word: shown to nobody else. */
export function embedResult(
  assets: Assets,
  { language, root, query }: { language: Language; root: string; query: Readonly<Record<string, string | undefined>> },
): Html {
  const { texts } = languages[language]
  const [title, text] =
    query.error === 'cancelled'
      ? [texts.cancelled_title, texts.cancelled]
      : query.error || !query.transaction_id
        ? [texts.failed_title, texts.failed]
        : [texts.paid_title, texts.paid]
  return document({
    language,
    title,
    theme,
    assets,
    root,
    inline: true,
    fragment: html`<main><section class="card centre outcome"><h1>${title}</h1><p data-testid="message">${text}</p></section></main>`,
  })
}
