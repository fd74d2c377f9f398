/*
 * The script of the payment page. The server renders everything; the script formats and checks fields, pays without
 * leaving the page, and speaks with the merchant's page through the Web SDK's messages.
 */
import { find, query, restored, selectedType, selectProduct, state } from './dom.ts'
import { addressCallbackResult, changeCodes, chooseShipping, codes, saveAddress, watchAddress } from './express.ts'
import { watchFields } from './fields.ts'
import { listen, place, post, watchHeight } from './messages.ts'
import { cancel, fillTestCard, pay, validationResult } from './pay.ts'
import { drawPopOutButton, popOutHandlers } from './pop-out.ts'
import { announce, changeLanguage, lock, refresh, reload, settle } from './session.ts'

let told_type: string | undefined

function tellType(type: string | undefined): void {
  if (type === told_type) return
  told_type = type
  post({ type: 'ActivePaymentProductType', payment_product_type: type })
}

function setType(type: string | undefined): void {
  if (selectProduct(type)) tellType(type)
}

function onSubmit(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement
  if (!form.dataset.form) return
  event.preventDefault()
  if (form.dataset.form === 'pay') void pay()
  if (form.dataset.form === 'cancel') void cancel()
  if (form.dataset.form === 'address') void saveAddress(form)
  if (form.dataset.form === 'discount') {
    const code = find<HTMLInputElement>('#f-discount')?.value.trim()
    if (code) void changeCodes([...codes(), code], code)
  }
}

function onChange({ target }: Event): void {
  if (!(target instanceof HTMLInputElement || target instanceof HTMLSelectElement)) return
  if (target.name === 'language') void changeLanguage(target.value, true)
  if (target.name === 'payment_product_type') setType(selectedType())
  if (target.name === 'shipping_option') void chooseShipping(target.value)
}

function onClick(event: Event): void {
  const { target } = event
  const button = target instanceof Element ? target.closest<HTMLButtonElement>('[data-action]') : null
  if (button?.dataset.action === 'test-card') fillTestCard()
  if (button?.dataset.action === 'remove-code') {
    event.preventDefault()
    void changeCodes(codes().filter((code) => code !== button.value))
  }
}

function start(): void {
  document.body.classList.add('scripted')
  if (place === 'popout') {
    post({ type: 'AppLoaded' })
    const paths = new URL(`v1/sessions/${encodeURIComponent(state.sid)}`, location.href)
    // So that the way back from a bank leads here, and not to the merchant's page in this little window.
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not everywhere
    document.cookie = `kvitt_popout=1; path=${paths.pathname}; max-age=3600; samesite=lax`
  }
  if (query.get('loader') === 'true') return
  if (restored && !state.final) {
    // The server has to know the query too, to render the page that it asks for.
    location.replace(`?${query}`)
    return
  }
  document.addEventListener('submit', onSubmit)
  document.addEventListener('change', onChange)
  document.addEventListener('click', onClick)
  watchFields()
  watchAddress()
  // A page from the back button's cache shows an old session.
  window.addEventListener('pageshow', (event) => event.persisted && void reload())
  listen({
    LockSession: lock,
    RefreshSession: refresh,
    SetActivePaymentProductType: ({ payment_product_type }) => setType(payment_product_type as string | undefined),
    ValidationResult: validationResult,
    AddressCallbackResult: addressCallbackResult,
    SetLanguage: ({ language }) => changeLanguage(String(language), false),
    ...popOutHandlers(reload),
  })
  watchHeight(drawPopOutButton)
  announce('SessionLoaded')
  settle()
}

start()
