import type { SessionView } from './view.ts'

/** What a form brings: `shipping_address.city=…` is a member of a member. */
export type Members = { [member: string]: string | Members }

/** A change of the order that a form asks for: where it is `PUT`. And what the page says when it is refused, or could not be asked for. */
export type Change = { path?: string; body?: object; refused: Refused; missing?: readonly string[] }
type Refused = 'address_first' | 'address_refused' | 'shipping_refused' | 'code_refused' | 'updated'

/** What the form of one part of an express session asks for (checkout-api §3.10.2), in a browser without JavaScript. */
export function expressChange(
  part: 'address' | 'shipping' | 'discount',
  form: Members,
  session: SessionView | undefined,
): Change {
  if (part === 'address') return addressChange(form, session?.express?.customer_types)
  if (part === 'shipping') {
    const option = session?.express?.shipping_options?.find(({ line_id }) => line_id === form.shipping_option)
    if (option) return { path: 'shipping_option', body: option, refused: 'updated' }
    return { refused: form.shipping_option === undefined ? 'address_first' : 'shipping_refused' }
  }
  const codes = session?.order?.discount_codes ?? []
  const kept = codes.filter((code) => code !== form.remove_code)
  const added = form.remove_code === undefined && typeof form.discount_code === 'string' ? [form.discount_code] : []
  return { path: 'discount_codes', body: { discount_codes: [...kept, ...added] }, refused: 'code_refused' }
}

/** The names of the boxes that have to be ticked before paying and are not. The script holds its own form to that. */
export function untickedBoxes(form: Members, session: SessionView | undefined): string[] {
  const { checkbox } = form
  const ticked = typeof checkbox === 'object' ? checkbox : {}
  const shown = (session?.express && session.checkboxes) || []
  return shown.filter(({ id, required }) => required && ticked[id] === undefined).map(({ id }) => `checkbox.${id}`)
}

const person = ['first_name', 'last_name', 'address_line', 'postal_code', 'postal_place', 'country'] as const
const contact = ['email', 'phone_number'] as const
const company = ['business_name', 'organization_number'] as const

/**
 * Every field must be filled in, as the script wants it: those of a company by companies only. Where one kind of customer is
 * `offered`, the form does not ask which.
 */
function addressChange(form: Members, offered: readonly string[] = []): Change {
  const { shipping_address: to, billing_address, other_billing, customer_type = offered.join() } = form
  const asked = customer_type === 'b2b' ? [...company, ...person] : person
  const [shipping, billing] = [fieldsOf(to, [...asked, ...contact]), fieldsOf(other_billing && billing_address, asked)]
  const empty = (prefix: string, fields: Members, names: readonly string[]) =>
    names.filter((name) => !fields[name]).map((name) => `${prefix}.${name}`)
  const missing = empty('shipping_address', shipping, [...asked, ...contact])
  if (other_billing) missing.push(...empty('billing_address', billing, asked))
  if (missing.length > 0) return { refused: 'address_first', missing }
  const { email, phone_number } = shipping
  return {
    path: 'addresses',
    body: { shipping_address: shipping, billing_address: other_billing ? { email, phone_number, ...billing } : shipping },
    refused: 'address_refused',
  }
}

function fieldsOf(given: Members[string] | undefined, names: readonly string[]): Members {
  const fields = typeof given === 'object' ? given : {}
  return Object.fromEntries(names.filter((name) => fields[name]).map((name) => [name, fields[name]!]))
}
