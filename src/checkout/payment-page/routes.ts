import { createHash } from 'node:crypto'
import formbody from '@fastify/formbody'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Parts } from '../../app.ts'
import { ApiError } from '../../lib/errors.ts'
import { type Html, safeHref } from '../../lib/html.ts'
import { loadAssets } from './assets.ts'
import { type Change, expressChange, type Members, untickedBoxes } from './express.ts'
import { galleryPage, gallerySid, samples } from './gallery.ts'
import { chooseLanguage } from './language.ts'
import { readView } from './operations.ts'
import { renderPage } from './page.ts'
import type { PageQuery, RefusedForm } from './parts/context.ts'
import { continuePage, embedResult, landingPage } from './plain.ts'
import { readTheme, themeCss } from './theme.ts'

const open = { config: { access: 'public' as const }, schema: { hide: true } }
type Query = PageQuery & Record<string, string | undefined>

/**
 * The hosted payment page (checkout-api §3.10.1, §7; clients §1 to §3). It reads and pays through the public endpoints of
 * the customer side, so that the page can do nothing that another page could not.
 */
export const paymentPageRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  await app.register(formbody)
  // A parameter that is there twice counts once: the first, as the script reads it.
  app.addHook('onRequest', async ({ query }) => {
    const parameters = query as Record<string, unknown>
    for (const [name, value] of Object.entries(parameters)) if (Array.isArray(value)) parameters[name] = value[0]
  })

  // Customers can't read the envelope of an error. Scripts ask for no page and get it.
  app.addHook('onSend', async (request, reply, payload) => {
    const { headers, url } = request
    if (reply.statusCode < 500 || !headers.accept?.includes('text/html')) return payload
    const { notice, ...query } = request.query as Query
    // The address of a form is not that of a page.
    if (url.startsWith('/page/')) {
      reply.code(303).header('location', backToPage({ query }, { notice: 'server_error' }))
      return ''
    }
    const { sid = '' } = query
    const accept_language = headers['accept-language']
    const view = { stage: 'error' } as const
    setPolicy(reply, {})
    return renderPage({ view, query, sid, accept_language, now: parts.clock.now(), assets: await loadAssets() }).html.markup
  })

  app.get<{ Querystring: Query }>('/', open, async (request, reply) => {
    const { sid } = request.query
    const assets = await loadAssets()
    if (!sid) return sendHtml(reply, landingPage(assets), {})
    return sendPage(parts, request, reply)
  })

  app.get<{ Params: { sid: string } }>('/v1/view/:sid', open, async (request, reply) => {
    const [path = '', query = ''] = request.url.split('?', 2)
    // Relative, so that it stays on the origin that the customer knows us by (clients §3.1).
    const up = path.endsWith('/') ? '../../../' : '../../'
    const rest = query.split('&').filter((pair) => pair && !pair.startsWith('sid='))
    return reply.redirect(`${up}?${[...rest, `sid=${encodeURIComponent(request.params.sid)}`].join('&')}`, 302)
  })

  app.get<{ Querystring: Query }>('/page/state', open, async (request, reply) => {
    const { state, fragment } = await render(parts, request)
    return reply.header('cache-control', 'no-store').send({ state, html: fragment.markup })
  })

  // An endpoint that ends in a slash makes old SDKs ask for `//embedResult/`.
  app.get<{ Querystring: Query }>('/embedResult/', open, async (request, reply) => {
    const language = chooseLanguage(request.query.language, request.headers['accept-language'])
    const root = request.url.startsWith('//') ? '../../' : '../'
    return sendHtml(reply, embedResult(await loadAssets(), { language, root, query: request.query }), {})
  })

  app.get<{ Params: { file: string } }>('/page/assets/:file', open, async (request, reply) => {
    const { js, css, js_path, css_path } = await loadAssets()
    const script = request.params.file.endsWith('.js')
    const current = request.url.split('?')[0] === `/${script ? js_path : css_path}`
    return reply
      .header('cache-control', current ? 'public, max-age=31536000, immutable' : 'no-cache')
      .header('x-content-type-options', 'nosniff')
      .type(script ? 'text/javascript; charset=utf-8' : 'text/css; charset=utf-8')
      .send(script ? js : css)
  })

  // Sample data only; a production account has no use for it.
  if (!parts.config.account_id?.startsWith('P')) {
    app.get('/page-gallery', open, async (_request, reply) => sendHtml(reply, galleryPage(await loadAssets()), {}))
    app.get<{ Params: { name: string } }>('/page-gallery/:name', open, async (request, reply) => {
      const sample = Object.hasOwn(samples, request.params.name) ? samples[request.params.name] : undefined
      if (!sample) throw new ApiError('not_found', 'The gallery has no such page.')
      const rendered = renderPage({
        view: sample.view,
        query: { ...sample.query, ...(request.query as Query) },
        sid: gallerySid,
        accept_language: request.headers['accept-language'],
        now: parts.clock.now(),
        assets: await loadAssets(),
        still: true,
        root: '../',
      })
      return sendHtml(reply, rendered.html, rendered)
    })
  }

  /** A change of the order: what the script does with a `PUT`, for a browser without it. */
  const isSaved = async (request: FastifyRequest<{ Querystring: Query }>, { path, body }: Change): Promise<boolean> => {
    if (!path) return false
    const url = `/v1/view/${encodeURIComponent(request.query.sid ?? '')}/session/order/${path}`
    const payload = body ?? {}
    return (
      (await app.inject({ method: 'PUT', url, headers: passedOn(request), remoteAddress: request.ip, payload })).statusCode < 400
    )
  }

  /** Pays with what the form says. Answers what the page shall say when that is refused, nothing when the page shows what came of it. */
  const pay = async (request: FastifyRequest<{ Querystring: Query }>, reply: FastifyReply, members: Members) => {
    const { sid = '' } = request.query
    const { checkbox, seen, ...payment } = members
    const answer = await app.inject({
      method: 'POST',
      url: `/v1/sessions/${encodeURIComponent(sid)}/pay?language=${chooseLanguage(request.query.language, undefined)}`,
      // What is paid is the order that was seen (decision 0185).
      headers: { ...passedOn(request), ...(typeof seen === 'string' ? { 'if-unmodified-since': seen } : {}) },
      remoteAddress: request.ip,
      payload: { ...payment, ...tickedBoxes(checkbox) },
    })
    const body = answer.json<{ redirect_url?: string; error?: unknown; success?: boolean; poll_url?: string }>()
    const next = safeHref(body.redirect_url)
    const language = chooseLanguage(request.query.language, request.headers['accept-language'])
    // Not a redirect: browsers hold the whole chain of a form's redirects against `form-action`.
    if (answer.statusCode < 300 && next && !body.error)
      return sendHtml(reply, continuePage(await loadAssets(), language, next), {})
    if (answer.statusCode >= 500) return 'server_error'
    if (answer.statusCode === 412) return 'updated'
    if (answer.statusCode >= 400 || (body.error !== undefined && !body.poll_url)) return 'declined'
    return reply.redirect(backToPage(request, {}, '?'), 303)
  }

  // Sent to the page's own address, so that a form that is refused is answered with the page and what was filled in.
  app.post<{ Querystring: Query; Body: Record<string, string> }>('/', open, async (request, reply) => {
    assertOwnPage(request)
    const form = request.body ?? {}
    const members = formMembers(form)
    const view = await viewOf(parts, request, request.query.sid ?? '')
    const session = 'session' in view ? view.session : undefined
    const name = request.query.form === 'address' ? 'address' : 'pay'
    const filled = filledIn(form)
    const refuse = (notice: string, wrong: RefusedForm['wrong'] = new Map()) => {
      const product = filled.get('payment_product_type') ?? request.query.product ?? ''
      return sendPage(parts, request, reply.code(422), { form: { name, filled, wrong }, notice, product })
    }
    if (name === 'pay') {
      if (!session) return reply.redirect(backToPage(request, {}, '?'), 303)
      const unticked = untickedBoxes(members, session).map((name) => [name, 'checkbox_required'] as const)
      const wrong = new Map([...marked(emptyFields(form)), ...unticked])
      if (wrong.size > 0) return refuse('', wrong)
      const refused = await pay(request, reply, members)
      return typeof refused === 'string' ? refuse(refused) : refused
    }
    const change = expressChange('address', members, session)
    if (await isSaved(request, change)) return reply.redirect(backToPage(request, {}, '?'), 303)
    return refuse(change.refused, new Map(marked(change.missing ?? [])))
  })

  for (const part of ['shipping', 'discount'] as const) {
    app.post<{ Querystring: Query; Body: Record<string, string> }>(`/page/${part}`, open, async (request, reply) => {
      assertOwnPage(request)
      const { sid = '' } = request.query
      const view = await viewOf(parts, request, sid)
      const change = expressChange(part, formMembers(request.body ?? {}), 'session' in view ? view.session : undefined)
      const done = await isSaved(request, change)
      return reply.redirect(backToPage(request, done ? {} : { notice: change.refused }), 303)
    })
  }

  app.post<{ Querystring: Query }>('/page/cancel', open, async (request, reply) => {
    assertOwnPage(request)
    const sid = encodeURIComponent(request.query.sid ?? '')
    await app.inject({
      method: 'POST',
      url: `/v1/view/${sid}/session/abandon`,
      headers: passedOn(request),
      remoteAddress: request.ip,
    })
    return reply.redirect(backToPage(request, {}), 303)
  })
}

