/** A merchant's colours, already checked: safe to stand in a style sheet. */
export type Theme = {
  /** False when the merchant chose no colour: then ours has a light and a dark form, in the style sheet. */
  own: boolean
  primary: string
  on_primary: string
  /** The border of filled buttons, by the customer's colour scheme: none where the fill shows by itself, and can mark what is chosen. */
  edge: { light: string; dark: string }
  backdrop: string | undefined
  on_backdrop: string
  card: string
  button: string
}

type Rgb = readonly [number, number, number]

/** Reads `#rgb`, `#rrggbb`, `#rrggbbaa`, `rgb()` and `rgba()` (checkout-api §3.13); what lies behind is taken as white. */
function readColour(text: unknown): Rgb | undefined {
  if (typeof text !== 'string') return undefined
  const hex = /^#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i.exec(text.trim())?.[1]
  if (hex) {
    const long = hex.length < 6 ? [...hex].map((digit) => digit + digit).join('') : hex
    const [r, g, b, a = 255] = (long.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))
    return overWhite([r!, g!, b!], a / 255)
  }
  const parts = /^rgba?\(([^)]*)\)$/i
    .exec(text.trim())?.[1]
    ?.split(/[\s,/]+/)
    .filter(Boolean)
  if (!parts || parts.length < 3) return undefined
  const numbers = parts.map((part) => Number.parseFloat(part) * (part.endsWith('%') ? 0.01 : 1))
  if (numbers.slice(0, 4).some((number) => !Number.isFinite(number))) return undefined
  const [r, g, b, a = 1] = numbers
  return overWhite([r!, g!, b!], Math.min(1, Math.max(0, a)))
}

function overWhite(colour: Rgb, alpha: number): Rgb {
  const channel = (value: number) => Math.round(Math.min(255, Math.max(0, value)) * alpha + 255 * (1 - alpha))
  return [channel(colour[0]), channel(colour[1]), channel(colour[2])]
}

/** Relative luminance, 0 to 1 (WCAG 2). */
function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((value) => {
    const share = value / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}

/** Black or white, whichever is easier to read on `colour`: always at least 4.5 to 1. */
function textOn(colour: Rgb): string {
  const light = luminance(colour)
  return (light + 0.05) / 0.05 > 1.05 / (light + 0.05) ? '#000000' : '#ffffff'
}

/** The card that buttons stand on, as in page.css. */
const surfaces = { light: [255, 255, 255], dark: [28, 37, 35] } as const

/** The parts of the page that one has to see to use it need 3 to 1 (WCAG 1.4.11); the page's lines have that. */
function edgeOn(surface: Rgb, fill: Rgb): string {
  const [a, b] = [luminance(surface) + 0.05, luminance(fill) + 0.05]
  return Math.max(a, b) / Math.min(a, b) < 3 ? 'var(--line)' : 'transparent'
}

const css = (colour: Rgb) => `rgb(${colour.join(' ')})`
const radius = (value: unknown, fallback: string) => {
  const text = typeof value === 'number' ? `${value}px` : typeof value === 'string' ? value.trim() : ''
  return /^\d{1,3}(\.\d{1,2})?(px|rem|em|%)$/.test(text) ? text : /^\d{1,3}$/.test(text) ? `${text}px` : fallback
}

/** Checks the theme of the configuration; what can't be read is left at ours. */
export function readTheme(theme: unknown): Theme {
  const { primary, backdrop, cardRadius, buttonRadius } = (theme ?? {}) as Record<string, unknown>
  const chosen = readColour(primary)
  const colour = chosen ?? ([22, 82, 70] as const)
  const behind = readColour(backdrop)
  return {
    own: chosen !== undefined,
    primary: css(colour),
    on_primary: textOn(colour),
    edge: { light: edgeOn(surfaces.light, colour), dark: edgeOn(surfaces.dark, colour) },
    backdrop: behind && css(behind),
    on_backdrop: behind ? textOn(behind) : '',
    card: radius(cardRadius, '12px'),
    button: radius(buttonRadius, '8px'),
  }
}

/** The theme as a style sheet. It holds nothing but checked values. */
export function themeCss(theme: Theme): string {
  const behind = theme.backdrop ? `--backdrop:${theme.backdrop};--on-backdrop:${theme.on_backdrop};` : ''
  const { light, dark } = theme.edge
  const visible = (edge: string) => `--edge:${edge};--chosen:var(${edge === 'transparent' ? '--primary' : '--text'})`
  const colours = theme.own ? `--primary:${theme.primary};--on-primary:${theme.on_primary};${visible(light)};` : ''
  const night = theme.own && light !== dark ? `@media (prefers-color-scheme:dark){:root{${visible(dark)}}}` : ''
  return `:root{${colours}${behind}--card-radius:${theme.card};--button-radius:${theme.button}}${night}`
}
