import { type Html, html, scriptJson } from '../../lib/html.ts'
import { limits } from '../../lib/limits.ts'
import type { Assets } from './assets.ts'
import { chooseLanguage, type Language, languages, type Texts } from './language.ts'
import { body, ends } from './parts/body.ts'
import { createContext, type PageQuery, type RefusedForm } from './parts/context.ts'
import type { PageState, ScriptText } from './protocol.ts'
import { readTheme, type Theme, themeCss } from './theme.ts'
import { type MerchantView, stageOf, type View } from './view.ts'

/** A page and what its headers need to know. */
export type Rendered = { html: Html; theme_css: string; logo_url: string | undefined; state: PageState; fragment: Html }

const scriptTexts = [
  'processing',
  'locked',
  'updated',
  'expiring',
  'in_progress',
  'declined',
  'offline',
  'server_error',
  'leaving',
  'validating',
  'validation_failed',
  'waiting_app',
  'scan_qr',
  'this_device',
  'required',
  'card_number_wrong',
  'card_expiry_wrong',
  'card_expired',
  'card_cvc_wrong',
  'phone_number_wrong',
  'email_wrong',
  'postal_code_wrong',
  'organization_number_wrong',
  'social_security_number_wrong',
  'choose_product',
  'checkbox_required',
  'code_refused',
  'address_refused',
  'shipping_refused',
  'popout_open',
  'popout_focus',
  'popout_close',
  'popout_description',
  'popout_failed',
  'try_again',
] as const satisfies readonly ScriptText[]

function textsOfScript(texts: Texts): PageState['texts'] {
  return Object.fromEntries(scriptTexts.map((name) => [name, texts[name]])) as PageState['texts']
}

function merchantOf(view: View): MerchantView | undefined {
  if (!('session' in view)) return view.merchant
  return view.session.merchant ?? (view.session.configuration?.merchant as MerchantView | undefined)
}

/** Renders the page for one session, whatever has become of it. */
export function renderPage(input: {
  view: View
  query: PageQuery
  sid: string
  accept_language: string | undefined
  now: Date
  assets: Assets
  /** The gallery shows pages that do nothing. */
  still?: boolean
  root?: string
  form?: RefusedForm | undefined
}): Rendered {
  const { view, query, sid, assets } = input
  const language = chooseLanguage(query.language, input.accept_language)
  const stage = stageOf(view)
  const session = 'session' in view ? view.session : undefined
  const ended = 'session' in view ? undefined : view
  const final = ended?.final
  const merchant = merchantOf(view)
  const warn_in_ms = Date.parse(String(session?.expires_at)) - input.now.getTime() - limits.expiry_warned_s * 1_000
  const context = createContext({
    sid,
    stage,
    language,
    query,
    session,
    saved_cards: ('session' in view && view.saved_cards) || {},
    asks_shop: 'session' in view && view.asks_shop === true,
    form: input.form,
    ends_soon: warn_in_ms <= 0,
  })
  const theme = readTheme(session?.configuration?.theme)
  const subject = context.t[ends[stage]?.[0] ?? 'title']
  const title = merchant?.name ? `${subject} – ${merchant.name}` : subject
  const state: PageState = {
    sid,
    stage,
    language,
    title,
    ...(session ? { session } : {}),
    ...(final ? { final } : {}),
    ...(ended?.poll_path ? { poll_path: ended.poll_path } : {}),
    ...(ended?.continue_url ? { continue_url: ended.continue_url } : {}),
    now: input.now.toISOString(),
    ...(Number.isNaN(warn_in_ms) ? {} : { warn_in_ms }),
    texts: textsOfScript(context.t),
    button: { background: theme.primary, color: theme.on_primary, radius: theme.button },
  }
  const fragment = body(context, { merchant, ended })
  const onwards = final ? `1;url=${final.href}` : stage === 'processing' ? '3' : undefined
  const refresh = onwards && !input.still && html`<noscript><meta http-equiv="refresh" content="${onwards}"></noscript>`
  return {
    html: document({
      language,
      title,
      theme,
      assets,
      inline: query.ui === 'inline',
      head: refresh || undefined,
      fragment,
      ...(input.root ? { root: input.root } : {}),
      ...(input.still ? {} : { state }),
    }),
    theme_css: themeCss(theme),
    logo_url: merchant?.logo_url,
    state,
    fragment,
  }
}

/** The HTML around a page. With a state, the script takes over; without one it is plain HTML. */
export function document(input: {
  language: Language
  title: string
  theme: Theme
  assets: Assets
  /** The way from this page to the server's root, which may lie below a path that a proxy adds. */
  root?: string
  inline: boolean
  head?: Html | undefined
  state?: PageState
  fragment: Html
}): Html {
  const { language, title, theme, assets, root = '', inline, head, state, fragment } = input
  return html`<!doctype html>
<html lang="${languages[language].locale.slice(0, 2)}"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,"><link rel="stylesheet" href="${root}${assets.css_path}"><style>${rawCss(theme)}</style>
${state && html`<script type="module" src="${root}${assets.js_path}"></script>`}${head}</head>
<body class="${inline ? 'inline' : 'full'}${theme.backdrop ? ' backdrop' : ''}">${
    state && html`<div id="status" class="unseen" role="status" aria-atomic="false"></div>`
  }<div id="page" class="page">${fragment}</div>
${state && scriptJson('state', state)}</body></html>`
}

/** The theme is checked values only, none of which HTML could take for markup: escaping leaves it as it is. */
function rawCss(theme: Theme): string {
  return themeCss(theme)
}