function viewOf(parts: Parts, { ip, headers, id: request_id }: FastifyRequest, sid: string) {
  return readView(parts, { sid, ip, user_agent: headers['user-agent']?.slice(0, 1000), request_id })
}

type Answer = { form?: RefusedForm } & Pick<PageQuery, 'notice' | 'product'>

async function render(parts: Parts, request: FastifyRequest<{ Querystring: Query }>, { form, ...changes }: Answer = {}) {
  const { sid = '' } = request.query
  return renderPage({
    view: await viewOf(parts, request, sid),
    query: { ...request.query, ...changes },
    sid,
    form,
    accept_language: request.headers['accept-language'],
    now: parts.clock.now(),
    assets: await loadAssets(),
  })
}

async function sendPage(parts: Parts, request: FastifyRequest<{ Querystring: Query }>, reply: FastifyReply, answer?: Answer) {
  const { html, theme_css, logo_url } = await render(parts, request, answer)
  return sendHtml(reply, html, { theme_css, logo_url })
}

/** The headers of the customer's browser that the endpoints record. */
function passedOn({ headers }: FastifyRequest): Record<string, string> {
  const language = headers['accept-language']
  return {
    'user-agent': headers['user-agent'] ?? '',
    ...(language ? { 'accept-language': language } : {}),
  }
}

