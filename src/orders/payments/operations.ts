import { violates } from '../../lib/db.ts'
import { ApiError } from '../../lib/errors.ts'
import { changeOrder, type Decision, getOrder } from '../orders/operations.ts'
import type { EventBase, Order, PaymentRecord, RecordType } from '../orders/order.ts'
import type { Caller, Service } from '../shared/operations.ts'
import { decideRecord, type RecordIn } from './payment.ts'

/** Records an authorization, capture, refund or cancellation; nothing of it when one item is refused (orders-api §2.9). */
export async function recordPayment(service: Service, caller: Caller, name: string, type: RecordType, body: RecordIn) {
  let record: PaymentRecord | undefined
  const decide = (order: Order, event: EventBase): Decision => {
    const { items, refusals } = decideRecord(order, type, body)
    if (refusals.length > 0) return { refusals }
    const id = body.id ?? event.id
    record = {
      ...body,
      items,
      id,
      amount: items.reduce((sum, { amount }) => sum + amount, 0),
      success: body.success ?? true,
      created_at: event.created_at,
      created_by: event.created_by,
    }
    return { change: { type, record }, event_id: id }
  }
  try {
    const { order } = await changeOrder(service, caller, name, decide)
    return { record: record!, version: order.version }
  } catch (error) {
    if (!violates(error, 'order_event_id_unique')) throw error
    const details = [{ path: '/id', message: 'Choose another id, or leave it out.' }]
    throw new ApiError('operation_id_exists', `Order ${name} has an operation ${body.id} already.`, { details })
  }
}

/** All records of one type, in the order in which they were made. */
export async function listRecords(service: Service, account_id: string, name: string, type: RecordType) {
  const { order } = await getOrder(service, account_id, name)
  return { records: order.records[type], version: order.version }
}

/** One record, or 404. */
export async function getRecord(service: Service, account_id: string, name: string, type: RecordType, id: string) {
  const { records, version } = await listRecords(service, account_id, name, type)
  const record = records.find((record) => record.id === id)
  if (!record) throw new ApiError('not_found', `Order ${name} has no ${type} ${id}.`)
  return { record, version }
}
