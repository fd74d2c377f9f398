/** What clients see of an event that an API call made (orders-api §3.8). */
export function apiEventView(event: Record<string, unknown>): Record<string, unknown> {
  const { id, created_at, created_by, version, request, draft_id } = event
  return { event_type: 'api-event', id, created_at, created_by, version, request, draft_id }
}