/** A form may be posted from our own page only: another site could make a customer pay or cancel. */
function assertOwnPage({ headers }: FastifyRequest): void {
  const site = headers['sec-fetch-site']
  const { origin } = headers
  const own = site ? site === 'same-origin' : !origin || (URL.canParse(origin) && new URL(origin).host === headers.host)
  if (!own) throw new ApiError('forbidden', 'This form can be sent from the payment page only.')
}

function backToPage(request: { query: Query }, changes: Record<string, string>, root = '../?'): string {
  const { notice, form, ...query } = request.query
  const pairs = Object.entries({ ...query, ...changes }).filter((pair): pair is [string, string] => typeof pair[1] === 'string')
  return `${root}${new URLSearchParams(pairs)}`
}

/**
 * `card.number=…` becomes `{card: {number}}`, at the first dot: what a merchant calls his boxes may have more. Empty fields are not sent.
 * Without prototypes: the names are anybody's.
 */
function formMembers(form: Readonly<Record<string, string>>): Members {
  const body: Members = Object.create(null)
  for (const [name, value] of Object.entries(form)) {
    const [member = '', field] = name.split(/\.(.*)/s)
    if (typeof value !== 'string' || value.trim() === '' || member === '__proto__' || field === '__proto__') continue
    const digits = name === 'card.number' || (field ?? member) === 'phone_number'
    const text = digits ? value.replace(/[\s()-]/g, '') : value.trim()
    // `1230`, `1/30`, `12 / 2030`: with the script, the field itself writes it as providers want it.
    const said =
      name === 'card.expiry' ? text.replace(/^(\d\d?)\D*(?:20)?(\d\d)$/, (_, m, y) => `${m.padStart(2, '0')}/${y}`) : text
    if (field === undefined) body[member] = said
    else {
      const known = body[member]
      const inner: Members = typeof known === 'object' ? known : Object.create(null)
      inner[field] = said
      body[member] = inner
    }
  }
  return body
}

/** What may be shown again of a form that was refused: nothing that pays, and no number of a person. */
function filledIn(form: Readonly<Record<string, unknown>>): Map<string, string> {
  const secret = /^(card|gift_card)\.|^social_security_number$/
  return new Map(
    Object.entries(form).flatMap(([name, value]) => (typeof value === 'string' && !secret.test(name) ? [[name, value]] : [])),
  )
}

const marked = (names: readonly string[]) => names.map((name) => [name, 'required'] as const)

/** The fields of a payment that came empty, which the script would not have sent: not those of the card when a saved one pays. */
function emptyFields(form: Readonly<Record<string, unknown>>): string[] {
  const unused = form.use_saved_card === 'true' ? /^(card\.|use_saved_card$)/ : /^use_saved_card$/
  return Object.keys(form).filter((name) => String(form[name]).trim() === '' && !unused.test(name))
}

/** The boxes that are ticked, as the script names them; nothing where the page has none. */
function tickedBoxes(checkbox: Members[string] | undefined) {
  if (checkbox === undefined) return {}
  return { checkboxes: Object.keys(typeof checkbox === 'object' ? checkbox : {}).map((id) => ({ id, checked: true })) }
}

type Foreign = { theme_css?: string; logo_url?: string | undefined }

function sendHtml(reply: FastifyReply, page: Html, foreign: Foreign) {
  return setPolicy(reply, foreign)
    .serializer((text: string) => text)
    .send(page.markup)
}

/** The policy of a page: our own script and styles, nothing from anybody else but the merchant's logo; any site may frame it. */
function setPolicy(reply: FastifyReply, options: Foreign): FastifyReply {
  const style = createHash('sha256')
    .update(options.theme_css ?? themeCss(readTheme(undefined)))
    .digest('base64')
  const origin = options.logo_url && URL.canParse(options.logo_url) ? new URL(options.logo_url).origin : ''
  // The name of a host may hold a semicolon, which would begin another directive.
  const logo = /^https?:[^;,']+$/.test(origin) ? ` ${origin}` : ''
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'sha256-${style}'`,
    `img-src 'self' data:${logo}`,
    "connect-src 'self'",
    "frame-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    // Apps show shops from addresses that are not the web's; `*` leaves those out.
    'frame-ancestors * capacitor: ionic: file:',
  ]
  return reply
    .header('content-security-policy', policy.join('; '))
    .header('referrer-policy', 'same-origin')
    .header('x-content-type-options', 'nosniff')
    .header('cache-control', 'no-store')
    .type('text/html; charset=utf-8')
}
