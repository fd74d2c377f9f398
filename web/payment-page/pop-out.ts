import { busy, find, isBusy, query, say, state, text } from './dom.ts'
import { place, post } from './messages.ts'

let told = ''
let opened = false

/** True when this page only launches the window in which the customer pays. */
export const isLauncher = () => place === 'frame' && query.get('role') === 'pop_out_launcher'

/** Asks the SDK to draw its button over the room we left for it, again on each change (clients §1.7). */
export function drawPopOutButton(): void {
  if (!isLauncher()) return
  const room = find('.launcher')
  if (!room) {
    if (told) post({ type: 'HidePopOutButton' })
    told = ''
    return
  }
  const box = room.getBoundingClientRect()
  const style = getComputedStyle(room)
  const edge = style.getPropertyValue('--edge') || 'transparent'
  const { background, color, radius } = state.button
  const button = {
    openLabel: text('popout_open'),
    focusLabel: text('popout_focus'),
    closeLabel: text('popout_close'),
    descriptionLabel: text('popout_description'),
    language: state.language,
    top: Math.round(box.top + window.scrollY),
    left: Math.round(box.left),
    right: Math.round(document.documentElement.clientWidth - box.right),
    styles: {
      backgroundColor: background,
      color,
      border: edge === 'transparent' ? '0' : `1px solid ${edge}`,
      borderRadius: radius,
      height: '48px',
      fontSize: '16px',
      fontWeight: '600',
      fontFamily: 'system-ui, sans-serif',
      cursor: 'pointer',
    },
    stylesHover: { backgroundColor: background, filter: 'brightness(1.1)' },
    stylesFocusVisible: { outline: `3px solid ${style.getPropertyValue('--link')}`, outlineOffset: '2px' },
    disabled: String(opened || isBusy()),
  }
  const text_of = JSON.stringify([button, state.session])
  if (text_of === told) return
  told = text_of
  post({ type: 'ShowPopOutButton', ...button, session: state.session })
}

/** The life of the pop-out window as the SDK tells it. `reload` reads the session again. */
export function popOutHandlers(reload: () => Promise<unknown>) {
  return {
    OpenedPopOut: () => {
      opened = true
      say(text('popout_description'), 'info')
      drawPopOutButton()
    },
    ValidatingPopOut: () => {
      busy('validating', true)
      say(text('validating'), 'info')
    },
    ClosedPopOut: () => {
      opened = false
      // Closed by the customer, it may be that nobody answers.
      busy('validating', false)
      // Why the merchant refused the order stays.
      if (find('#message')?.dataset.kind === 'info') say('')
      drawPopOutButton()
      void reload()
    },
    OpenPopOutFailed: async () => {
      // Fall back to paying here: the same page without its role.
      opened = false
      query.delete('role')
      history.replaceState(null, '', `${location.pathname}?${query}`)
      state.language = ''
      await reload()
      post({ type: 'HidePopOutButton' })
      say(text('popout_failed'), 'info')
    },
  }
}
