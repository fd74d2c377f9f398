import { type Language, languages, money, type Texts } from '../language.ts'
import type { Stage } from '../protocol.ts'
import type { SavedCards, SessionView } from '../view.ts'

/** The query of the page as the Web SDK writes it (clients §1.3). Unknown members are ignored. */
export type PageQuery = {
  sid?: string
  language?: string
  ui?: string
  role?: string
  sdk?: string
  loader?: string
  client_side_validation?: string
  client_side_address_callback?: string
  hide_test_message?: string
  sdk_not_top_level?: string
  /** Ours, for a browser without JavaScript: the product whose fields are shown, and what to say at the top. */
  product?: string
  notice?: string
}

/** What every part of the page is rendered from. */
export type Context = {
  sid: string
  stage: Stage
  language: Language
  t: Texts
  query: PageQuery
  session: SessionView
  saved_cards: SavedCards
  asks_shop: boolean
  test: boolean
  form?: RefusedForm | undefined
  ends_soon: boolean
}

/** A form that a browser without JavaScript sent and that was refused: what was filled in, and what is wrong, by the field's name. */
export type RefusedForm = {
  name: 'address' | 'pay'
  filled: ReadonlyMap<string, string>
  wrong: ReadonlyMap<string, 'required' | 'checkbox_required'>
}

export function createContext(
  input: Pick<Context, 'sid' | 'stage' | 'language' | 'query' | 'saved_cards' | 'asks_shop' | 'form' | 'ends_soon'> & {
    session: SessionView | undefined
  },
): Context {
  const { sid, language } = input
  return { ...input, t: languages[language].texts, session: input.session ?? { id: sid }, test: sid.startsWith('T') }
}

/** An amount of this session's currency. */
export function amountText({ language, session }: Context, amount: number): string {
  return money(language, amount, session.order?.currency ?? 'NOK')
}

/** The page's own query, changed; what is not ours is dropped. */
export function pageQuery(context: Context, changes: Partial<PageQuery> = {}): string {
  const { sid, query, language } = context
  const kept: PageQuery = { ...query, sid, language, ...changes }
  const names = [
    'sid',
    'language',
    'ui',
    'role',
    'sdk',
    'client_side_validation',
    'client_side_address_callback',
    'hide_test_message',
  ]
  const pairs = [...names, 'sdk_not_top_level', 'product', 'notice'].map((name) => [name, kept[name as keyof PageQuery]])
  return new URLSearchParams(pairs.filter((pair): pair is [string, string] => Boolean(pair[1]))).toString()
}
